"""The state that an alarm is in, from its datapoints alone.

Source: Amazon CloudWatch user guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing
data": the tables there are this module's tests.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """An alarm's state."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class Missing(StrEnum):
    """What a missing datapoint is taken for."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a value is compared with the threshold.

    Attributes:
        breaches: called with value and threshold.
        words: such as ``greater than``.
    """

    breaches: Callable[[float, float], bool]
    words: str


COMPARISONS: Final = {
    "GreaterThanThreshold": Comparison(operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": Comparison(operator.ge, "greater than or equal to"),
    "LessThanThreshold": Comparison(operator.lt, "less than"),
    "LessThanOrEqualToThreshold": Comparison(operator.le, "less than or equal to"),
}
"""By the name that alarms use; those against a band of expected values are not known here."""

EXTRA_POINTS: Final = 2
"""Datapoints looked at beyond those to evaluate, in case some of them are missing."""


def judge(
    points: Sequence[bool | None], periods: int, needed: int, missing: Missing, now: State
) -> tuple[State, int]:
    """The state, and how many missing datapoints were filled in for it.

    Args:
        points: whether each breaches, the oldest first, None where there is none: `periods` of them and
            `EXTRA_POINTS` older ones.
        periods: how many datapoints to evaluate.
        needed: how many of them must breach for an alarm.
        missing: what the ones that are not there are taken for.
        now: the state up to now, which stays where nothing can be said.
    """
    real = [point for point in points if point is not None]
    absent = max(0, periods - len(real))
    breaching = sum(real[-periods:])
    if not absent or missing in (Missing.BREACHING, Missing.NOT_BREACHING):
        filled = absent if missing is Missing.BREACHING else 0
        return (State.ALARM if breaching + filled >= needed else State.OK), absent
    if not real:
        return (now if missing is Missing.IGNORE else State.INSUFFICIENT_DATA), absent
    if breaching >= needed:
        return State.ALARM, absent
    if breaching < len(real):
        return State.OK, absent
    # All that are there breach, but they are too few: an alarm once the oldest is old enough.
    age = len(points) - next(number for number, point in enumerate(points) if point is not None)
    if missing is Missing.MISSING and age >= needed:
        return State.ALARM, absent
    return now, absent
