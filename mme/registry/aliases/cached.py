"""Aliases that are cached between calls."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from mme.errors import MmeError
from mme.registry.aliases.store import UnknownAliasError

DEFAULT_SECONDS: Final = 30.0
"""Callers follow a promotion or rollback after this time at most."""


class _Resolver(Protocol):
    def resolve(self, alias: str) -> str:
        """Return the archive that an alias points at."""


class _CachedAlias:
    __slots__ = ("lock", "target", "until")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.target = ""
        self.until = 0.0


class CachedAliases:
    """Resolves aliases and caches the answers for a short time. Threads may share it.

    If S3 fails while a cached alias is refreshed, the cached target stays in use: an endpoint must not fail
    together with S3. An alias that was deleted, or may not be read, is an error at once.

    Args:
        store: An AliasStore, or anything that resolves.
        seconds: How long an answer is valid; 0 asks every time.
        clock: A monotonic clock, in seconds.
    """

    def __init__(
        self,
        store: _Resolver,
        seconds: float = DEFAULT_SECONDS,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._seconds = seconds
        self._clock = clock
        self._entries: dict[str, _CachedAlias] = {}
        self._guard = threading.Lock()

    def resolve(self, alias: str) -> str:
        """Return the archive that an alias points at.

        Raises:
            UnknownAliasError: There is no such alias.
            MmeError: The alias is invalid, the bucket does not exist or access is denied.
        """
        with self._guard:
            entry = self._entries.setdefault(alias, _CachedAlias())
        # One look-up per alias at a time: a thousand calls at the moment of expiry make one request.
        with entry.lock:
            if entry.target and self._clock() < entry.until:
                return entry.target
            try:
                entry.target = self._store.resolve(alias)
            except UnknownAliasError:
                self.forget(alias)
                raise
            except MmeError:
                raise
            except Exception:
                if not entry.target:
                    raise
            entry.until = self._clock() + self._seconds
            return entry.target

    def forget(self, alias: str | None = None) -> None:
        """Ask again at the next call, for one alias or for all."""
        with self._guard:
            if alias is None:
                self._entries.clear()
            else:
                self._entries.pop(alias, None)
