"""moto's records that still live, by class: moto itself remembers all that there ever were."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from typing import Any

_lock = threading.Lock()


class LiveInstances:
    """Stands in for moto's list of a class's instances, which would keep every log line ever written.

    Safe for threads, and for instances that are equal to others.
    """

    def __init__(self) -> None:
        self._known: dict[int, weakref.ref[Any]] = {}

    def append(self, instance: Any) -> None:
        """Know of one more, for as long as somebody else holds it."""
        key = id(instance)
        known = self._known
        known[key] = weakref.ref(instance, lambda _: known.pop(key, None))

    def __iter__(self) -> Iterator[Any]:
        for reference in list(self._known.values()):
            instance = reference()
            if instance is not None:
                yield instance

    def __len__(self) -> int:
        return len(self._known)


def track(kind: Any, instance: Any) -> None:
    """Have an instance among those of its class.

    Args:
        kind: one of moto's models.
        instance: of it.
    """
    # moto gives each class a plain list, and a new one when it is reset.
    if type(kind.instances_tracked) is list:
        with _lock:
            if type(kind.instances_tracked) is list:
                kind.instances_tracked = LiveInstances()
    kind.instances_tracked.append(instance)
