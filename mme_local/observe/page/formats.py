"""Numbers, times and sizes as the status page shows them; filters of its templates."""

from __future__ import annotations

import time
from typing import Final

NOTHING: Final = "\N{EN DASH}"
"""Shown if there is no value."""
_UNITS: Final = ("B", "KiB", "MiB", "GiB")


def count(number: float) -> str:
    """Format a whole number."""
    return f"{number:,.0f}"


def share(part: float, whole: float) -> str:
    """Format a ratio in percent.

    Args:
        part: numerator, at most ``whole``.
        whole: denominator; a dash is shown if it is 0.
    """
    if not whole:
        return NOTHING
    percent = 100 * part / whole
    # 99.96 is not shown as 100
    return f"{percent:.0f} %" if percent in (0, 100) else f"{min(99.9, max(0.1, percent)):.1f} %"


def seconds(value: float | None) -> str:
    """Format a duration in milliseconds, or in seconds from one second on."""
    if value is None:
        return NOTHING
    if value < 0.9995:
        return f"{value * 1000:.{2 if value < 0.0009995 else 1 if value < 0.09995 else 0}f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"


def size(number: float) -> str:
    """Format bytes in the unit that fits them."""
    for unit in _UNITS[:-1]:
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} {_UNITS[-1]}"


def age(value: float) -> str:
    """Format how many seconds ago something happened, roughly: it should not change each second."""
    if value < 60:
        return "just now"
    if value < 3600:
        return f"{value // 60:.0f} min"
    return f"{value // 3600:.0f} h" if value < 172_800 else f"{value // 86_400:.0f} days"


def clock(at: float) -> str:
    """Format a moment, in seconds since the epoch, as the local time of day."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def plural(number: int, one: str, many: str = "") -> str:
    """Format a number with its noun.

    Args:
        number: how many.
        one: the noun's singular.
        many: its plural; ``one`` with an s by default.
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
