"""Soak test: many models in little memory while everything fails repeatedly; every answer must be right.

20,000 requests, distributed over 200 models by Zipf's law, go through a local endpoint whose memory holds 40
of them and whose disk holds 80. The server is killed five times. Requests with a retryable error are retried;
one that never gets a right answer is lost.

--container mms: soak AWS's Multi Model Server instead of Triton.
--disconnects N: N of 100 callers leave in the middle of a request, and ask again.
--full-disks N: the disk is filled N times. It must be a small file system: mount one and set TMPDIR to it.

Run it: python -m benchmarks.soak [--requests N] [--models N] [--room N] [--kills N] [--container C] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil

from benchmarks.local_endpoint import ENDPOINT, IMAGE, SIGNED, echo_model, local_runtime
from benchmarks.report import AS_JSON, report
from mme_local import launcher
from mme_local.containers.http_pool import ConnectionLostError, HttpPool, HttpResponse
from mme_local.run_files import RunFile

MODEL_BYTES: Final = 10_000
"""Every model unpacks to this, so that a budget is a number of models."""
TRIES: Final = 50
SAMPLES: Final = 40
_ZIPF: Final = 1.1
_PATH: Final = f"/endpoints/{ENDPOINT}/invocations"
_NO_SPACE: Final = "ModelError, the disk is full"
_REQUEST_SECONDS: Final = 90.0
_RETRY_SECONDS: Final = 0.2
_POLL_SECONDS: Final = 0.05
_LEAVE_SECONDS: Final = 0.03
"""Longest time after which a caller leaves; a request of a loaded model takes a few milliseconds."""
FULL_REQUESTS: Final = 20
"""Requests that must have met a full disk before it has space again."""
_DISK_BYTES: Final = 2**30
"""Only a file system that is smaller is filled: it belongs to the test alone."""

_PROGRAM: Final = {
    "SAGEMAKER_PROGRAM": "inference.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": str(Path(__file__).with_name("echo_program")),
}
_CONTAINERS: Final = {
    # Each python model takes this much of /dev/shm, which may be small.
    "triton": (IMAGE, {"SAGEMAKER_TRITON_SHM_DEFAULT_BYTE_SIZE": str(1024 * 1024)}),
    "mms": ("soak:1", _PROGRAM),
}
"""Image and environment of each container."""


@dataclass
class Outcome:
    """The results of all requests.

    Attributes:
        requests: Requests to answer.
        right: Answered correctly in the end.
        at_once: Of these, by their first try.
        wrong: Answered with another number than the model's.
        lost: Never answered correctly; each with its last error in `fatal`.
        retried: Errors that were retried, by name.
        fatal: Errors that no client retries, by name and text.
        disconnects: Callers that left in the middle of a request.
        kills: Times that the server was killed.
        full_disks: Times that the disk was filled.
        loaded_at_most: Most models in memory at once.
        seconds: Duration.
        p50_ms: Median time of a request, retries included.
        p99_ms: 99th percentile.
        memory_mib: Memory of the gateway's process, at regular numbers of requests.
    """

    requests: int
    right: int = 0
    at_once: int = 0
    wrong: int = 0
    lost: int = 0
    retried: Counter[str] = field(default_factory=Counter)
    fatal: Counter[str] = field(default_factory=Counter)
    disconnects: int = 0
    kills: int = 0
    full_disks: int = 0
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


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The size of a soak. The defaults are the whole one.

    Attributes:
        requests: Number of requests.
        models: Number of models.
        room: Number of models that fit into memory.
        kills: Times that the server is killed, at equal distances.
        disconnects: Percent of the callers that leave in the middle of a request.
        full_disks: Times that the disk is filled, at equal distances, for `FULL_REQUESTS` failed requests.
        connections: Concurrent requests.
        seed: Seed of the models' order.
        container: What serves, ``triton`` or ``mms``.
    """

    requests: int = 20_000
    models: int = 200
    room: int = 40
    kills: int = 5
    disconnects: int = 0
    full_disks: int = 0
    connections: int = 16
    seed: int = 1
    container: str = "triton"


def soak(plan: Plan) -> Outcome:
    """Start a runtime, send the requests, stop it."""
    image, environment = _CONTAINERS[plan.container]
    with local_runtime(
        {_target(number): _files(plan.container, number) for number in range(plan.models)},
        image=image,
        environment=environment,
        memory_mib=(plan.room + 0.5) * MODEL_BYTES / 1024 / 1024,
        disk_mib=(2 * plan.room + 0.5) * MODEL_BYTES / 1024 / 1024,
        weight_factor=1,
    ) as state:
        return asyncio.run(_Soak(plan, state).run())


