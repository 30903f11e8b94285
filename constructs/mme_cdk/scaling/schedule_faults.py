"""What Application Auto Scaling refuses of a schedule."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from difflib import get_close_matches
from zoneinfo import available_timezones

from mme.catalog import limits
from mme_cdk._internal.validation import known

_NAME = re.compile(r"(?! )[^\x00-\x1f\x7f-\x9f:/|]{1,256}(?<! )")


def schedule_faults(
    name: str, expression: str, time_zone: str | None, start: datetime | None, end: datetime | None
) -> Iterator[str]:
    """Yield what is wrong with a scheduled action.

    Args:
        name: Its name.
        expression: `at(...)`, `rate(...)` or `cron(...)`.
        time_zone: IANA name; None = UTC.
        start: First time that it may fire.
        end: Last time that it may fire.
    """
    if known(name) and not _NAME.fullmatch(name):
        yield (
            f"schedule {name!r} is not a valid name: use 1 to 256 characters, none of : / | or a line "
            "break, and no blank first or last"
        )
    if known(expression) and not re.fullmatch(limits.SCHEDULE_PATTERN, expression):
        yield (
            f"schedule is {expression}; must be at(yyyy-mm-ddThh:mm:ss), rate(VALUE UNIT) or cron(...) with "
            'six fields: use Schedule.cron(hour="8", minute="0")'
        )
    elif known(expression) and expression.startswith("at("):
        try:
            datetime.fromisoformat(expression[3:-1])
        except ValueError:
            yield f"schedule is {expression}, which is not a valid time: use at(2030-01-31T12:00:00)"
    if time_zone is not None and known(time_zone) and time_zone not in (zones := available_timezones()):
        near = get_close_matches(time_zone, zones, n=1)
        yield f"time_zone {time_zone} does not exist: use {near[0] if near else 'Europe/Berlin'}"
    for what, moment in (("start_time", start), ("end_time", end)):
        if moment is not None and moment.tzinfo is None:
            yield f"{what} {moment} has no time zone: use datetime(2030, 1, 31, 12, 0, tzinfo=UTC)"
    if start and end and start.tzinfo and end.tzinfo and end <= start:
        yield f"end_time {end} is not after start_time {start}; the schedule would never fire: change one"
