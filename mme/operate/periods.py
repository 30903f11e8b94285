"""Parse how far back to look: `90s`, `15m`, `1h`, `2d`, or a moment in ISO form."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from mme.errors import MmeError

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_since(text: str, now: datetime | None = None) -> datetime:
    """Return the moment in UTC.

    Args:
        text: An integer and `s`, `m`, `h`, `d` or `w`; or a moment in ISO form, UTC without an offset.
        now: End of the period. Default: the clock.

    Raises:
        MmeError: It is neither, or not in the past.
    """
    present = now or datetime.now(UTC)
    moment = _moment(text.strip(), present)
    if moment is None:
        raise MmeError(
            f"{text!r} is not a period or a moment", hint="use 90s, 15m, 1h, 2d or 2026-01-31T12:00"
        )
    if moment >= present:
        raise MmeError(f"{text!r} is not in the past", hint="use 15m, 1h, 2d or an earlier moment")
    return moment


def _moment(text: str, now: datetime) -> datetime | None:
    try:
        if length := re.fullmatch(r"(\d+)\s*([smhdw])", text):
            return now - timedelta(**{_UNITS[length[2]]: int(length[1])})
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
