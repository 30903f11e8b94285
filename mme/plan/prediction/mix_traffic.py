"""Caching of a mix: Che's approximation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mme.plan.models.model_fleet import ModelFleet
from mme.plan.prediction.caching import CacheOutcome, Room, spread
from mme.plan.prediction.latency import BINS, bins_of
from mme.plan.traffic.mix import Mix

_STEPS: Final = 60
"""Halvings of the interval in which the residence time is: far below a millisecond."""
_PARTS: Final = 16
"""Equal parts of a load in which a waiting request may arrive."""
_LARGE: Final = 300.0
"""An exponent whose power is endless for this purpose, and finite for a float."""


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
        """See `mme.plan.prediction.caching.Traffic`."""
        return self.shares * self.rate

    def outcomes(self, instances: int, rooms: Sequence[Room]) -> list[CacheOutcome]:
        """See `mme.plan.prediction.caching.Traffic`."""
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
