"""The last half hour of each endpoint, and its latest requests, for the status page."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from mme_local.aws.cloudwatch.distribution import Distribution
from mme_local.observe.observed import SeenRequest

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

    def count(self, requests: Sequence[SeenRequest]) -> None:
        """Count requests."""
        waits = [seen.trace.waited_seconds for seen in requests if seen.trace.cache_hit is False]
        latencies = [seen.seconds for seen in requests if not seen.failure]
        self.requests += len(requests)
        self.errors += len(requests) - len(latencies)
        self.hits += sum(seen.trace.cache_hit is True for seen in requests)
        self.misses += len(waits)
        self.waits.add_all(waits)
        self.latencies.add_all(latencies)


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

    def count(self, requests: Sequence[SeenRequest]) -> None:
        """Count requests, in the order in which they were answered."""
        failed = [seen for seen in requests if seen.failure]
        self.recent.extendleft(requests[-_REQUESTS:])
        self.failures.extendleft(failed[-_ERRORS:])
        self.requests += len(requests)
        self.failed += len(failed)
        for number, some in groupby(requests, lambda seen: int(seen.at) // SLICE_SECONDS):
            self._slice(number).count(list(some))
        self.hits += sum(seen.trace.cache_hit is True for seen in requests)
        self.misses += sum(seen.trace.cache_hit is False for seen in requests)

    def slices(self, now: float) -> list[Slice]:
        """The last `SLICES`, the oldest first, those included in which nothing happened."""
        last = int(now) // SLICE_SECONDS
        return [self._slices.get(number, Slice()) for number in range(last - SLICES + 1, last + 1)]

    def _slice(self, number: int) -> Slice:
        if number not in self._slices:
            self._slices = {
                known: each for known, each in self._slices.items() if known > number - SLICES
            } | {number: Slice()}
        return self._slices[number]


class History:
    """Histories by region and endpoint; of so many endpoints that were called last, answers before errors."""

    def __init__(self) -> None:
        self._endpoints: dict[tuple[str, str], EndpointHistory] = {}

    def of(self, region: str, endpoint: str) -> EndpointHistory:
        """One endpoint's, empty where it was never called."""
        return self._endpoints.get((region, endpoint)) or EndpointHistory()

    def count(self, requests: Iterable[SeenRequest]) -> None:
        """Count requests, in the order in which they were answered."""
        together: dict[tuple[str, str], list[SeenRequest]] = {}
        for seen in requests:
            together.setdefault((seen.region, seen.endpoint), []).append(seen)
        for key, group in together.items():
            history = self._endpoints.pop(key, None) or EndpointHistory()
            self._endpoints[key] = history
            history.count(group)
            if len(self._endpoints) > _ENDPOINTS:
                # A name that never answered goes first: it may be no endpoint's at all.
                mute = (known for known, each in self._endpoints.items() if each.failed == each.requests)
                del self._endpoints[next(mute, next(iter(self._endpoints)))]
