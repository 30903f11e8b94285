"""Parse sizes and durations as people write them: `25MB`, `1.5 GiB`, `200ms`, `15m`."""

from __future__ import annotations

import re
from typing import Final

from mme.errors import MmeError

_QUANTITY: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.IGNORECASE | re.ASCII)
_SIZES: Final = {"": 1, "b": 1} | {
    f"{prefix}{middle}b": base**power
    for power, prefix in enumerate("kmgt", 1)
    for middle, base in (("", 1000), ("i", 1024))
}
_DURATIONS: Final = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600}
_LARGEST: Final = 10**15


def parse_size(text: str) -> int:
    """Return a size in bytes: `500`, `25MB` (powers of 1000), `6 GiB` (powers of 1024).

    Raises:
        MmeError: It has another form, or is not positive.
    """
    size = _parse(text, _SIZES)
    if size is None or size < 1:
        raise MmeError(f"{text!r} is not a size", hint="use a number with a unit: 500KB, 25MB, 1.5GB, 6GiB")
    return round(size)


def parse_seconds(text: str) -> float:
    """Return a duration in seconds: `200ms`, `90s`, `15m`, `1h`.

    Raises:
        MmeError: It has another form, or is not positive.
    """
    seconds = _parse(text, _DURATIONS)
    if seconds is None:
        raise MmeError(f"{text!r} is not a duration", hint="use a number with a unit: 200ms, 90s, 15m, 1h")
    return seconds


def _parse(text: str, units: dict[str, float] | dict[str, int]) -> float | None:
    found = _QUANTITY.fullmatch(text.strip())
    if found is None or found[2].lower() not in units:
        return None
    value = float(found[1]) * units[found[2].lower()]
    return value if 0 < value <= _LARGEST else None


def seconds_text(seconds: float) -> str:
    """Return a duration as people write it: `200 ms`, `90 s`, `15 min`."""
    if seconds < 1:
        return f"{seconds * 1000:g} ms"
    return f"{seconds:g} s" if seconds < 120 or seconds % 60 else f"{seconds / 60:g} min"
