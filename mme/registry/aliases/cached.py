"""Aliases that are not looked up at every call."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from mme.errors import MmeError
from mme.registry.aliases.store import UnknownAliasError

DEFAULT_SECONDS: Final = 30.0
"""How long a promotion or rollback takes at most until callers follow."""


class _Resolver(Protocol):
    def resolve(self, alias: str) -> str:
        """The archive it stands for."""


class _Entry:
    __slots__ = ("lock", "target", "until")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.target = ""
        self.until = 0.0


class CachedAliases:
    """Remembers what aliases stand for, for a short time. Threads may share it.

    Where S3 fails while an alias that is known is looked up again, the known target serves on: an endpoint
    must not go down with S3. An alias that is gone, or that may not be read, is an error at once.

    Args:
        store: an AliasStore, or anything that resolves.
        seconds: how long an answer is good; 0 asks every time.
        clock: of seconds that only go forward.
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
        self._entries: dict[str, _Entry] = {}
        self._guard = threading.Lock()

    def resolve(self, alias: str) -> str:
        """The archive an alias stands for.

        Raises:
            UnknownAliasError: there is no such alias.
            MmeError: it is no alias at all, or S3 refuses.
        """
        with self._guard:
            entry = self._entries.setdefault(alias, _Entry())
        # One look-up per alias at a time: a thousand calls at the moment of expiry are one request.
        with entry.lock:
            if entry.target and self._clock() < entry.until:
                return entry.target
            try:
                entry.target = self._store.resolve(alias)
            except UnknownAliasError:
                with self._guard:
                    self._entries.pop(alias, None)
                raise
            except MmeError:
                raise
            except Exception:
                if not entry.target:
                    raise
            entry.until = self._clock() + self._seconds
            return entry.target

    def forget(self, alias: str | None = None) -> None:
        """Asks anew at the next call: for one alias, or for all."""
        with self._guard:
            if alias is None:
                self._entries.clear()
            else:
                self._entries.pop(alias, None)
