"""Word of changes in the embedded AWS that no request makes: alarms that come to another state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

listeners: Final[list[Callable[[], None]]] = []
"""Called after each such change, from any thread."""


def announce() -> None:
    """Tell everybody who listens."""
    for listener in list(listeners):
        listener()
