"""Numbers, times and sizes as the page says them, and text that is safe in HTML."""

from __future__ import annotations

import time
from html import escape
from typing import Final

NOTHING: Final = "\N{EN DASH}"
"""Stands where there is no value."""
_UNITS: Final = ("B", "KiB", "MiB", "GiB")


def text(value: object) -> str:
    """A value as text of an element or an attribute: whatever it holds is shown, never obeyed."""
    return escape(str(value), quote=True)


def count(number: float) -> str:
    """A whole number."""
    return f"{number:,.0f}"


def number(value: float | None) -> str:
    """A value of any size with three digits that count."""
    if value is None:
        return NOTHING
    if abs(value) >= 100_000:
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"


def share(part: float, whole: float) -> str:
    """A share of 0 to 1 in percent, a dash where there is nothing to share."""
    if not whole:
        return NOTHING
    percent = 100 * part / whole
    # 99.96 is not all of them
    return f"{percent:.0f} %" if percent in (0, 100) else f"{min(99.9, max(0.1, percent)):.1f} %"


def seconds(value: float | None) -> str:
    """A duration in the unit that fits it."""
    if value is None:
        return NOTHING
    if value < 0.001:
        return f"{value * 1_000_000:.0f} µs"
    if value < 1:
        return f"{value * 1000:.{1 if value < 0.0995 else 0}f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"


def size(number: float) -> str:
    """Bytes in the unit that fits them."""
    for unit in _UNITS[:-1]:
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} {_UNITS[-1]}"


def age(value: float) -> str:
    """How long ago, roughly: it should not change each second."""
    if value < 60:
        return "just now"
    if value < 3600:
        return f"{value // 60:.0f} min"
    return f"{value // 3600:.0f} h" if value < 172_800 else f"{value // 86_400:.0f} days"


def clock(at: float) -> str:
    """The time of day here."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def plural(number: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{number:,} {one if number == 1 else many}"
