"""Compare the local gateway with Triton's SageMaker port on the same machine.

Warm requests of a tiny tensor and of 600 KB at 1, 4 and 16 connections; a cold request against Triton's load;
and a request that evicts several models against their unloads one by one. Direct and gateway take turns; the
results are medians of several rounds. Compare ratios within one run, on a machine without other load.

Run it: python -m benchmarks.gateway [--rounds N] [--requests N] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from benchmarks.local_endpoint import ENDPOINT, SIGNED, echo_model, local_runtime
from benchmarks.report import AS_JSON, report
from benchmarks.sample_models import write_files
from mme.client import EncodedRequest, encode_request
from mme_local import launcher
from mme_local.containers.http_pool import HttpPool
from mme_local.containers.triton.patches import SOCKET
from mme_local.endpoint.model_cache import handle
from mme_local.run_files import RunFile

SHAPES: Final = {"tiny": (1, 1), "600 KB": (1, 3, 224, 224)}
CONNECTIONS: Final = (1, 4, 16)
ROOM: Final = 4
"""Models that one larger model evicts together."""
_MODEL_BYTES: Final = 10_000
# At most so many times the direct time, at least so much of the direct rate.
_P50_GOALS: Final = {"tiny": 3, "600 KB": 2}
_RATE_GOALS: Final = {"tiny": 0.4, "600 KB": 0.6}
_ONE: Final = np.zeros((1,), np.float32)


@dataclass(frozen=True, slots=True)
class Target:
    """One request to a model, sent repeatedly.

    Attributes:
        pool: Connections to the gateway or to the server itself.
        path: Of the request.
        headers: Of the request.
        body: Of the request.
    """

    pool: HttpPool
    path: str
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def gateway(cls, state: RunFile, model: str, request: EncodedRequest) -> Target:
        """Return a request to the local endpoint.

        Args:
            state: The running local endpoint.
            model: The TargetModel.
            request: What is sent.
        """
        headers = _headers(model, request) | {"Authorization": SIGNED}
        return cls(HttpPool(state.port), f"/endpoints/{ENDPOINT}/invocations", headers, request.body)

    @classmethod
    def direct(cls, socket: str, model: str, request: EncodedRequest) -> Target:
        """Return a request to the server of an instance.

        Args:
            socket: The server's Unix socket.
            model: The TargetModel.
            request: What is sent.
        """
        return cls(
            HttpPool(socket), f"/models/{handle(model)}/invoke", _headers(model, request), request.body
        )

    async def seconds(self) -> float:
        """Send it once and return its duration."""
        began = time.perf_counter()
        await _sent(self.pool, "POST", self.path, self.headers, self.body)
        return time.perf_counter() - began

    async def measure(self, connections: int, requests: int) -> tuple[float, float]:
        """Return the median seconds of a request, and requests per second.

        Args:
            connections: That are used at once.
            requests: In all.
        """

        async def one() -> list[float]:
            return [await self.seconds() for _ in range(max(1, requests // connections))]

        await asyncio.gather(*(self.seconds() for _ in range(connections)))
        began = time.perf_counter()
        found = [*chain(*await asyncio.gather(*(one() for _ in range(connections))))]
        return median(found), len(found) / (time.perf_counter() - began)


def compare(rounds: int, requests: int) -> list[dict[str, object]]:
    """Measure everything, on one runtime each."""
    return [*asyncio.run(_warm(rounds, requests)), asyncio.run(_cold(rounds)), asyncio.run(_evictions())]


async def _warm(rounds: int, requests: int) -> list[dict[str, object]]:
    rows = []
    with local_runtime({f"{len(shape)}_v0.tar.gz": echo_model(shape) for shape in SHAPES.values()}) as state:
        for name, shape in SHAPES.items():
            model = f"{len(shape)}_v0.tar.gz"
            request = encode_request({"X": np.zeros(shape, np.float32)})
            gateway = Target.gateway(state, model, request)
            await gateway.seconds()
            direct = Target.direct(_triton_socket(state), model, request)
            goals = _P50_GOALS[name], _RATE_GOALS[name]
            rows += await compare_warm(name, direct, gateway, rounds, requests, goals)
            gateway.pool.close()
            direct.pool.close()
    return rows


async def compare_warm(
    name: str, direct: Target, gateway: Target, rounds: int, requests: int, goals: tuple[float, float]
) -> list[dict[str, object]]:
    """Return rows of p50 and requests per second at several numbers of connections.

    Args:
        name: Of the request.
        direct: The request to the server.
        gateway: The same to the local endpoint.
        rounds: In which both take turns.
        requests: Of each in a round.
        goals: Highest ratio of the p50 at one connection, and lowest of requests per second at most of them.
    """
    rows = []
    for connections in CONNECTIONS:
        pairs = [
            (await direct.measure(connections, requests), await gateway.measure(connections, requests))
            for _ in range(rounds)
        ]
        p50, rate = ([median(each[side][n] for each in pairs) for side in (0, 1)] for n in (0, 1))
        what = f"{name}, {connections} connection{'s' if connections > 1 else ''}"
        most = f"at most {goals[0]}" if connections == 1 else ""
        least = f"at least {goals[1]}" if connections == CONNECTIONS[-1] else ""
        rows += [
            row(f"{what}: p50", p50[0] * 1000, p50[1] * 1000, "ms", most),
            row(f"{what}: requests", rate[0], rate[1], "/s", least),
        ]
    return rows


async def _cold(rounds: int) -> dict[str, object]:
    """Compare a first request (download, unpack, load, answer) with Triton's load and answer."""
    files = echo_model((1,))
    request = encode_request({"X": _ONE})
    names = [f"cold-{number}_v0.tar.gz" for number in range(rounds + 1)]
    direct, gateway = [], []
    with (
        local_runtime(dict.fromkeys(names, files)) as state,
        tempfile.TemporaryDirectory(dir=state.workdir) as folder,  # its Triton loads models from there
    ):
        # The first starts the endpoint, and is not counted.
        for name in names:
            target = Target.gateway(state, name, request)
            gateway.append(await target.seconds())
            target.pool.close()
            path = write_files(Path(folder) / "models" / handle(name) / "model", files)
            direct.append(await load_directly(_triton_socket(state), f"direct-{name}", path, request))
    goal = "at most 1.2"
    return row(
        "cold request, with download", median(direct[1:]) * 1000, median(gateway[1:]) * 1000, "ms", goal
    )


