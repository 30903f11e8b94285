"""Compare the local gateway with Triton's SageMaker port on the same machine.

Warm requests of a tiny tensor and of 600 KB at 1, 4 and 16 connections; a cold request against Triton's load;
and a request that evicts several models against their unloads one by one. Direct and gateway take turns; the
results are medians of several rounds. Compare ratios within one run, on a machine without other load. The
client, benchmarks.http_load, takes little CPU time: a slower one would make the gateway look better.

Run it: python -m benchmarks.gateway [--rounds N] [--requests N] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import psutil

from benchmarks.http_load import Connection, Target, measure
from benchmarks.local_endpoint import ENDPOINT, local_runtime
from mme.client import encode_request
from mme_local import launcher
from mme_local.containers.http_pool import HttpPool
from mme_local.endpoint.model_cache import handle
from mme_local.run_files import RunFile

SHAPES: Final = {"tiny": (1, 1), "600 KB": (1, 3, 224, 224)}
CONNECTIONS: Final = (1, 4, 16)
ROOM: Final = 4
"""Models that one larger model evicts together."""
_MODEL_BYTES: Final = 10_000
_QUICK: Final = {"SAGEMAKER_TRITON_ADDITIONAL_ARGS": "--disable-auto-complete-config"}
_SIGNED: Final = (
    "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/sagemaker/aws4_request, SignedHeaders=host, "
    f"Signature={'0' * 64}"
)
_CODE: Final = """
import triton_python_backend_utils as pb_utils
class TritonPythonModel:
    def execute(self, requests):
        return [
            pb_utils.InferenceResponse(
                [pb_utils.Tensor("Y", pb_utils.get_input_tensor_by_name(request, "X").as_numpy())]
            )
            for request in requests
        ]
"""
# At most so many times the direct time, at least so much of the direct rate.
_P50_GOALS: Final = {"tiny": 3, "600 KB": 2}
_RATE_GOALS: Final = {"tiny": 0.4, "600 KB": 0.6}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line.

    Attributes:
        what: was measured.
        direct: by Triton alone.
        gateway: through the gateway.
        unit: of both.
        goal: For gateway divided by direct; None if there is none.
        at_most: whether the goal is an upper bound.
    """

    what: str
    direct: float
    gateway: float
    unit: str
    goal: float | None = None
    at_most: bool = True

    @property
    def ratio(self) -> float:
        """Gateway divided by direct."""
        return self.gateway / self.direct

    @property
    def met(self) -> bool:
        """Whether the goal is met; True without a goal."""
        return self.goal is None or (self.ratio <= self.goal if self.at_most else self.ratio >= self.goal)


def compare(rounds: int, requests: int) -> list[Comparison]:
    """Everything, on one runtime each."""
    return [*asyncio.run(_warm(rounds, requests)), *asyncio.run(_cold(rounds)), *asyncio.run(_evictions())]


async def _warm(rounds: int, requests: int) -> list[Comparison]:
    models = {f"{len(shape)}_v0.tar.gz": _model(shape) for shape in SHAPES.values()}
    found = []
    with local_runtime(models, environment=_QUICK) as state:
        for name, shape in SHAPES.items():
            model = f"{len(shape)}_v0.tar.gz"
            asked = encode_request({"X": np.zeros(shape, np.float32)})
            gateway = _gateway(state, model, asked.body, asked.content_type)
            async with Connection(gateway) as first:
                await first.ask()
            direct = _direct(_triton_port(state), model, asked.body, asked.content_type)
            for connections in CONNECTIONS:
                pairs = [
                    (
                        await measure(direct, connections, requests),
                        await measure(gateway, connections, requests),
                    )
                    for _ in range(rounds)
                ]
                ours = f"{name}, {connections} connection{'s' if connections > 1 else ''}"
                found += [
                    Comparison(
                        f"{ours}: p50",
                        median(one.p50 for one, _ in pairs) * 1000,
                        median(other.p50 for _, other in pairs) * 1000,
                        "ms",
                        _P50_GOALS[name] if connections == 1 else None,
                    ),
                    Comparison(
                        f"{ours}: requests",
                        median(one.rate for one, _ in pairs),
                        median(other.rate for _, other in pairs),
                        "/s",
                        _RATE_GOALS[name] if connections == CONNECTIONS[-1] else None,
                        at_most=False,
                    ),
                ]
    return found


async def _cold(rounds: int) -> list[Comparison]:
    """Compare a first request (download, unpack, load, answer) with Triton's load and answer."""
    files = _model((1,))
    asked = encode_request({"X": np.zeros((1,), np.float32)})
    names = [f"cold-{number}_v0.tar.gz" for number in range(rounds + 1)]
    direct, gateway = [], []
    with (
        tempfile.TemporaryDirectory(prefix="mme-benchmark-") as folder,
        local_runtime(dict.fromkeys(names, files), environment=_QUICK) as state,
    ):
        # The first starts the endpoint, and is not counted.
        for number, name in enumerate(names):
            target = _gateway(state, name, asked.body, asked.content_type)
            async with Connection(target) as connection:
                began = time.perf_counter()
                await connection.ask()
                gateway.append(time.perf_counter() - began)
            path = _unpacked(Path(folder) / "models" / str(number), files)
            direct.append(
                await _load_directly(
                    _triton_port(state), f"direct-{name}", path, asked.body, asked.content_type
                )
            )
    return [
        Comparison(
            "cold request, with download", median(direct[1:]) * 1000, median(gateway[1:]) * 1000, "ms", 1.2
        )
    ]


