"""Traffic as a mix: a rate, a popularity of each model, and a daily curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mme.errors import MmeError
from mme.plan.caching import CacheOutcome, Room, spread
from mme.plan.latency import BINS, bins_of
from mme.plan.model_fleet import ModelFleet
from mme.plan.trace import Trace

_HOURS: Final = 24
_STEPS: Final = 60
"""Halvings of the interval in which the residence time is: far below a millisecond."""
_PARTS: Final = 16
"""Equal parts of a load in which a waiting request may arrive."""
_LARGEST_RATE: Final = 1e9
_LARGE: Final = 300.0
"""An exponent whose power is endless for this purpose, and finite for a float."""


@dataclass(frozen=True)
class Mix:
    """Requests at random times, each for a model at random.

    Attributes:
        rate: Mean requests per second.
        zipf: Exponent of Zipf's law: the model of rank r has a share proportional to 1 / r**zipf.
        daily: Relative rate of each hour of a day; empty = constant.
    """

    rate: float
    zipf: float = 1.0
    daily: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.rate < _LARGEST_RATE:
            raise MmeError(
                f"a rate of {self.rate:g} requests/s is not possible", hint="set --rate above 0, such as 50"
            )
        if not 0 <= self.zipf <= 10:
            raise MmeError(
                f"a Zipf exponent of {self.zipf:g} is not possible; usual ones are 0.6 to 1.2",
                hint="set --zipf from 0 (all models equal) to 10",
            )
        if self.daily and (len(self.daily) != _HOURS or min(self.daily) < 0 or max(self.daily) <= 0):
            raise MmeError(
                f"the daily curve has {len(self.daily)} values; it needs 24, from 0, one for each hour",
                hint="such as --daily 1,1,1,1,1,1,2,4,8,9,9,9,8,9,9,9,8,6,4,3,2,2,1,1",
            )

    @property
    def peak_rate(self) -> float:
        """Requests per second in the busiest hour."""
        return self.rate * max(self.daily) * _HOURS / sum(self.daily) if self.daily else self.rate

    def shares(self, models: int) -> NDArray[np.float64]:
        """Return the share of each model's requests, most popular first, shape (models,)."""
        weights = np.arange(1, models + 1, dtype=np.float64) ** -self.zipf
        shares: NDArray[np.float64] = weights / weights.sum()
        return shares

    def sample(
        self,
        names: Sequence[str],
        requests: int,
        *,
        seed: int = 1,
        start_hour: float = 0.0,
        shares: NDArray[np.float64] | None = None,
    ) -> Trace:
        """Return a trace of this mix: a Poisson process whose rate follows the daily curve.

        Args:
            names: The TargetModels, most popular first.
            requests: How many.
            seed: Makes the same trace again.
            start_hour: Time of day of its start.
            shares: Share of each model's requests. Default: by Zipf's law.
        """
        rng = np.random.default_rng(seed)
        work = np.cumsum(rng.exponential(1.0, requests))
        models = rng.choice(
            len(names), requests, p=self.shares(len(names)) if shares is None else shares
        ).astype(np.int32)
        return Trace(self._clock(work, start_hour), models, tuple(names))

    def _clock(self, work: NDArray[np.float64], start_hour: float) -> NDArray[np.float64]:
        """Return the time at which so many requests were expected."""
        if not self.daily:
            return work / self.rate
        hourly = np.array(self.daily) / sum(self.daily) * _HOURS * self.rate * 3600
        days = int(work[-1] / hourly.sum()) + 2
        hours = np.arange(days * _HOURS + 1, dtype=np.float64) * 3600
        done = np.concatenate([[0.0], np.cumsum(np.tile(hourly, days))])
        begin = float(np.interp(start_hour * 3600, hours, done))
        clock: NDArray[np.float64] = np.interp(work + begin, done, hours) - start_hour * 3600
        return clock


