"""Being ended by others: as by Ctrl-C, with everything put away."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, Never

_SIGNALS: Final = ("SIGTERM", "SIGHUP")


@contextmanager
def cleaned_up_when_ended() -> Iterator[None]:
    """While entered, SIGTERM (`kill`, a pipeline's cancel) and SIGHUP (a closed terminal) end as Ctrl-C does.

    By default they end Python on the spot, and an upload's parts would stay in S3.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, _end)
        for name in _SIGNALS
        if (number := getattr(signal, name, None)) is not None
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _: FrameType | None) -> Never:
    # A second one, while the first is being dealt with, ends it on the spot.
    signal.signal(number, signal.SIG_DFL)
    # As shells tell it: 128 and the signal's number.
    raise SystemExit(128 + number)
