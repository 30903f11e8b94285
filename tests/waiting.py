"""Wait for what another process or thread does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def wait_for(read: Callable[[], Any], seconds: float = 90) -> Any:
    """Return what is read once it is true.

    Args:
        read: The condition.
        seconds: A limit for hangs, however busy the machine is.
    """
    deadline = time.monotonic() + seconds
    while not (found := read()):
        assert time.monotonic() < deadline, f"not true within {seconds:g} s"
        time.sleep(0.05)
    return found
