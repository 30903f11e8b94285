"""The gate to the control plane: requests pass side by side, a snapshot waits for a moment between them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """Many may be inside at once, or one alone. For threads; nobody may enter twice."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether somebody is alone, or about to be."""
        return self._closed

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Be inside with others; waits while somebody is alone, or about to be."""
        with self._changed:
            while self._closed:
                self._changed.wait()
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self, seconds: float) -> Iterator[bool]:
        """Be inside with nobody else; False where somebody was still there after this time.

        Nobody enters meanwhile, so the time is the longest that a request can be held up by one that goes on
        and on, and that one may itself be waiting for the other.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            while self._closed:
                self._changed.wait()
            self._closed = True
            while self._inside and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            empty = not self._inside
            if not empty:
                self._open()
        try:
            yield empty
        finally:
            if empty:
                with self._changed:
                    self._open()

    def _open(self) -> None:
        self._closed = False
        self._changed.notify_all()
