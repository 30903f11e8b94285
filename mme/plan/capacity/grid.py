"""Estimates of a grid of instance types and counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mme.catalog.instances import InstanceType
from mme.catalog.prices import HOURS_PER_MONTH, Price
from mme.console import size_text
from mme.errors import MmeError
from mme.plan.prediction.caching import CacheOutcome, Room, Traffic
from mme.plan.prediction.latency import percentile, shifted, warm_latency

_MILLION: Final = 1e6
_HOUR_SECONDS: Final = 3600


@dataclass(frozen=True, eq=False)
class Estimate:
    """What one type and count does with the traffic.

    Attributes:
        kind: The instance type.
        count: Number of instances.
        outcome: What caching does.
        loads_per_second: Loads on all instances together, on average.
        p50_ms: Median latency of all requests at the busiest time, with loads and waits for them.
        p95_ms: 95th percentile likewise.
        p99_ms: 99th percentile likewise.
        utilization: Share of busy workers at the busiest time; from 1 on it can't keep up.
        memory_bytes: Memory for models of each instance.
        price: Of one instance.
        usd_per_month: Of all, for 720 hours.
        usd_per_million: For a million requests.
    """

    kind: InstanceType
    count: int
    outcome: CacheOutcome
    loads_per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    utilization: float
    memory_bytes: int
    price: Price
    usd_per_month: float
    usd_per_million: float

    @property
    def name(self) -> str:
        """`2 x ml.m5.xlarge`."""
        return f"{self.count} x {self.kind.name}"

    @property
    def hit_ratio(self) -> float:
        """Share of requests whose model is loaded."""
        return self.outcome.hits

    @property
    def headroom(self) -> float:
        """Share of the memory for models that stays free."""
        return max(0.0, 1 - self.outcome.resident / self.memory_bytes)

    @property
    def keeps_up(self) -> bool:
        """Whether the workers are fast enough."""
        return self.utilization < 1


@dataclass(frozen=True)
class Grid:
    """All estimates, cheapest first.

    Attributes:
        estimates: By cost, then p95.
        left_out: Types that can't serve the models, with the reason.
    """

    estimates: tuple[Estimate, ...]
    left_out: Mapping[str, str]


def evaluate(
    traffic: Traffic,
    kinds: Sequence[InstanceType],
    counts: Sequence[int],
    price_of: Callable[[str], Price],
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> Grid:
    """Return the estimates of every type with every count.

    Args:
        traffic: The requests and their models.
        kinds: Instance types.
        counts: Numbers of instances.
        price_of: Returns the price of a type.
        progress: Called after each count with how many are done.

    Raises:
        MmeError: A model is larger than the memory of every type.
    """
    fleet = traffic.fleet
    assumed = fleet.assumptions
    heaviest = int(np.argmax(fleet.weights))
    weight = int(fleet.weights[heaviest])
    fitting = [kind for kind in kinds if assumed.memory_bytes(kind) >= weight]
    left_out = {
        kind.name: f"{fleet.names[heaviest]} needs {size_text(weight)}, "
        f"and {size_text(assumed.memory_bytes(kind))} hold models"
        for kind in kinds
        if kind not in fitting
    }
    if not fitting:
        largest = max(kinds, key=assumed.memory_bytes)
        raise MmeError(
            f"{fleet.names[heaviest]} needs {size_text(weight)} of memory; the largest type compared, "
            f"{largest.name}, has {size_text(assumed.memory_bytes(largest))} for models",
            hint="add a larger type with --type, host this model on its own endpoint, "
            "or correct --assume weight_factor=VALUE and memory_share=VALUE",
        )
    rooms = [Room(assumed.memory_bytes(kind), assumed.disk_bytes(kind)) for kind in fitting]
    prices = {kind.name: price_of(kind.name) for kind in fitting}
    found = []
    for done, count in enumerate(counts, 1):
        for kind, outcome in zip(fitting, traffic.outcomes(count, rooms), strict=True):
            found.append(_estimate(traffic, kind, count, outcome, prices[kind.name]))
        progress(done)
    # A configuration that can't keep up is never the first of its price.
    found.sort(key=lambda one: (one.usd_per_month, not one.keeps_up, one.p95_ms))
    return Grid(tuple(found), left_out)


def _estimate(
    traffic: Traffic, kind: InstanceType, count: int, outcome: CacheOutcome, price: Price
) -> Estimate:
    assumed = traffic.fleet.assumptions
    warm = warm_latency(
        traffic.peak_rate / count,
        assumed.worker_count(kind),
        assumed.service_ms / 1000,
        assumed.service_cv,
        assumed.overhead_ms / 1000,
    )
    times = outcome.hits * warm.times + shifted(outcome.cold, min(warm.mean, 1e4))
    month = price.usd_per_hour * count * HOURS_PER_MONTH
    return Estimate(
        kind=kind,
        count=count,
        outcome=outcome,
        loads_per_second=outcome.loads * traffic.rate,
        p50_ms=percentile(times, 0.5) * 1000,
        p95_ms=percentile(times, 0.95) * 1000,
        p99_ms=percentile(times, 0.99) * 1000,
        utilization=warm.utilization,
        memory_bytes=assumed.memory_bytes(kind),
        price=price,
        usd_per_month=month,
        usd_per_million=month / (traffic.rate * HOURS_PER_MONTH * _HOUR_SECONDS) * _MILLION,
    )
