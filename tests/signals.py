"""Signals in this process, whatever started it: a background shell or `nohup` ignores some."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def handled(
    number: signal.Signals, handler: signal.Handlers | Callable[[int, FrameType | None], None]
) -> Iterator[None]:
    """Give a signal this handler until the end; child processes inherit whether it is ignored."""
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)
