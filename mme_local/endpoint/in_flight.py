"""Requests that are being answered now: how many, for how long, and when there are none."""

from __future__ import annotations

import asyncio
import time
from collections import Counter


class InFlight:
    """Counts requests of one event loop, by model."""

    def __init__(self) -> None:
        self._began: dict[_One, float] = {}
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

    def one(self, model: str) -> _One:
        """A context manager that counts one more while its block runs."""
        return _One(self, model)

    async def none(self) -> None:
        """Return once there are none."""
        await self._idle.wait()

    def _begin(self, one: _One, model: str) -> None:
        self._began[one] = time.monotonic()
        self._models[model] += 1
        self._idle.clear()

    def _end(self, one: _One, model: str) -> None:
        del self._began[one]
        self._models[model] -= 1
        if not self._models[model]:
            del self._models[model]
        if not self._began:
            self._idle.set()


class _One:
    """One request; a class, since a generator's context manager costs every request three times as much."""

    __slots__ = ("_among", "_model")

    def __init__(self, among: InFlight, model: str) -> None:
        self._among = among
        self._model = model

    def __enter__(self) -> None:
        self._among._begin(self, self._model)

    def __exit__(self, *_: object) -> None:
        self._among._end(self, self._model)
