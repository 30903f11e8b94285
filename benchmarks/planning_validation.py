"""Compare the planner with the local endpoint: one trace, sent to real Triton and predicted.

The hit ratios must agree within 2 points and the loads within 5 %. One request at a time (`--connections 1`)
compares eviction alone, whatever the speed of the machine. More connections keep the rate, and requests wait
for loads in progress; the prediction then takes the times that this very test measured.

Run it: python -m benchmarks.planning_validation [--requests N] [--models N] [--room N] [--rate R]
[--connections N] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import boto3

from benchmarks.local_endpoint import CLIENT, ENDPOINT, echo_model, local_runtime
from benchmarks.report import AS_JSON, report
from mme.client.codec import JSON_CONTENT_TYPE
from mme.client.multi_model_client import MultiModelClient
from mme.operate.metric_series import read_series
from mme.plan.load_test.calibration import calibrated
from mme.plan.load_test.load_test import LoadTest
from mme.plan.load_test.measurement import Measurement
from mme.plan.models.assumptions import Assumptions
from mme.plan.models.model_fleet import ModelFleet, ModelSize, fleet_of
from mme.plan.prediction.caching import Room
from mme.plan.prediction.replay import replay
from mme.plan.prediction.trace_traffic import TraceTraffic
from mme.plan.traffic.mix import Mix
from mme.plan.traffic.trace import Trace

HIT_POINTS: Final = 2.0
LOADS_PERCENT: Final = 5.0

_BYTES: Final = 10_000
"""Bytes of the smallest model; the largest has three times as many."""
_DISK: Final = 8 * 1024**3
_METRIC_SECONDS: Final = 1.0
_VARIANT: Final = "AllTraffic"
_WORKERS: Final = 8
# Nothing takes time: one request at a time never waits for the load of another one.
_NO_TIME: Final = Assumptions(
    load_seconds=0.0,
    load_mb_per_second=1e9,
    download_seconds=0.0,
    download_mb_per_second=1e9,
    unload_seconds=0.0,
    service_ms=1e-3,
    weight_factor=1.0,
)


@dataclass(frozen=True)
class Agreement:
    """Counts of one trace.

    Attributes:
        requests: How many were sent.
        errors: How many failed.
        hits: Hit ratio by the local endpoint's metrics, stack distances, and the replay.
        loads: Loads likewise.
    """

    requests: int
    errors: int
    hits: tuple[float, float, float]
    loads: tuple[float, float, float]

    @property
    def hit_points(self) -> float:
        """Largest difference of a predicted hit ratio from the measured one, in points."""
        return max(abs(one - self.hits[0]) for one in self.hits[1:]) * 100

    @property
    def loads_percent(self) -> float:
        """Largest difference of the predicted loads from the measured ones, in percent."""
        return max(abs(one - self.loads[0]) for one in self.loads[1:]) / self.loads[0] * 100


def validate(*, requests: int, models: int, room: float, rate: float, connections: int = 1) -> Agreement:
    """Send a trace to a local endpoint and predict it.

    Args:
        requests: How many.
        models: Number of models, of different sizes.
        room: How many models of mean size fit into memory.
        rate: Requests per second.
        connections: Concurrent requests at most.
    """
    size_of = {f"model-{number:03d}_v0.tar.gz": _BYTES * (1 + number % 3) for number in range(models)}
    files = {
        name: echo_model((1,), "INT32", added=number, size=size)
        for number, (name, size) in enumerate(size_of.items())
    }
    sizes = [ModelSize(name, size, size // 10) for name, size in size_of.items()]
    fleet = fleet_of(sizes, tuple(size_of), _NO_TIME, source="the test", traffic="the mix")
    memory = int(room * float(fleet.weights.mean()))
    schedule = Mix(rate).sample(fleet.names, requests)
    with local_runtime(
        files,
        # Each python model takes this much of /dev/shm, which may be small.
        environment={"SAGEMAKER_TRITON_SHM_DEFAULT_BYTE_SIZE": str(1024 * 1024)},
        memory_mib=memory / 1024 / 1024,
        weight_factor=1,
        metrics_seconds=_METRIC_SECONDS,
    ) as state:
        runtime = _client(state.url, "sagemaker-runtime", max_pool_connections=32)
        client = MultiModelClient(ENDPOINT, runtime)
        tensor = {"name": "X", "datatype": "INT32", "shape": [1], "data": [1]}
        body = json.dumps({"inputs": [tensor]}).encode()
        test = LoadTest(
            schedule,
            lambda model: client.invoke(model, body, content_type=JSON_CONTENT_TYPE),
            connections=connections,
        )
        measured = test.run()
        hits, loads = _counted(_client(state.url, "cloudwatch"), len(measured.trace))
    if connections > 1:
        fleet = fleet.with_assumptions(calibrated(measured, sizes, _NO_TIME)[0])
    return _agreement(measured, fleet, Room(memory, _DISK), hits, loads)


def _agreement(measured: Measurement, fleet: ModelFleet, room: Room, hits: float, loads: float) -> Agreement:
    sent = measured.trace
    # As they were sent: with one connection, after the answer to the one before.
    trace = Trace(sent.seconds + measured.late, sent.models, sent.names)
    exact = TraceTraffic(trace, fleet).outcomes(1, [room])[0]
    simulated = replay(trace, fleet, instances=1, room=room, workers=_WORKERS)
    total = len(trace)
    return Agreement(
        total,
        sum(measured.error_counts.values()),
        (hits, exact.hits, simulated.hits),
        (loads, exact.loads * total, simulated.loads * total),
    )


def _client(url: str, service: str, **config: Any) -> Any:
    from botocore.config import Config

    settings = Config(read_timeout=70, **config)
    return boto3.client(service, endpoint_url=url, config=settings, **CLIENT)  # type: ignore[call-overload]


def _counted(cloudwatch: Any, requests: int) -> tuple[float, float]:
    """Return hit ratio and loads by the endpoint's metrics, once all requests are in them."""
    deadline = time.monotonic() + 300
    wanted = (("ModelCacheHit", "Sum"), ("ModelCacheHit", "SampleCount"), ("ModelLoadingTime", "SampleCount"))
    while True:
        now = datetime.now(UTC) + timedelta(minutes=1)
        since = now - timedelta(hours=3)
        series = read_series(cloudwatch, ENDPOINT, [_VARIANT], wanted, since, now, 60)
        sums = [sum(value for _, value in one.points) for one in series]
        if sums[1] >= requests:
            return sums[0] / sums[1], sums[2]
        if time.monotonic() > deadline:
            raise SystemExit(f"the metrics have {sums[1]:g} of {requests} requests")
        time.sleep(_METRIC_SECONDS)


def main() -> None:
    """Validate, print both sides, and exit with status 1 if they disagree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planning_validation", description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--room", type=float, default=60)
    parser.add_argument("--rate", type=float, default=8.0)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument(AS_JSON, action="store_true", help="print JSON")
    given = vars(parser.parse_args())
    given.pop("json")
    found = validate(**given)
    names = ("local endpoint", "stack distances", "replay")
    rows = [
        {"": name, "hit ratio, %": hits * 100, "loads": loads}
        for name, hits, loads in zip(names, found.hits, found.loads, strict=True)
    ]
    report(f"planning against real Triton, {found.requests} requests, {found.errors} errors", rows)
    if found.errors or found.hit_points > HIT_POINTS or found.loads_percent > LOADS_PERCENT:
        sys.exit(1)


if __name__ == "__main__":
    main()
