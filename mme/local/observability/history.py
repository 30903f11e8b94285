"""The last half hour of each endpoint, and its latest requests, for the status page."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from mme.local.call import Call
from mme.local.cloud.cloudwatch.distribution import Distribution
from mme.local.observability.measurements import status_of
from mme.local.outcome import InvocationError
from mme.local.trace import Trace

SLICE_SECONDS: Final = 15
SLICES: Final = 120
_REQUESTS: Final = 25
_ERRORS: Final = 15
_MESSAGE_CHARACTERS: Final = 400
_ENDPOINTS: Final = 50


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """One answered request.

    Attributes:
        at: seconds since the epoch.
        model: the target model; empty where none was named.
        instance: where it was sent; empty where it did not get so far.
        status: of the answer, with 424 for a container's error.
        error: the error's name; empty where there was none.
        message: the error's text, shortened.
        cache_hit: whether its model was in memory; None where nobody looked.
        waited_seconds: for its model.
        model_seconds: the container's time.
        seconds: in all.
        request_id: of its answer.
    """

    at: float
    model: str
    instance: str
    status: int
    error: str
    message: str
    cache_hit: bool | None
    waited_seconds: float
    model_seconds: float
    seconds: float
    request_id: str


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
        if seen.error:
            self.failed += 1
            now.errors += 1
            self.failures.appendleft(seen)
        if seen.cache_hit is not None:
            self.hits += seen.cache_hit
            self.misses += not seen.cache_hit
            now.hits += seen.cache_hit
            now.misses += not seen.cache_hit
        if seen.cache_hit is False:
            now.waits.add(seen.waited_seconds)
        if not seen.error:
            now.latencies.add(seen.seconds)

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
    """Histories by region and endpoint; of so many endpoints that were called last.

    Args:
        now: seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._endpoints: dict[tuple[str, str], EndpointHistory] = {}
        self.changes = 0
        """Counts up with every request."""

    def of(self, region: str, endpoint: str) -> EndpointHistory:
        """One endpoint's, empty where it was never called."""
        return self._endpoints.get((region, endpoint)) or EndpointHistory()

    def finished(self, call: Call, trace: Trace, seconds: float, error: InvocationError | None) -> None:
        """See `mme.local.trace.Observer`."""
        self.changes += 1
        key = (call.region, call.endpoint)
        history = self._endpoints.pop(key, None) or EndpointHistory()
        self._endpoints[key] = history
        if len(self._endpoints) > _ENDPOINTS:
            del self._endpoints[next(iter(self._endpoints))]
        history.count(
            SeenRequest(
                at=self._now(),
                model=call.target_model or "",
                instance=trace.instance,
                status=error.status if error else 200,
                error=error.name if error else "",
                message=_told(error),
                cache_hit=trace.cache_hit,
                waited_seconds=trace.waited_seconds,
                model_seconds=trace.model_seconds,
                seconds=seconds,
                request_id=call.request_id,
            )
        )


def _told(error: InvocationError | None) -> str:
    if error is None:
        return ""
    original = error.fields.get("OriginalMessage")
    text = f"{status_of(error)}: {original}" if original else error.message
    return text if len(text) <= _MESSAGE_CHARACTERS else f"{text[:_MESSAGE_CHARACTERS]}…"
