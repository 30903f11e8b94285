"""Compare XGBoost on the local endpoint with AWS's Multi Model Server, which serves it, asked directly.

Warm requests, one row of 50 columns as CSV, at 1, 4 and 16 connections; a cold request with its download
against the server's load; the start of an endpoint. Then many models in memory for some, whose answers must
be XGBoost's own; and the memory of all processes over many calls. Compare ratios within one run.

Run it: python -m benchmarks.mms [--rounds N] [--requests N] [--models N] [--room N] [--calls N] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import psutil
import xgboost

from benchmarks.gateway import Target, compare_warm, load_directly, row
from benchmarks.local_endpoint import Files, local_runtime
from benchmarks.report import AS_JSON, report
from benchmarks.sample_models import write_files
from mme.client import EncodedRequest
from mme_local import launcher
from mme_local.containers.mms.container import SOCKET
from mme_local.run_files import RunFile

IMAGE: Final = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"
COLUMNS: Final = 50
_GOALS: Final = 1.5, 0.7
_ROW: Final = np.random.default_rng(1).normal(size=(1, COLUMNS)).astype(np.float32)
_REQUEST: Final = EncodedRequest(",".join(str(value) for value in _ROW[0]).encode(), "text/csv")
_POLL_SECONDS: Final = 0.05
_SAMPLES: Final = 20


@dataclass(frozen=True, slots=True)
class Model:
    """An XGBoost model and its answer.

    Attributes:
        files: Of its archive.
        answer: XGBoost's own prediction for the row that is sent.
    """

    files: Files
    answer: float

    @property
    def size(self) -> int:
        """Bytes of its file."""
        return len(self.files["xgboost-model"])


@cache
def model(seed: int) -> Model:
    """Train a model of 50 trees, whose answer differs from any other seed's."""
    rows = np.random.default_rng(seed).normal(size=(200, COLUMNS))
    labels = rows[:, seed % COLUMNS] + seed
    booster = xgboost.train({"nthread": 1, "max_depth": 3}, xgboost.DMatrix(rows, labels), 50)
    files = {"xgboost-model": bytes(booster.save_raw("ubj"))}
    return Model(files, float(booster.predict(xgboost.DMatrix(_ROW))[0]))


def speed(rounds: int, requests: int) -> list[dict[str, object]]:
    """Return rows that compare the local endpoint with the server.

    Args:
        rounds: In which both take turns.
        requests: Of each kind in a round.
    """
    names = [_name(number) for number in range(rounds + 1)]
    models = {name: model(number).files for number, name in enumerate(names)}
    began = time.perf_counter()
    with local_runtime(models, image=IMAGE) as state:
        _instance(state)
        started = row("start, with embedded AWS", 0, time.perf_counter() - began, "s")
        return [started, *asyncio.run(_compare(state, names, requests))]


async def _compare(state: RunFile, names: list[str], requests: int) -> list[dict[str, object]]:
    socket = f"/proc/{_instance(state)['pid']}/cwd/{SOCKET}"
    direct, gateway = [], []
    with tempfile.TemporaryDirectory(dir=state.workdir) as folder:
        for number, name in enumerate(names):
            target = Target.gateway(state, name, _REQUEST)
            gateway.append(await target.seconds())
            target.pool.close()
            path = write_files(Path(folder) / name / "model", model(number).files)
            direct.append(await load_directly(socket, f"direct-{name}", path, _REQUEST))
        # The first ones read the packages from disk, and are not counted.
        cold = row("cold request, with download", median(direct[1:]) * 1000, median(gateway[1:]) * 1000, "ms")
        ours, theirs = (
            Target.gateway(state, names[0], _REQUEST),
            Target.direct(socket, names[0], _REQUEST),
        )
        warm = await compare_warm("CSV", theirs, ours, len(names) - 1, requests, _GOALS)
        ours.pool.close()
        theirs.pool.close()
    return [cold, *warm]


