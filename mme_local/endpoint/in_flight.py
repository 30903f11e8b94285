"""Requests in flight on one instance."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class InFlight:
    """Counts requests of one event loop, by model."""

    def __init__(self) -> None:
        self._began: dict[object, float] = {}
        self._models: Counter[str] = Counter()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._began)

    @property
    def longest(self) -> float:
        """Seconds since the oldest one began; 0 if there is none."""
        return time.monotonic() - min(self._began.values()) if self._began else 0.0

    def count_of(self, model: str) -> int:
        """How many there are for one model."""
        return self._models[model]

    @contextmanager
    def track(self, model: str) -> Iterator[None]:
        """Count one more request while the block runs."""
        key = object()
        self._began[key] = time.monotonic()
        self._models[model] += 1
        self._idle.clear()
        try:
            yield
        finally:
            del self._began[key]
            self._models[model] -= 1
            if not self._models[model]:
                del self._models[model]
            if not self._began:
                self._idle.set()

    async def wait_idle(self) -> None:
        """Return once there is none."""
        await self._idle.wait()
