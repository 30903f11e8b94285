"""The faults that are set in a local endpoint. Thread-safe: downloads run in threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from mme_local.faults.fault import FaultType, InjectedFault


@dataclass(slots=True)
class _Entry:
    fault: InjectedFault
    met: int = 0
    until: float | None = None
    """Its end, by the board's clock; known once a request has met it."""


class FaultBoard:
    """At most one fault of each kind and model.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: dict[tuple[FaultType, str | None], _Entry] = {}

    def __bool__(self) -> bool:
        """Return whether any may be set: requests check this first, as there are rarely faults."""
        return bool(self._entries)

    def set(self, fault: InjectedFault) -> None:
        """Set a fault, replacing one of the same kind and model."""
        with self._lock:
            self._entries[fault.kind, fault.model] = _Entry(fault)

    def clear(self, kind: FaultType | None = None, model: str | None = None) -> list[InjectedFault]:
        """Clear faults and return them.

        Args:
            kind: only of this kind.
            model: only those set for this model by name.
        """
        with self._lock:
            self._expire()
            keys = [key for key in self._entries if kind in (None, key[0]) and model in (None, key[1])]
            return [self._entries.pop(key).fault for key in keys]

    def describe(self) -> list[dict[str, object]]:
        """Return the faults in the order they were set, with how often each was ``met``."""
        with self._lock:
            self._expire()
            return [entry.fault.as_json() | {"met": entry.met} for entry in self._entries.values()]

    def take(self, kind: FaultType, concerns: str | Callable[[InjectedFault], bool]) -> InjectedFault | None:
        """Return the fault that a request meets and count it; one for a model goes before one for all.

        Args:
            kind: what could fail at this point.
            concerns: the request's target model, or a function that returns whether a fault concerns it.
        """
        if not self:
            return None
        matches = (lambda fault: fault.concerns(concerns)) if isinstance(concerns, str) else concerns
        with self._lock:
            self._expire()
            found = [one for one in self._entries.values() if one.fault.kind is kind and matches(one.fault)]
            if not found:
                return None
            entry = min(found, key=lambda one: one.fault.model is None)
            entry.met += 1
            if kind is FaultType.NOT_READY and entry.until is None and entry.fault.seconds is not None:
                entry.until = self._clock() + entry.fault.seconds
            return entry.fault

    def _expire(self) -> None:
        now = self._clock()
        for key, entry in list(self._entries.items()):
            times = entry.fault.times
            if (times is not None and entry.met >= times) or (entry.until is not None and now >= entry.until):
                del self._entries[key]
