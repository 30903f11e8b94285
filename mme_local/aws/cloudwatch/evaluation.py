"""The state of an alarm, from its datapoints alone.

Source: Amazon CloudWatch user guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing
data", whose tables are this module's tests.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class StateValue(StrEnum):
    """An alarm's state."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class Missing(StrEnum):
    """How a missing datapoint is treated."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


@dataclass(frozen=True, slots=True)
class ThresholdComparison:
    """How a value is compared with the threshold.

    Attributes:
        breaches: Called with value and threshold.
        text: For example `greater than`.
    """

    breaches: Callable[[float, float], bool]
    text: str


COMPARISONS: Final = {
    "GreaterThanThreshold": ThresholdComparison(operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": ThresholdComparison(operator.ge, "greater than or equal to"),
    "LessThanThreshold": ThresholdComparison(operator.lt, "less than"),
    "LessThanOrEqualToThreshold": ThresholdComparison(operator.le, "less than or equal to"),
}
"""By their name in alarms; comparisons with an anomaly detection band are not supported."""

EXTRA_POINTS: Final = 2
"""Datapoints that are read in addition to those to evaluate, in case some are missing."""


def alarm_state(
    points: Sequence[bool | None], periods: int, needed: int, missing: Missing, now: StateValue
) -> tuple[StateValue, int]:
    """Return the state, and how many missing datapoints were filled in.

    Args:
        points: Whether each breaches, oldest first, None for a missing one: `periods` of them and
            `EXTRA_POINTS` older ones.
        periods: How many datapoints to evaluate.
        needed: How many of them must breach for an alarm.
        missing: How missing datapoints are treated.
        now: The current state, which stays if the datapoints decide nothing.
    """
    real = [point for point in points if point is not None]
    absent = max(0, periods - len(real))
    breaching = sum(real[-periods:])
    if not absent or missing in (Missing.BREACHING, Missing.NOT_BREACHING):
        filled = absent if missing is Missing.BREACHING else 0
        return (StateValue.ALARM if breaching + filled >= needed else StateValue.OK), absent
    if not real:
        return (now if missing is Missing.IGNORE else StateValue.INSUFFICIENT_DATA), absent
    if breaching >= needed:
        return StateValue.ALARM, absent
    if breaching < len(real):
        return StateValue.OK, absent
    # All existing ones breach, but too few: an alarm once the oldest is old enough.
    age = len(points) - next(number for number, point in enumerate(points) if point is not None)
    if missing is Missing.MISSING and age >= needed:
        return StateValue.ALARM, absent
    return now, absent
