"""What caching does to some traffic: hits, loads, and requests that wait for a load in progress."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mme.plan.models.model_fleet import ModelFleet
from mme.plan.prediction.latency import Histogram


@dataclass(frozen=True)
class Room:
    """The space for models on each instance, in bytes."""

    memory: int
    disk: int


@dataclass(frozen=True, eq=False)
class CacheOutcome:
    """What one size of instance does to the traffic, as shares of all requests.

    Attributes:
        hits: Requests whose model is loaded: SageMaker's `ModelCacheHit`.
        waits: Requests that wait for a load in progress.
        loads: Requests that start a load.
        cold: Histogram of the seconds that these two wait; its weight is `waits + loads`.
        model_loads: Loads of each model as a share of its requests, shape (models,).
        resident: Bytes of models in memory in the steady state, per instance.
    """

    hits: float
    waits: float
    loads: float
    cold: Histogram
    model_loads: NDArray[np.float64]
    resident: float


class Traffic(Protocol):
    """Requests for models: a trace, or a mix of constant popularities."""

    @property
    def fleet(self) -> ModelFleet:
        """The models."""

    @property
    def rate(self) -> float:
        """Mean requests per second."""

    @property
    def peak_rate(self) -> float:
        """Requests per second at the busiest time."""

    @property
    def model_rates(self) -> NDArray[np.float64]:
        """Mean requests per second of each model, shape (models,)."""

    @property
    def requests(self) -> int | None:
        """Number of requests; None for a mix, which has no end."""

    def outcomes(self, instances: int, rooms: Sequence[Room]) -> list[CacheOutcome]:
        """Return what caching does on a number of instances of each size.

        Args:
            instances: How many.
            rooms: Sizes to compare.
        """


@dataclass(frozen=True)
class Spread:
    """The models on several instances: sticky routing makes each instance a cache of its own models.

    A model that is too busy for one instance has a copy on several; each copy is an object of its own.

    Attributes:
        copies: Copies of each model, shape (models,).
        first: Index of the first copy among the objects, shape (models,).
        model_of: Model of each object, shape (objects,).
        instance_of: Instance of each object, shape (objects,).
    """

    copies: NDArray[np.int64]
    first: NDArray[np.int64]
    model_of: NDArray[np.int64]
    instance_of: NDArray[np.int32]


def copies_of(rates: NDArray[np.float64], fleet: ModelFleet, instances: int) -> NDArray[np.int64]:
    """Return on how many instances each model lives: its mean requests in flight over the spill threshold.

    Args:
        rates: Requests per second of each model.
        fleet: The models.
        instances: Most copies.
    """
    in_flight = rates * fleet.assumptions.service_ms / 1000
    copies: NDArray[np.int64] = np.ceil(in_flight / fleet.assumptions.spill_at).astype(np.int64)
    return np.clip(copies, 1, instances)


def spread(rates: NDArray[np.float64], fleet: ModelFleet, instances: int) -> Spread:
    """Place models as routing does: each on the instance with the most free memory.

    Args:
        rates: Requests per second of each model.
        fleet: The models.
        instances: How many.
    """
    copies = copies_of(rates, fleet, instances)
    first = np.concatenate([[0], np.cumsum(copies)[:-1]])
    model_of = np.repeat(np.arange(len(copies)), copies)
    instance_of = np.zeros(len(model_of), np.int32)
    if instances > 1:
        free = [(0, number) for number in range(instances)]
        for model in np.argsort(-rates, kind="stable"):
            weight = int(fleet.weights[model])
            taken = [heapq.heappop(free) for _ in range(copies[model])]
            for copy, (used, number) in enumerate(taken):
                instance_of[first[model] + copy] = number
                heapq.heappush(free, (used + weight, number))
    return Spread(copies, first, model_of, instance_of)


def wilson(share: float, count: int) -> float:
    """Return half the width of the 95 % interval of a share (Wilson's score).

    Args:
        share: The measured share, from 0 to 1.
        count: Number of requests.
    """
    z = 1.96
    return z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