def many_models(models: int, room: int) -> Mapping[str, object]:
    """Call each model in turn, then the first ones again; count answers, loads and evictions.

    Args:
        models: Their number.
        room: How many of them fit into memory.
    """
    files = {_name(number): model(number).files for number in range(models)}
    memory = room * max(model(number).size for number in range(models))
    order = [*range(models), *range(models - room, models), *range(room)]
    with local_runtime(files, image=IMAGE, memory_mib=memory / 2**20, weight_factor=1) as state:
        return asyncio.run(_visit(state, order))


async def _visit(state: RunFile, order: list[int]) -> Mapping[str, object]:
    found: Counter[str] = Counter()
    most = 0
    loaded: set[str] = set()
    seconds = []
    for number in order:
        target = Target.gateway(state, _name(number), _REQUEST)
        began = time.perf_counter()
        answer = await target.pool.request("POST", target.path, target.headers, target.body)
        seconds.append(time.perf_counter() - began)
        target.pool.close()
        right = answer.status == 200 and np.isclose(json.loads(answer.body)[0], model(number).answer)
        found["right answers" if right else "wrong answers"] += 1
        now = {one["name"] for one in _instance(state)["models"] if one["state"] == "ready"}
        found["loads"] += len(now - loaded)
        found["evictions"] += len(loaded - now)
        loaded, most = now, max(most, len(now))
    return {
        "requests": len(order),
        "right answers": 0,
        "wrong answers": 0,
        **found,
        "models in memory at most": most,
        "seconds of a request, median": median(seconds),
    }


def memory(calls: int) -> Mapping[str, object]:
    """Return the memory of all processes over many calls of one model.

    As many calls come first and are not measured: Java fills its heap.

    Args:
        calls: Their number.
    """
    with local_runtime({_name(0): model(0).files}, image=IMAGE) as state:
        return asyncio.run(_call(state, calls))


async def _call(state: RunFile, calls: int) -> Mapping[str, object]:
    target = Target.gateway(state, _name(0), _REQUEST)
    await target.seconds()
    processes = {
        "the local endpoint": psutil.Process(state.pid),
        "Java": (java := psutil.Process(_instance(state)["pid"])),
        "the model's process": java.children(recursive=True)[-1],
    }
    sampled: dict[str, list[float]] = {name: [] for name in processes}
    for call in range(-calls, calls):
        await target.seconds()
        if call >= 0 and call % (calls // _SAMPLES) == 0:
            for name, process in processes.items():
                sampled[name].append(process.memory_info().rss / 2**20)
    target.pool.close()
    quarter = _SAMPLES // 4
    grown = {name: median(taken[-quarter:]) - median(taken[:quarter]) for name, taken in sampled.items()}
    growth = {f"MiB of {name}": f"{taken[-1]:.1f}, {grown[name]:+.1f}" for name, taken in sampled.items()}
    return {"calls": calls, **growth}


def _name(number: int) -> str:
    return f"churn-{number}_v0.tar.gz"


def _instance(state: RunFile) -> dict[str, Any]:
    """Return the endpoint's instance, once it runs."""
    while True:
        if endpoints := launcher.ask_status(state)["endpoints"]:
            instance: dict[str, Any] = endpoints[0]["instances"][0]
            if instance["pid"]:
                return instance
        time.sleep(_POLL_SECONDS)


def main() -> None:
    """Measure and print; exit with status 1 if an answer was wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mms", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="by default 5")
    parser.add_argument("--requests", type=int, default=400, help="of each kind in a round, by default 400")
    parser.add_argument("--models", type=int, default=200, help="by default 200; 0 leaves this part out")
    parser.add_argument("--room", type=int, default=40, help="models that fit into memory, by default 40")
    parser.add_argument("--calls", type=int, default=10_000, help="by default 10,000; 0 leaves this part out")
    parser.add_argument(AS_JSON, action="store_true", help="print JSON")
    given = parser.parse_args()
    if given.rounds:
        report("XGBoost on the Multi Model Server", speed(given.rounds, given.requests))
    visited = many_models(given.models, given.room) if given.models else {}
    flat = memory(given.calls) if given.calls else {}
    for title, facts in (("many models in little memory", visited), ("memory over many calls", flat)):
        if facts:
            report(title, [{"": name, "value": value} for name, value in facts.items()])
    sys.exit(1 if visited.get("wrong answers") else 0)


if __name__ == "__main__":
    main()
