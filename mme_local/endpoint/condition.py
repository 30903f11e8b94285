"""Word that something has changed, for coroutines that wait until something is so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Changes:
    """Waking everybody takes no await, so no cancellation and no time limit can lose the word."""

    def __init__(self) -> None:
        self._next: asyncio.Future[None] | None = None

    def announce(self) -> None:
        """Let everybody who waits look again."""
        now, self._next = self._next, None
        if now is not None:
            now.set_result(None)

    async def until(self, so: Callable[[], bool]) -> None:
        """Return once ``so`` is true; it is asked now and after each announcement."""
        while not so():
            if self._next is None:
                self._next = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._next)
