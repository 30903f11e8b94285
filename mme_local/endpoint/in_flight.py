"""Requests in flight on one instance."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from mme_local.endpoint.condition import Condition


class InFlight:
    """Counts requests of one event loop, by model."""

    def __init__(self) -> None:
        self._requests: dict[object, tuple[str, float]] = {}
        self._changed = Condition()

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._requests)

    @property
    def longest(self) -> float:
        """Seconds since the oldest one began; 0 if there is none."""
        began = [began for _, began in self._requests.values()]
        return time.monotonic() - min(began) if began else 0.0

    def count_of(self, model: str) -> int:
        """How many there are for one model."""
        return sum(model == one for one, _ in self._requests.values())

    @contextmanager
    def track(self, model: str) -> Iterator[None]:
        """Count one more request while the block runs."""
        key = object()
        self._requests[key] = model, time.monotonic()
        try:
            yield
        finally:
            del self._requests[key]
            self._changed.notify_all()

    async def wait_idle(self) -> None:
        """Return once there is none."""
        await self._changed.wait_for(lambda: not self._requests)
