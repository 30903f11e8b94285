"""Soak test: many models in little memory while Triton is killed repeatedly; every answer must be right.

20,000 requests, distributed over 200 models by Zipf's law, go through a local endpoint whose memory holds 40
of them. Triton is killed five times. Requests with a retryable error are retried; one that never gets a right
answer is lost.

Run it: python -m benchmarks.soak [--requests N] [--models N] [--room N] [--kills N] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

import psutil

from benchmarks.local_endpoint import ENDPOINT, local_runtime
from mme_local import launcher
from mme_local.containers.http_pool import ConnectionLostError, HttpPool, HttpResponse
from mme_local.run_files import RunFile

MODEL_BYTES: Final = 10_000
"""Every model unpacks to this, so that a budget is a number of models."""
TRIES: Final = 50
SAMPLES: Final = 40
_ZIPF: Final = 1.1
_REQUEST_SECONDS: Final = 90.0
_RETRY_SECONDS: Final = 0.2
_POLL_SECONDS: Final = 0.05
_SIGNED: Final = (
    "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/sagemaker/aws4_request, SignedHeaders=host, "
    f"Signature={'0' * 64}"
)
_CONFIG: Final = """
backend: "python"
input [{ name: "X" data_type: TYPE_INT32 dims: [1] }]
output [{ name: "Y" data_type: TYPE_INT32 dims: [1] }]
"""
_CODE: Final = """
import triton_python_backend_utils as pb_utils
class TritonPythonModel:
    def execute(self, requests):
        return [
            pb_utils.InferenceResponse(
                [pb_utils.Tensor("Y", pb_utils.get_input_tensor_by_name(request, "X").as_numpy() + NUMBER)]
            )
            for request in requests
        ]
"""


@dataclass
class Outcome:
    """The results of all requests.

    Attributes:
        requests: how many were to be answered.
        right: answered rightly in the end.
        at_once: of these, by their first try.
        wrong: answered with another number than the model's.
        lost: never answered rightly; each with its last error in `fatal`.
        retried: errors that were retried, by name.
        fatal: errors that no client retries, by name and text.
        kills: how often Triton was killed.
        loaded_at_most: most models in memory at once.
        seconds: it took.
        p50_ms: median time of a request, retries included.
        p99_ms: of 99 of 100.
        memory_mib: of the gateway's process, from when the models were all known to the end.
    """

    requests: int
    right: int = 0
    at_once: int = 0
    wrong: int = 0
    lost: int = 0
    retried: Counter[str] = field(default_factory=Counter)
    fatal: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    loaded_at_most: int = 0
    seconds: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    memory_mib: list[float] = field(default_factory=list)

    @property
    def memory_growth_mib(self) -> float:
        """The last quarter's median over the second quarter's: the first one fills caches."""
        quarter = len(self.memory_mib) // 4
        if not quarter:
            return 0.0
        return median(self.memory_mib[-quarter:]) - median(self.memory_mib[quarter : 2 * quarter])

    @property
    def clean(self) -> bool:
        """Whether every request got a correct answer."""
        return self.right == self.requests and not (self.wrong or self.lost or self.fatal)

    def facts(self) -> dict[str, Any]:
        """Return the results as a JSON object."""
        return vars(self) | {"clean": self.clean, "memory_growth_mib": round(self.memory_growth_mib, 1)}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The size of a soak. The defaults are the whole one.

    Attributes:
        requests: how many.
        models: over how many models.
        room: for how many models the budget is.
        kills: how often Triton is killed, at even distances.
        connections: requests at once.
        seed: of the models' order.
    """

    requests: int = 20_000
    models: int = 200
    room: int = 40
    kills: int = 5
    connections: int = 16
    seed: int = 1


def soak(plan: Plan) -> Outcome:
    """Start a runtime, send the requests, stop it."""
    models = {_target(number): _model(number) for number in range(plan.models)}
    with local_runtime(
        models,
        environment={
            "SAGEMAKER_TRITON_ADDITIONAL_ARGS": "--disable-auto-complete-config",
            # Each python model takes this much of /dev/shm, which may be small.
            "SAGEMAKER_TRITON_SHM_DEFAULT_BYTE_SIZE": str(1024 * 1024),
        },
        memory_mib=(plan.room + 0.5) * MODEL_BYTES / 1024 / 1024,
        weight_factor=1,
    ) as state:
        return asyncio.run(_Soak(plan, state).run())