class MixTraffic:
    """A mix for models of known sizes: Che's approximation of least recently used caches.

    A model stays in memory for about the same time T after its last use, in which the other requests fill
    the memory: `sum(weight * (1 - exp(-rate * T))) = memory`. Of a model's requests, those that load, wait
    and hit are as 1 : rate * load time : exp(rate * T) - 1.

    Source: H. Che, Y. Tung, Z. Wang, "Hierarchical Web caching systems", IEEE JSAC 20 (7), 2002.

    Args:
        mix: The traffic; the model of rank r is the r-th of the fleet.
        fleet: The models.
        shares: Share of each model's requests. Default: by Zipf's law.
    """

    def __init__(self, mix: Mix, fleet: ModelFleet, shares: NDArray[np.float64] | None = None) -> None:
        self.mix = mix
        self.shares = mix.shares(len(fleet)) if shares is None else shares
        self.fleet = fleet
        self.rate = mix.rate
        self.peak_rate = mix.peak_rate
        self.requests: int | None = None

    @cached_property
    def model_rates(self) -> NDArray[np.float64]:
        """See `mme.plan.caching.Traffic`."""
        return self.shares * self.rate

    def outcomes(self, instances: int, rooms: Sequence[Room]) -> list[CacheOutcome]:
        """See `mme.plan.caching.Traffic`."""
        # Latency at the busiest time: more requests wait for a load then.
        rates = self.model_rates * self.peak_rate / self.rate
        placed = spread(rates, self.fleet, instances)
        model = placed.model_of
        own = rates[model] / placed.copies[model]
        return [self._outcome(room, instances, own, model, placed.instance_of) for room in rooms]

    def _outcome(
        self,
        room: Room,
        instances: int,
        own: NDArray[np.float64],
        model: NDArray[np.int64],
        instance_of: NDArray[np.int32],
    ) -> CacheOutcome:
        fleet = self.fleet
        residence, on_disk = np.empty(len(own)), np.empty(len(own))
        for number in range(instances):
            mine = instance_of == number
            rates, weights = own[mine], fleet.weights[model[mine]].astype(np.float64)
            loading = fleet.load_seconds + fleet.download_seconds + fleet.assumptions.unload_seconds
            stays = residence_time(rates, weights, room.memory, loading[model[mine]])
            residence[mine] = stays
            on_disk[mine] = residence_time(rates, fleet.unpacked[model[mine]].astype(np.float64), room.disk)
        evicts = not np.isinf(residence).all()
        load = fleet.load_seconds[model] + (fleet.assumptions.unload_seconds if evicts else 0)
        # Of the loads, those whose archive is still on disk need no download.
        with np.errstate(invalid="ignore"):  # both are endless if all models fit; there are no loads then
            longer = np.maximum(0, on_disk - residence)
        kept = np.where(np.isinf(on_disk), 1.0, -np.expm1(-np.minimum(own * longer, _LARGE)))
        download = fleet.download_seconds[model]
        mean_load = load + (1 - kept) * download
        with np.errstate(over="ignore"):
            hits = np.expm1(np.minimum(own * residence, _LARGE))
        hits = np.where(np.isinf(residence), np.inf, hits)
        weight = 1 + own * mean_load + hits
        loads = np.where(np.isinf(weight), 0, own / weight)
        waits = loads * own * mean_load
        cold = np.bincount(bins_of(load), loads * kept, BINS)
        cold += np.bincount(bins_of(load + download), loads * (1 - kept), BINS)
        for part in range(_PARTS):
            left = mean_load * (part + 0.5) / _PARTS
            cold += np.bincount(bins_of(left), waits / _PARTS, BINS)
        total = float(own.sum())
        model_loads = np.bincount(model, loads, len(fleet)) / np.bincount(model, own, len(fleet))
        return CacheOutcome(
            hits=1 - float(loads.sum() + waits.sum()) / total,
            waits=float(waits.sum()) / total,
            loads=float(loads.sum()) / total,
            cold=cold / total,
            model_loads=model_loads,
            resident=float(room.memory) if evicts else float(fleet.weights[model].sum()) / instances,
        )


def residence_time(
    rates: NDArray[np.float64],
    weights: NDArray[np.float64],
    memory: float,
    loading: NDArray[np.float64] | None = None,
) -> float:
    """Return how long an object stays in an LRU cache after its last use, in seconds; inf if all fit.

    Args:
        rates: Requests per second of each object.
        weights: Bytes of each.
        memory: Bytes of the cache.
        loading: Seconds in which each has memory before its first use. Default: none.
    """
    if float(weights.sum()) <= memory:
        return float("inf")
    during = rates * (loading if loading is not None else 0.0)

    def used(seconds: float) -> float:
        # Of a cycle of 1 / rate + loading + stay, the object has memory in all but the first part.
        stays = np.expm1(np.minimum(rates * seconds, _LARGE))
        return float((weights * (during + stays) / (during + stays + 1)).sum())

    low, high = 0.0, 1.0
    while used(high) < memory and high < 1e15:
        high *= 2
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if used(middle) < memory:
            low = middle
        else:
            high = middle
    return high
