"""Models and traffic that the tests of planning share."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import IO

import numpy as np

from mme.plan.models.assumptions import Assumptions
from mme.plan.models.model_fleet import ModelFleet
from mme.plan.prediction.mix_traffic import MixTraffic
from mme.plan.prediction.trace_traffic import TraceTraffic
from mme.plan.traffic.mix import Mix
from mme.plan.traffic.trace import Trace

MB = 1_000_000


def some_fleet(count: int = 300, seed: int = 1, **assumed: float) -> ModelFleet:
    sizes = np.random.default_rng(seed).integers(10 * MB, 60 * MB, count)
    names = tuple(f"model-{number:03d}_v0.tar.gz" for number in range(count))
    return ModelFleet(names, sizes, sizes // 2, Assumptions(**assumed))  # type: ignore[arg-type]


def a_mix(fleet: ModelFleet, rate: float = 5.0, zipf: float = 0.9) -> MixTraffic:
    return MixTraffic(Mix(rate, zipf), fleet)


def a_trace(mix: MixTraffic, requests: int = 25_000, seed: int = 3) -> TraceTraffic:
    return TraceTraffic(mix.mix.sample(mix.fleet.names, requests, seed=seed), mix.fleet)


def trace_of(seconds: Sequence[float], models: Sequence[str]) -> Trace:
    """A trace of requests in order: when each arrives, and its TargetModel."""
    names = tuple(dict.fromkeys(models))
    numbers = np.array([names.index(name) for name in models], np.int32)
    return Trace(np.asarray(seconds, np.float64), numbers, names)


def write_trace(trace: Trace, file: IO[str]) -> None:
    """Write a trace as CSV."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("time", "model"))
    for seconds, model in zip(trace.seconds.tolist(), trace.models.tolist(), strict=True):
        writer.writerow((f"{seconds:.6f}", trace.names[model]))
