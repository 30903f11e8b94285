"""Requests that are being answered now: how many, for how long, and when there are none."""

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
        """Seconds since the oldest of them began; 0 where there are none."""
        return time.monotonic() - min(self._began.values()) if self._began else 0.0

    def of(self, model: str) -> int:
        """How many there are for one model."""
        return self._models.get(model, 0)

    @contextmanager
    def one(self, model: str) -> Iterator[None]:
        """Count one more while the block runs."""
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

    async def none(self) -> None:
        """Return once there are none."""
        await self._idle.wait()
