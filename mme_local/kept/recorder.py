"""Writes the state soon after it has changed, beside everything else that goes on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)

_JOIN_SECONDS: Final = 25.0


class Recorder:
    """One thread that saves what changes, at most so often.

    Args:
        save: writes the state; it may fail with any exception, and is asked again.
        seconds: at least, between two times.
        retry_seconds: after a failure.
    """

    def __init__(self, save: Callable[[], None], seconds: float = 1.0, retry_seconds: float = 5.0) -> None:
        self._save = save
        self._seconds = seconds
        self._retry_seconds = retry_seconds
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="state", daemon=True)
        self.fault: str | None = None
        """Why the state on the disk is older than it should be, in words; None where it is not."""
        self.saved: float | None = None
        """When the disk last held all of it, in seconds since the epoch."""

    def start(self) -> None:
        """Begin to save."""
        self._thread.start()

    def changed(self) -> None:
        """Say that something has changed: from any thread, and at no cost."""
        self._changed.set()

    def stop(self) -> None:
        """Save what has changed, and end."""
        self._stopping.set()
        self._changed.set()
        self._thread.join(_JOIN_SECONDS)
        if self._thread.is_alive():
            self.fault = f"it was not written within {_JOIN_SECONDS:g} s"

    def _run(self) -> None:
        unsaved = False
        while not self._stopping.is_set():
            self._changed.wait(self._retry_seconds if unsaved else None)
            if self._stopping.is_set():
                break
            self._changed.clear()
            unsaved = not self._attempt()
            self._stopping.wait(self._seconds)
        self._attempt()

    def _attempt(self) -> bool:
        try:
            self._save()
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"
            if fault != self.fault:
                log.exception("what is deployed and published can't be kept")
            self.fault = fault
            return False
        self.fault = None
        self.saved = time.time()
        return True
