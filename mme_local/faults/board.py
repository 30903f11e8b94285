"""The faults that are set in a runtime now. Safe from any thread: downloads run in some."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from mme_local.faults.fault import Fault, FaultKind


@dataclass(slots=True)
class _Set:
    fault: Fault
    met: int = 0
    until: float | None = None
    """When it is over, by the board's clock: known from the first request that meets it."""


class FaultBoard:
    """At most one fault of each kind and model.

    Args:
        clock: seconds, of any beginning.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._set: dict[tuple[FaultKind, str | None], _Set] = {}

    def __bool__(self) -> bool:
        """Whether anything may be set: nearly every request meets an empty board, and must not pay for it."""
        return bool(self._set)

    def set(self, fault: Fault) -> None:
        """Have a fault from now on, in place of one of the same kind and model."""
        with self._lock:
            self._set[fault.kind, fault.model] = _Set(fault)

    def clear(self, kind: FaultKind | None = None, model: str | None = None) -> list[Fault]:
        """Mend everything, or what is of this kind or concerns this model by name; returns it."""
        with self._lock:
            self._drop_over()
            gone = [key for key in self._set if kind in (None, key[0]) and (model is None or model == key[1])]
            return [self._set.pop(key).fault for key in gone]

    def describe(self) -> list[dict[str, object]]:
        """What is set, in the order it was, and how often each was met."""
        with self._lock:
            self._drop_over()
            return [entry.fault.as_json() | {"met": entry.met} for entry in self._set.values()]

    def take(self, kind: FaultKind, concerns: str | Callable[[Fault], bool]) -> Fault | None:
        """The fault of this kind that a request meets, which counts; None where it meets none.

        One for the request's own model goes before one for all.

        Args:
            kind: what could go wrong at this point.
            concerns: the target model of the request, or what tells whether a fault concerns it.
        """
        if not self:
            return None
        asked = (lambda fault: fault.concerns(concerns)) if isinstance(concerns, str) else concerns
        with self._lock:
            self._drop_over()
            found = [entry for entry in self._set.values() if entry.fault.kind is kind and asked(entry.fault)]
            if not found:
                return None
            entry = min(found, key=lambda one: one.fault.model is None)
            entry.met += 1
            if kind is FaultKind.NOT_READY and entry.until is None and entry.fault.seconds is not None:
                entry.until = self._clock() + entry.fault.seconds
            return entry.fault

    def _drop_over(self) -> None:
        now = self._clock()
        for key, entry in list(self._set.items()):
            times = entry.fault.times
            if (times is not None and entry.met >= times) or (entry.until is not None and now >= entry.until):
                del self._set[key]