async def _evictions() -> list[Comparison]:
    """Compare one request that evicts several models with their unloads one by one."""
    asked = encode_request({"X": np.zeros((1,), np.float32)})
    small = {f"small-{number}_v0.tar.gz": _model((1,)) for number in range(ROOM)}
    large = {"large_v0.tar.gz": _model((1,), ROOM * _MODEL_BYTES)}
    memory = (ROOM + 0.5) * _MODEL_BYTES / 1024 / 1024
    with local_runtime(small | large, environment=_QUICK, memory_mib=memory, weight_factor=1) as state:

        async def ask(name: str) -> float:
            async with Connection(_gateway(state, name, asked.body, asked.content_type)) as connection:
                began = time.perf_counter()
                await connection.ask()
                return time.perf_counter() - began

        for name in small:
            await ask(name)
        together = await ask("large_v0.tar.gz")
    one_by_one = 0.0
    with local_runtime(small, environment=_QUICK) as state:
        for name in small:
            async with Connection(_gateway(state, name, asked.body, asked.content_type)) as connection:
                await connection.ask()
        triton = HttpPool(_triton_port(state))
        for name in small:
            began = time.perf_counter()
            gone = await triton.request(
                "DELETE", f"/models/{handle(name)}", {"X-Amzn-SageMaker-Target-Model": name}
            )
            one_by_one += time.perf_counter() - began
            if gone.status != 200:
                raise RuntimeError(f"Triton did not unload {name}: {gone.status}")
        triton.close()
    return [Comparison(f"{ROOM} unloads; a request that needs them", one_by_one, together, "s")]


async def _load_directly(port: int, name: str, path: Path, body: bytes, content_type: str) -> float:
    """Seconds of Triton's own load of an unpacked model and its first answer."""
    triton = HttpPool(port)
    headers = {"X-Amzn-SageMaker-Target-Model": name, "Content-Type": content_type}
    order = json.dumps({"model_name": handle(name), "url": str(path)}).encode()
    try:
        began = time.perf_counter()
        loaded = await triton.request("POST", "/models", headers, order)
        answered = await triton.request("POST", f"/models/{handle(name)}/invoke", headers, body)
        if (loaded.status, answered.status) != (200, 200):
            raise RuntimeError(
                f"Triton answered {loaded.status} {loaded.body!r} and {answered.status} {answered.body!r}"
            )
        return time.perf_counter() - began
    finally:
        triton.close()


def _gateway(state: RunFile, model: str, body: bytes, content_type: str) -> Target:
    headers = {
        "X-Amzn-SageMaker-Target-Model": model,
        "Content-Type": content_type,
        "Authorization": _SIGNED,
    }
    return Target(f"{state.url}/endpoints/{ENDPOINT}/invocations", body, headers)


def _direct(port: int, model: str, body: bytes, content_type: str) -> Target:
    headers = {"X-Amzn-SageMaker-Target-Model": model, "Content-Type": content_type}
    return Target(f"http://127.0.0.1:{port}/models/{handle(model)}/invoke", body, headers)


def _triton_port(state: RunFile) -> int:
    instance: dict[str, Any] = launcher.ask_status(state)["endpoints"][0]["instances"][0]
    connections = psutil.Process(instance["pid"]).net_connections("inet")
    ports: list[int] = [one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN]
    return ports[0]


def _model(shape: tuple[int, ...], size: int = _MODEL_BYTES) -> dict[str, str]:
    dims = list(shape)
    config = (
        'backend: "python"\n'
        f'input [{{ name: "X" data_type: TYPE_FP32 dims: {dims} }}]\n'
        f'output [{{ name: "Y" data_type: TYPE_FP32 dims: {dims} }}]\n'
    )
    return {
        "config.pbtxt": config,
        "1/model.py": f"{_CODE}#{'x' * (size - len(config) - len(_CODE) - 2)}\n",
    }


def _unpacked(folder: Path, files: Mapping[str, str]) -> Path:
    """The model as the runtime unpacks it: a folder named `model`."""
    path = folder / "model"
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    return path


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="by default 9")
    parser.add_argument("--requests", type=int, default=400, help="of each kind in a round, by default 400")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    found = compare(given.rounds, given.requests)
    if given.json:
        facts = [asdict(one) | {"ratio": one.ratio, "met": one.met} for one in found]
        print(json.dumps(facts, indent=2))  # noqa: T201
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"the gateway; Python {platform.python_version()}", box=None, title_justify="left")
    table.add_column()
    for column in ("Triton alone", "gateway", "times", "goal"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in found:
        bound = "at most" if one.at_most else "at least"
        goal = "" if one.goal is None else f"{bound} {one.goal:g} {'✓' if one.met else '✗'}"
        table.add_row(
            one.what,
            f"{one.direct:.3g} {one.unit}",
            f"{one.gateway:.3g} {one.unit}",
            f"{one.ratio:.2f}",
            goal,
        )
    Console().print(table)


if __name__ == "__main__":
    main()
