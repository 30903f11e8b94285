"""The last half hour of each endpoint, and its latest requests, for the status page."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from mme.local.cloud.cloudwatch.distribution import Distribution
from mme.local.observability.seen import SeenRequest

SLICE_SECONDS: Final = 15
SLICES: Final = 120
_REQUESTS: Final = 25
_ERRORS: Final = 15
_ENDPOINTS: Final = 50


@dataclass(slots=True)
class Slice:
    """What happened within `SLICE_SECONDS`, times in seconds."""

    requests: int = 0
    errors: int = 0
    hits: int = 0
    misses: int = 0
    waits: Distribution = field(default_factory=Distribution)
    latencies: Distribution = field(default_factory=Distribution)


@dataclass(slots=True)
class EndpointHistory:
    """One endpoint's, since the runtime's start where nothing else is said.

    Attributes:
        requests: how many.
        failed: how many of them ended in an error.
        hits: how many found their model in memory.
        misses: how many did not.
        recent: the latest requests, the newest first.
        failures: the latest errors, the newest first.
    """

    requests: int = 0
    failed: int = 0
    hits: int = 0
    misses: int = 0
    recent: deque[SeenRequest] = field(default_factory=lambda: deque(maxlen=_REQUESTS))
    failures: deque[SeenRequest] = field(default_factory=lambda: deque(maxlen=_ERRORS))
    _slices: dict[int, Slice] = field(default_factory=dict)

    def count(self, seen: SeenRequest) -> None:
        """Count one more."""
        self.recent.appendleft(seen)
        now = self._slice(seen.at)
        self.requests += 1
        now.requests += 1
        if seen.failure:
            self.failed += 1
            now.errors += 1
            self.failures.appendleft(seen)
        else:
            now.latencies.add(seen.seconds)
        hit = seen.trace.cache_hit
        if hit is not None:
            self.hits += hit
            self.misses += not hit
            now.hits += hit
            now.misses += not hit
        if hit is False:
            now.waits.add(seen.trace.waited_seconds)

    def slices(self, now: float) -> list[Slice]:
        """The last `SLICES`, the oldest first, those included in which nothing happened."""
        last = int(now) // SLICE_SECONDS
        return [self._slices.get(number, Slice()) for number in range(last - SLICES + 1, last + 1)]

    def _slice(self, at: float) -> Slice:
        number = int(at) // SLICE_SECONDS
        if number not in self._slices:
            self._slices = {
                known: each for known, each in self._slices.items() if known > number - SLICES
            } | {number: Slice()}
        return self._slices[number]


class History:
    """Histories by region and endpoint; of so many endpoints that were called last."""

    def __init__(self) -> None:
        self._endpoints: dict[tuple[str, str], EndpointHistory] = {}

    def of(self, region: str, endpoint: str) -> EndpointHistory:
        """One endpoint's, empty where it was never called."""
        return self._endpoints.get((region, endpoint)) or EndpointHistory()

    def count(self, requests: Iterable[SeenRequest]) -> None:
        """Count requests, in the order in which they were answered."""
        for seen in requests:
            key = (seen.region, seen.endpoint)
            history = self._endpoints.pop(key, None) or EndpointHistory()
            self._endpoints[key] = history
            if len(self._endpoints) > _ENDPOINTS:
                del self._endpoints[next(iter(self._endpoints))]
            history.count(seen)