class _Soak:
    def __init__(self, plan: Plan, state: RunFile) -> None:
        self._plan = plan
        self._state = state
        self._http = HttpPool(state.port)
        self._outcome = Outcome(plan.requests)
        self._seconds: list[float] = []
        weights = [1 / (rank + 1) ** _ZIPF for rank in range(plan.models)]
        # Which request is next, and of which model.
        chance = random.Random(plan.seed)  # noqa: S311 - the same models in each run
        choice = chance.choices(range(plan.models), weights, k=plan.requests)
        self._left = iter(enumerate(choice))

    async def run(self) -> Outcome:
        began = time.monotonic()
        background = [asyncio.create_task(self._kill()), asyncio.create_task(self._watch())]
        try:
            await asyncio.gather(*(self._caller() for _ in range(self._plan.connections)))
            await background[0]
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            self._http.close()
        outcome = self._outcome
        outcome.seconds = round(time.monotonic() - began, 1)
        ordered = sorted(self._seconds)
        outcome.p50_ms = round(ordered[len(ordered) // 2] * 1000, 2)
        outcome.p99_ms = round(ordered[len(ordered) * 99 // 100] * 1000, 2)
        return outcome

    async def _caller(self) -> None:
        for index, number in self._left:
            began = time.monotonic()
            await self._until_right(index, number)
            self._seconds.append(time.monotonic() - began)

    async def _until_right(self, index: int, number: int) -> None:
        outcome = self._outcome
        error = "never tried"
        for attempt in range(TRIES):
            try:
                async with asyncio.timeout(_REQUEST_SECONDS):
                    answer = await self._ask(index, number)
            except (ConnectionLostError, OSError, TimeoutError) as failure:
                # The gateway itself has to answer, whatever becomes of Triton.
                error = f"no answer: {type(failure).__name__} {failure}"
                break
            if answer.status == 200:
                if json.loads(answer.body)["outputs"][0]["data"] == [index + number]:
                    outcome.right += 1
                    outcome.at_once += attempt == 0
                else:
                    outcome.wrong += 1
                return
            error = _retriable(answer)
            if not error:
                error = f"{answer.status} {answer.body.decode(errors='replace')[:200]}"
                break
            outcome.retried[error] += 1
            await asyncio.sleep(_RETRY_SECONDS)
        outcome.lost += 1
        outcome.fatal[error] += 1

    async def _ask(self, index: int, number: int) -> HttpResponse:
        tensor = {"name": "X", "datatype": "INT32", "shape": [1], "data": [index]}
        headers = {
            "Authorization": _SIGNED,
            "Content-Type": "application/json",
            "X-Amzn-SageMaker-Target-Model": _target(number),
        }
        body = json.dumps({"inputs": [tensor]}).encode()
        return await self._http.request("POST", f"/endpoints/{ENDPOINT}/invocations", headers, body)

    async def _kill(self) -> None:
        plan = self._plan
        for kill in range(plan.kills):
            due = plan.requests * (kill + 1) // (plan.kills + 1)
            while True:
                await asyncio.sleep(_POLL_SECONDS)
                if len(self._seconds) < due:
                    continue
                if pid := (await self._instance())["pid"]:  # none while it is started again
                    break
            os.kill(pid, signal.SIGKILL)
            self._outcome.kills += 1

    async def _watch(self) -> None:
        """Sample the gateway's memory at regular numbers of requests."""
        gateway = psutil.Process(self._state.pid)
        sample = 0
        while True:
            if len(self._seconds) * SAMPLES >= sample * self._plan.requests:
                sample += 1
                models = (await self._instance())["models"]
                ready = sum(model["state"] == "ready" for model in models)
                self._outcome.loaded_at_most = max(self._outcome.loaded_at_most, ready)
                self._outcome.memory_mib.append(round(gateway.memory_info().rss / 1024 / 1024, 1))
            await asyncio.sleep(_POLL_SECONDS)

    async def _instance(self) -> dict[str, Any]:
        while True:
            status = await asyncio.to_thread(launcher.ask_status, self._state)
            # None before the first request, or before the runtime has read the deployment.
            if status["endpoints"]:
                instance: dict[str, Any] = status["endpoints"][0]["instances"][0]
                return instance
            await asyncio.sleep(_POLL_SECONDS)


def _retriable(answer: HttpResponse) -> str:
    """Return the error's name if a caller should retry; an empty string otherwise."""
    content = json.loads(answer.body)
    name = answer.headers.get("x-amzn-errortype", "")
    if name in ("ModelNotReadyException", "ServiceUnavailable"):
        return name
    # The container ended during its answer: there is no status.
    if name == "ModelError" and content.get("OriginalStatusCode") == 0:
        return "ModelError, the container ended"
    return ""


def _target(number: int) -> str:
    return f"model-{number:03d}_v0.tar.gz"


def _model(number: int) -> dict[str, str]:
    code = _CODE.replace("NUMBER", str(number))
    padding = MODEL_BYTES - len(_CONFIG) - len(code) - 2
    return {"config.pbtxt": _CONFIG, "1/model.py": f"{code}#{'x' * padding}\n"}


def main() -> None:
    """Run the soak test and print the counts; exit with status 1 if an answer was missing or wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    whole = Plan()
    for name in ("requests", "models", "room", "kills", "connections", "seed"):
        default = getattr(whole, name)
        parser.add_argument(f"--{name}", type=int, default=default, help=f"by default {default}")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = vars(parser.parse_args())
    as_json = given.pop("json")
    outcome = soak(Plan(**given))
    if as_json:
        print(json.dumps(outcome.facts(), indent=2))  # noqa: T201
    else:
        _print(outcome)
    sys.exit(0 if outcome.clean else 1)


def _print(outcome: Outcome) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    rows: list[tuple[str, object]] = [
        ("requests", f"{outcome.requests:,}"),
        ("right", f"{outcome.right:,}"),
        ("  of these by their first try", f"{outcome.at_once:,}"),
        ("wrong", outcome.wrong),
        ("lost", outcome.lost),
        *((f"retried: {name}", count) for name, count in outcome.retried.items()),
        *((f"[red]not retried: {name}[/]", count) for name, count in outcome.fatal.items()),
        ("Triton killed", outcome.kills),
        ("models in memory at most", outcome.loaded_at_most),
        ("median and 99th percentile", f"{outcome.p50_ms:g} and {outcome.p99_ms:g} ms"),
        ("gateway's memory at the end", f"{outcome.memory_mib[-1]:g} MiB"),
        ("  grown since the second quarter", f"{outcome.memory_growth_mib:.1f} MiB"),
        ("seconds", outcome.seconds),
    ]
    for name, value in rows:
        table.add_row(name, str(value))
    Console().print(table)


if __name__ == "__main__":
    main()
