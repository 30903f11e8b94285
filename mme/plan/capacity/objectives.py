"""What a plan must meet, and the cheapest configuration that meets it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mme.errors import MmeError
from mme.plan.capacity.grid import Estimate
from mme.plan.prediction.replay import Replayed

_FASTER: Final = 0.99
"""A more expensive configuration must be at least 1 % faster to be worth a look."""


@dataclass(frozen=True, kw_only=True)
class Objectives:
    """Limits; None = no limit.

    Attributes:
        p95_ms: Highest 95th percentile of latency, ms, cold starts included.
        hit_ratio: Lowest hit ratio, from 0 to 1.
        budget: Most USD per month.
    """

    p95_ms: float | None = None
    hit_ratio: float | None = None
    budget: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("--p95-ms", self.p95_ms), ("--budget", self.budget)):
            if value is not None and not 0 < value < float("inf"):
                raise MmeError(f"{name} {value:g} can't be met", hint=f"set {name} above 0")
        if self.hit_ratio is not None and not 0 <= self.hit_ratio <= 1:
            raise MmeError(
                f"--hit-ratio {self.hit_ratio:g} is not a share of the requests",
                hint="set it from 0 to 1, such as 0.95",
            )

    def missed(self, one: Estimate) -> list[str]:
        """Return the objectives that a configuration misses, as text; empty if it meets all."""
        found = []
        if not one.keeps_up:
            found.append(f"its workers are busy {one.utilization:.0%} of the time")
        if self.p95_ms is not None and not one.p95_ms <= self.p95_ms:
            found.append(f"its p95 is {one.p95_ms:,.0f} ms")
        if self.hit_ratio is not None and one.hit_ratio < self.hit_ratio:
            found.append(f"its hit ratio is {one.hit_ratio:.2%}")
        if self.budget is not None and one.usd_per_month > self.budget:
            found.append(f"it costs ${one.usd_per_month:,.0f} per month")
        return found

    def missed_by_replay(self, one: Replayed) -> bool:
        """Return whether a replay misses the latency or the hit ratio."""
        too_slow = self.p95_ms is not None and not one.percentile_ms(0.95) <= self.p95_ms
        return too_slow or (self.hit_ratio is not None and one.hits < self.hit_ratio)


def meeting(estimates: Sequence[Estimate], objectives: Objectives) -> list[Estimate]:
    """Return the configurations that meet all objectives, cheapest first.

    Args:
        estimates: All, cheapest first.
        objectives: The limits.

    Raises:
        MmeError: None does; it names the best available.
    """
    found = [one for one in estimates if not objectives.missed(one)]
    if found:
        return found
    best = min(estimates, key=lambda one: _distance(one, objectives))
    raise MmeError(
        f"none of {len(estimates)} configurations meets the objectives; the best available is "
        f"{best.name} at ${best.usd_per_month:,.0f} per month: {' and '.join(objectives.missed(best))}",
        hint="relax an objective, or add larger types with --type or more instances with --counts",
    )


def _distance(one: Estimate, objectives: Objectives) -> tuple[float, float]:
    """Return how far a configuration is from the objectives, and its cost."""
    far = max(0.0, one.utilization - 0.999)
    if objectives.p95_ms is not None:
        far += max(0.0, one.p95_ms / objectives.p95_ms - 1)
    if objectives.hit_ratio is not None:
        far += max(0.0, (objectives.hit_ratio - one.hit_ratio) / max(objectives.hit_ratio, 1e-9))
    if objectives.budget is not None:
        far += max(0.0, one.usd_per_month / objectives.budget - 1)
    return far, one.usd_per_month


def cheapest_front(estimates: Sequence[Estimate]) -> list[Estimate]:
    """Return the configurations to which no cheaper or equally cheap one has a lower p95, cheapest first."""
    front: list[Estimate] = []
    for one in estimates:
        if one.keeps_up and (not front or one.p95_ms < front[-1].p95_ms * _FASTER):
            front.append(one)
    return front
