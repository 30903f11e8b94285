"""Measure planning: hit ratios of all memory sizes from ten million requests; a grid of 320 configurations.

Run it: python -m benchmarks.planning [--requests N] [--models N] [--json]. The baseline is a cache in plain
Python, which answers for one size; its hit ratios must be equal.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import AS_JSON, report
from mme.catalog.instances import instance_types
from mme.catalog.prices import Price
from mme.plan.capacity.grid import evaluate
from mme.plan.models.assumptions import Assumptions
from mme.plan.models.model_fleet import ModelFleet
from mme.plan.prediction.stack_distance import has_numba, hit_ratio_curve, stack_distances
from mme.plan.prediction.trace_traffic import TraceTraffic
from mme.plan.traffic.mix import Mix

_PLAIN_REQUESTS = 200_000
_SIZES = 100
_TYPES = 40
_COUNTS = 8
Result = TypeVar("Result")
_GOALS = {"numba": 2.0, "numpy": 60.0, "grid": 20.0, "memory": 1000.0}


def plain_hits(objects: list[int], weights: list[int], budget: int) -> int:
    """Return the hits of a least recently used cache, one request after the other.

    Args:
        objects: What each request uses.
        weights: Bytes of each object.
        budget: Bytes of the cache.
    """
    held: OrderedDict[int, None] = OrderedDict()
    used = hits = 0
    for one in objects:
        if one in held:
            hits += 1
            held.move_to_end(one)
            continue
        while held and used + weights[one] > budget:
            used -= weights[held.popitem(last=False)[0]]
        held[one] = None
        used += weights[one]
    return hits


def main() -> None:
    """Measure, compare with the baseline, and print the times."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planning", description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000_000)
    parser.add_argument("--models", type=int, default=10_000)
    parser.add_argument(AS_JSON, action="store_true", help="print JSON")
    given = parser.parse_args()
    sizes = np.random.default_rng(1).integers(10_000_000, 200_000_000, given.models)
    names = tuple(f"model-{number:05d}_v0.tar.gz" for number in range(given.models))
    fleet = ModelFleet(names, sizes, sizes // 2, Assumptions())
    trace = Mix(100.0, 0.9).sample(names, given.requests)
    memories = np.geomspace(fleet.weights.max(), fleet.weights.sum(), _SIZES).astype(np.int64)
    rows: list[dict[str, object]] = []

    def row(what: str, times: tuple[float, float | None], goal: float | None = None) -> None:
        rows.append({"": what, "seconds": times[0], "CPU seconds": times[1], "goal": goal})

    def curve(compiled: bool) -> NDArray[np.float64]:
        return hit_ratio_curve(stack_distances(trace.models, fleet.weights, compiled=compiled), memories)

    few = trace.models[:_PLAIN_REQUESTS]
    plain, times = timed(lambda: plain_hits(few.tolist(), fleet.weights.tolist(), int(memories[50])))
    row(f"plain Python, {len(few):,} requests, one size", times)
    same = stack_distances(few, fleet.weights, compiled=False) <= memories[50]
    if int(same.sum()) != plain:
        raise SystemExit(f"stack distances give {int(same.sum())} hits, the plain cache {plain}")
    what = f"{given.requests:,} requests, {_SIZES} sizes"
    found = []
    if has_numba():
        stack_distances(few, fleet.weights, compiled=True)  # compiled here, or read from its cache
        ratios, times = timed(lambda: curve(True))
        found.append(ratios)
        row(f"numba, {what}", times, _GOALS["numba"])
    ratios, times = timed(lambda: curve(False))
    found.append(ratios)
    row(f"numpy, {what}", times, _GOALS["numpy"])
    if not all((one == found[0]).all() for one in found):
        raise SystemExit("numba and numpy give other hit ratios")
    usable = [kind for kind in instance_types().values() if kind.gpus <= 1 and not kind.accelerator]
    largest = sorted(usable, key=lambda kind: kind.memory_gib)[-4 * _TYPES :: 4]
    traffic = TraceTraffic(trace, fleet)
    grid, times = timed(
        lambda: evaluate(
            traffic, largest, range(1, _COUNTS + 1), lambda _: Price(1.0, "us-east-1", "2026", "benchmark")
        )
    )
    row(f"grid of {len(grid.estimates)} configurations, {given.requests:,} requests", times, _GOALS["grid"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    row("peak memory, MB", (peak, None), _GOALS["memory"])
    report("planning", rows)


def timed(work: Callable[[], Result]) -> tuple[Result, tuple[float, float]]:
    """Return the result of work, and its seconds and CPU seconds."""
    began, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, (time.perf_counter() - began, time.process_time() - cpu)


if __name__ == "__main__":
    main()
