"""What was measured: metrics by name and dimensions, their values by moment."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final

from mme_local.aws.cloudwatch.distribution import Distribution

MOST_MOMENTS: Final = 4320
"""Moments kept of each metric: three days of minutes. CloudWatch keeps minutes for 15 days."""


@dataclass(frozen=True, slots=True)
class MetricKey:
    """One metric.

    Attributes:
        namespace: such as ``AWS/SageMaker``.
        name: such as ``ModelLatency``.
        dimensions: pairs of name and value, in order.
    """

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str]) -> MetricKey:
        """The metric with these dimensions, given in any order."""
        return cls(namespace, name, tuple(sorted(dimensions.items())))


@dataclass(frozen=True, slots=True)
class Period:
    """One period of a metric.

    Attributes:
        start: seconds since the epoch.
        unit: of its values; None where they came without.
        values: all that was measured in it.
    """

    start: int
    unit: str | None
    values: Distribution


class MetricStore:
    """Values of metrics; safe for threads."""

    def __init__(self) -> None:
        self._metrics: dict[MetricKey, dict[int, dict[str | None, Distribution]]] = {}
        self._lock = threading.Lock()

    @property
    def keys(self) -> list[MetricKey]:
        """All metrics that have values."""
        with self._lock:
            return list(self._metrics)

    def add(self, key: MetricKey, moment: float, unit: str | None, values: Distribution) -> None:
        """Count further values of a moment, which is rounded down to a second."""
        with self._lock:
            units = self._units(key, int(moment))
            if unit in units:
                units[unit].merge(values)
            else:
                units[unit] = Distribution()
                units[unit].merge(values)

    def replace(self, key: MetricKey, moment: float, unit: str | None, values: Distribution) -> None:
        """Have these values, and no others, in that moment: of what is measured, not counted."""
        with self._lock:
            units = self._units(key, int(moment))
            units.clear()
            units[unit] = values

    def read(
        self, key: MetricKey, start: float, end: float, seconds: int, unit: str | None = None
    ) -> list[Period]:
        """The periods that have values, in order.

        As CloudWatch does, the start is rounded down to a whole minute, or to a period shorter than that,
        and periods are counted from there (CloudWatch API reference, "GetMetricData").

        Args:
            key: which metric.
            start: seconds since the epoch.
            end: the first moment that is not wanted any more.
            seconds: length of a period.
            unit: leave out values of any other. Default: take all.
        """
        first = first_moment(start, seconds)
        periods: dict[int, Period] = {}
        with self._lock:
            for moment, units in self._within(key, first, end):
                begin = first + (moment - first) // seconds * seconds
                for each, values in units.items():
                    if unit is None or unit == each:
                        period = periods.setdefault(begin, Period(begin, each, Distribution()))
                        period.values.merge(values)
        return [periods[begin] for begin in sorted(periods)]

    def _within(
        self, key: MetricKey, first: int, end: float
    ) -> list[tuple[int, dict[str | None, Distribution]]]:
        """The moments that hold values; of a short time, without a look at all others."""
        moments = self._metrics.get(key, {})
        if end - first < len(moments):
            return [(moment, moments[moment]) for moment in range(first, ceil(end)) if moment in moments]
        return [(moment, units) for moment, units in moments.items() if first <= moment < end]

    def _units(self, key: MetricKey, moment: int) -> dict[str | None, Distribution]:
        moments = self._metrics.setdefault(key, {})
        units = moments.get(moment)
        if units is None:
            if moments:  # little comes for a moment when there is a later one
                for values in moments[next(reversed(moments))].values():
                    values.pack()
            units = moments[moment] = {}
        if len(moments) > MOST_MOMENTS:
            del moments[min(moments)]
        return units


def first_moment(start: float, seconds: int) -> int:
    """Where the first period of this length begins: at a whole minute, or at a shorter period's multiple."""
    step = min(60, seconds)
    return int(start // step * step)
