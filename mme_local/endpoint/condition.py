"""An asyncio condition variable without a lock, for state that only one event loop changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Condition:
    """Wakes waiters after a change. Notifying takes no await, so no cancellation can lose a notification."""

    def __init__(self) -> None:
        self._next: asyncio.Future[None] | None = None

    def notify_all(self) -> None:
        """Have every waiter check its predicate again."""
        current, self._next = self._next, None
        if current is not None:
            current.set_result(None)

    async def wait_for(self, predicate: Callable[[], bool]) -> None:
        """Return once ``predicate`` is true; it is checked now and after each notification."""
        while not predicate():
            if self._next is None:
                self._next = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._next)
