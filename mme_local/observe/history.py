"""The last half hour of each endpoint and its latest requests, for the status page."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from mme_local.aws.cloudwatch.distribution import Distribution
from mme_local.observe.observed import ObservedRequest

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

    def count(self, requests: Sequence[ObservedRequest]) -> None:
        """Count requests."""
        waits = [one.trace.waited_seconds for one in requests if one.trace.cache_hit is False]
        latencies = [one.seconds for one in requests if not one.failure]
        self.requests += len(requests)
        self.errors += len(requests) - len(latencies)
        self.hits += sum(one.trace.cache_hit is True for one in requests)
        self.misses += len(waits)
        self.waits.add_all(waits)
        self.latencies.add_all(latencies)


@dataclass(slots=True)
class EndpointHistory:
    """The requests of one endpoint, counted since the local endpoint's start.

    Attributes:
        requests: how many.
        failed: how many ended in an error.
        hits: how many found their model in memory.
        misses: how many did not.
        recent: the latest requests, newest first.
        failures: the latest errors, newest first.
    """

    requests: int = 0
    failed: int = 0
    hits: int = 0
    misses: int = 0
    recent: deque[ObservedRequest] = field(default_factory=lambda: deque(maxlen=_REQUESTS))
    failures: deque[ObservedRequest] = field(default_factory=lambda: deque(maxlen=_ERRORS))
    _slices: dict[int, Slice] = field(default_factory=dict)

    def count(self, requests: Sequence[ObservedRequest]) -> None:
        """Count requests, in the order in which they were answered."""
        failed = [one for one in requests if one.failure]
        self.recent.extendleft(requests[-_REQUESTS:])
        self.failures.extendleft(failed[-_ERRORS:])
        self.requests += len(requests)
        self.failed += len(failed)
        self.hits += sum(one.trace.cache_hit is True for one in requests)
        self.misses += sum(one.trace.cache_hit is False for one in requests)
        for number, group in groupby(requests, lambda one: int(one.at) // SLICE_SECONDS):
            if number not in self._slices:
                self._slices = {at: one for at, one in self._slices.items() if at > number - SLICES}
            self._slices.setdefault(number, Slice()).count(list(group))

    def slices(self, now: float) -> list[Slice]:
        """Return the last `SLICES`, oldest first, empty ones included."""
        last = int(now) // SLICE_SECONDS
        return [self._slices.get(number, Slice()) for number in range(last - SLICES + 1, last + 1)]


class History:
    """Histories by region and endpoint, of the most recently called endpoints."""

    def __init__(self) -> None:
        self._endpoints: dict[tuple[str, str], EndpointHistory] = {}

    def of(self, region: str, endpoint: str) -> EndpointHistory:
        """Return the history of one endpoint, empty if it was never called.

        Args:
            region: Region of the endpoint.
            endpoint: Name of the endpoint.
        """
        return self._endpoints.get((region, endpoint)) or EndpointHistory()

    def count(self, requests: Iterable[ObservedRequest]) -> None:
        """Count requests, in the order in which they were answered."""
        groups: dict[tuple[str, str], list[ObservedRequest]] = {}
        for one in requests:
            groups.setdefault((one.region, one.endpoint), []).append(one)
        for key, group in groups.items():
            history = self._endpoints.pop(key, None) or EndpointHistory()
            self._endpoints[key] = history
            history.count(group)
            if len(self._endpoints) > _ENDPOINTS:
                # Names that never answered are evicted first: they may be no endpoints at all.
                unanswered = (at for at, each in self._endpoints.items() if each.failed == each.requests)
                del self._endpoints[next(unanswered, next(iter(self._endpoints)))]