async def _evictions() -> dict[str, object]:
    """Compare one request that evicts several models with their unloads one by one."""
    request = encode_request({"X": _ONE})
    small = {f"small-{number}_v0.tar.gz": echo_model((1,), size=_MODEL_BYTES) for number in range(ROOM)}
    large = {"large_v0.tar.gz": echo_model((1,), size=ROOM * _MODEL_BYTES)}
    memory = (ROOM + 0.5) * _MODEL_BYTES / 1024 / 1024
    with local_runtime(small | large, memory_mib=memory, weight_factor=1) as state:
        *_, together = [await Target.gateway(state, name, request).seconds() for name in small | large]
    with local_runtime(small) as state:
        for name in small:
            await Target.gateway(state, name, request).seconds()
        triton = HttpPool(_triton_socket(state))
        began = time.perf_counter()
        for name in small:
            await _sent(triton, "DELETE", f"/models/{handle(name)}", _headers(name))
        one_by_one = time.perf_counter() - began
        triton.close()
    return row(f"{ROOM} unloads; a request that needs them", one_by_one, together, "s")


async def load_directly(socket: str, name: str, path: Path, request: EncodedRequest) -> float:
    """Return the seconds of the server's own load of an unpacked model and its first answer.

    Args:
        socket: The server's Unix socket.
        name: Of the model.
        path: Of its folder.
        request: What is sent.
    """
    target = Target.direct(socket, name, request)
    order = json.dumps({"model_name": handle(name), "url": str(path)}).encode()
    began = time.perf_counter()
    await _sent(target.pool, "POST", "/models", _headers(name) | {"Content-Type": "application/json"}, order)
    await target.seconds()
    target.pool.close()
    return time.perf_counter() - began


async def _sent(
    pool: HttpPool, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
) -> None:
    response = await pool.request(method, path, headers, body)
    if response.status != 200:
        raise RuntimeError(f"{method} {path} answered {response.status}: {response.body[:500]!r}")


def _headers(model: str, request: EncodedRequest | None = None) -> dict[str, str]:
    content_type = {"Content-Type": request.content_type} if request else {}
    return {"X-Amzn-SageMaker-Target-Model": model, **content_type}


def row(what: str, direct: float, gateway: float, unit: str, goal: str = "") -> dict[str, object]:
    """Return a row that compares the server with the local endpoint.

    Args:
        what: What was measured.
        direct: Of the server alone; 0 if it does not do that.
        gateway: Of the local endpoint.
        unit: Unit of both.
        goal: Of the ratio.
    """
    ratio = gateway / direct if direct else None
    return {
        "": what,
        "server alone": direct or None,
        "gateway": gateway,
        "unit": unit,
        "ratio": ratio,
        "goal": goal,
    }


def _triton_socket(state: RunFile) -> str:
    instance = launcher.ask_status(state)["endpoints"][0]["instances"][0]
    return f"/proc/{instance['pid']}/cwd/{SOCKET}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="by default 9")
    parser.add_argument("--requests", type=int, default=400, help="of each kind in a round, by default 400")
    parser.add_argument(AS_JSON, action="store_true", help="print JSON")
    given = parser.parse_args()
    report("the gateway", compare(given.rounds, given.requests))


if __name__ == "__main__":
    main()