def _files(container: str, number: int) -> dict[str, str]:
    if container == "mms":
        return {"added": str(number), "padding": "x" * (MODEL_BYTES - len(str(number)))}
    return echo_model((1,), "INT32", added=number, size=MODEL_BYTES)


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
        self._leaving = random.Random(plan.seed + 1)  # noqa: S311 - a separate sequence
        self._out_of_space = 0

    async def run(self) -> Outcome:
        began = time.monotonic()
        background = [asyncio.create_task(task()) for task in (self._kill, self._fill, self._watch)]
        try:
            await asyncio.gather(*(self._caller() for _ in range(self._plan.connections)))
            await asyncio.gather(*background[:2])
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
            if self._leaving.randrange(100) < self._plan.disconnects:
                await self._leave(index, number)
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
            self._out_of_space += error == _NO_SPACE
            await asyncio.sleep(_RETRY_SECONDS)
        outcome.lost += 1
        outcome.fatal[error] += 1

    async def _leave(self, index: int, number: int) -> None:
        """Send a request, or the beginning of one, and disconnect without reading the answer."""
        headers, body = _request(index, number)
        head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "localhost", **headers}.items())
        sent = f"POST {_PATH} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        _, writer = await asyncio.open_connection("127.0.0.1", self._state.port)
        whole = self._leaving.random() < 0.5
        writer.write(sent if whole else sent[: self._leaving.randrange(len(sent))])
        await asyncio.sleep(self._leaving.random() * _LEAVE_SECONDS)
        if self._leaving.random() < 0.5:
            writer.transport.abort()  # a reset instead of an end
        writer.close()
        self._outcome.disconnects += 1

    async def _ask(self, index: int, number: int) -> HttpResponse:
        headers, body = _request(index, number)
        return await self._http.request("POST", _PATH, headers, body)

    async def _kill(self) -> None:
        plan = self._plan
        for kill in range(plan.kills):
            await self._answered(plan.requests * (kill + 1) // (plan.kills + 1))
            while True:
                if pid := (await self._instance())["pid"]:  # none while it is started again
                    break
                await asyncio.sleep(_POLL_SECONDS)
            os.kill(pid, signal.SIGKILL)
            self._outcome.kills += 1

    async def _fill(self) -> None:
        plan = self._plan
        for full in range(plan.full_disks):
            await self._answered(plan.requests * (2 * full + 1) // (2 * plan.full_disks))
            await self._fill_until(plan.requests * (full + 1) // plan.full_disks)

    async def _fill_until(self, requests: int) -> None:
        """Fill the disk until requests failed by it, or so many are answered."""
        before = self._out_of_space
        with _full(Path(self._state.workdir)):
            await _until(
                lambda: self._out_of_space >= before + FULL_REQUESTS or len(self._seconds) >= requests
            )
        self._outcome.full_disks += self._out_of_space > before

    async def _answered(self, requests: int) -> None:
        await _until(lambda: len(self._seconds) >= requests)

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


def _request(index: int, number: int) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a request.

    Args:
        index: Its number, which the model adds its own to.
        number: Of its model.
    """
    tensor = {"name": "X", "datatype": "INT32", "shape": [1], "data": [index]}
    headers = {
        "Authorization": SIGNED,
        "Content-Type": "application/json",
        "X-Amzn-SageMaker-Target-Model": _target(number),
    }
    return headers, json.dumps({"inputs": [tensor]}).encode()


async def _until(condition: Callable[[], bool]) -> None:
    while True:
        if condition():
            return
        await asyncio.sleep(_POLL_SECONDS)


@contextmanager
def _full(folder: Path) -> Iterator[None]:
    """Leave no byte free in the file system of a folder while the block runs."""
    with tempfile.TemporaryFile(dir=folder.parent, buffering=0) as ballast:
        with suppress(OSError):
            while True:
                ballast.write(bytes(2**20))
        yield


def why_not_fill() -> str | None:
    """Return why the disk of the temporary folder may not be filled; None if it may."""
    folder = tempfile.gettempdir()
    size = shutil.disk_usage(folder).total
    if size <= _DISK_BYTES:
        return None
    return (
        f"the file system of {folder} has {size / 2**30:.0f} GiB, and may have 1: "
        "mount -t tmpfs -o size=300m tmpfs FOLDER, and set TMPDIR to FOLDER"
    )


def _retriable(answer: HttpResponse) -> str:
    """Return the error's name if a caller should retry; an empty string otherwise."""
    content = json.loads(answer.body)
    name = answer.headers.get("x-amzn-errortype", "")
    if name in ("ModelNotReadyException", "ServiceUnavailable"):
        return name
    # The container ended during its answer: there is no status.
    if name == "ModelError" and content.get("OriginalStatusCode") == 0:
        return "ModelError, the container ended"
    if name == "ModelError" and "No space left on device" in content.get("OriginalMessage", ""):
        return _NO_SPACE
    return ""


def _target(number: int) -> str:
    return f"model-{number:03d}_v0.tar.gz"


def main() -> None:
    """Run the soak test and print the counts; exit with status 1 if an answer was missing or wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    for name, default in vars(Plan()).items():
        choices = tuple(_CONTAINERS) if name == "container" else None
        option, about = f"--{name.replace('_', '-')}", f"by default {default}"
        parser.add_argument(option, type=type(default), choices=choices, default=default, help=about)
    parser.add_argument(AS_JSON, action="store_true", help="print JSON")
    given = vars(parser.parse_args())
    given.pop("json")
    if given["full_disks"] and (reason := why_not_fill()):
        parser.error(reason)
    outcome = soak(Plan(**given))
    facts = vars(outcome) | {
        "clean": outcome.clean,
        "memory_mib": outcome.memory_mib[-1],
        "memory_growth_mib": round(outcome.memory_growth_mib, 1),
        "retried": dict(outcome.retried),
        "fatal": dict(outcome.fatal),
    }
    report("soak", [{"": name, "value": value} for name, value in facts.items()])
    sys.exit(0 if outcome.clean else 1)


if __name__ == "__main__":
    main()
