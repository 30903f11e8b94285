"""Metrics by name and dimensions, their values by moment."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final

from mme_local.aws.cloudwatch.distribution import Distribution

MOST_MOMENTS: Final = 4320
"""Moments stored of each metric: three days of minutes. CloudWatch stores minutes for 15 days."""


@dataclass(frozen=True, slots=True)
class MetricKey:
    """One metric.

    Attributes:
        namespace: For example `AWS/SageMaker`.
        name: For example `ModelLatency`.
        dimensions: Pairs of name and value, in order.
    """

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str]) -> MetricKey:
        """Return the metric with these dimensions.

        Args:
            namespace: For example `AWS/SageMaker`.
            name: For example `ModelLatency`.
            dimensions: In any order.
        """
        return cls(namespace, name, tuple(sorted(dimensions.items())))


@dataclass(frozen=True, slots=True)
class Period:
    """One period of a metric.

    Attributes:
        start: Seconds since the epoch.
        unit: Unit of its values, if they have one.
        values: All its values.
    """

    start: int
    unit: str | None
    values: Distribution


class MetricStore:
    """Values of metrics; safe to share between threads."""

    def __init__(self) -> None:
        self._metrics: dict[MetricKey, dict[int, dict[str | None, Distribution]]] = {}
        self._lock = threading.Lock()

    @property
    def keys(self) -> list[MetricKey]:
        """The metrics that have values."""
        with self._lock:
            return list(self._metrics)

    def add(self, key: MetricKey, moment: float, unit: str | None, values: Distribution) -> None:
        """Add values to those of a moment.

        Args:
            key: The metric.
            moment: Seconds since the epoch, rounded down to a second.
            unit: The values' unit.
            values: The values.
        """
        with self._lock:
            self._units(key, int(moment)).setdefault(unit, Distribution()).merge(values)

    def replace(self, key: MetricKey, moment: float, unit: str | None, values: Distribution) -> None:
        """Replace the values of a moment, for metrics that are measured and not counted.

        Args:
            key: The metric.
            moment: Seconds since the epoch, rounded down to a second.
            unit: The values' unit.
            values: The values.
        """
        with self._lock:
            units = self._units(key, int(moment))
            units.clear()
            units[unit] = values

    def read(
        self, key: MetricKey, start: float, end: float, seconds: int, unit: str | None = None
    ) -> list[Period]:
        """Return the periods that have values, in order.

        The first period starts at a whole minute, or at a multiple of a shorter period (CloudWatch API
        reference, "GetMetricData").

        Args:
            key: The metric.
            start: Seconds since the epoch.
            end: The first moment that is not included.
            seconds: Length of a period.
            unit: Leave out values of other units.
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
        """Return the moments with values; of a short time, without a search through all."""
        moments = self._metrics.get(key, {})
        if end - first < len(moments):
            return [(moment, moments[moment]) for moment in range(first, ceil(end)) if moment in moments]
        return [(moment, units) for moment, units in moments.items() if first <= moment < end]

    def _units(self, key: MetricKey, moment: int) -> dict[str | None, Distribution]:
        moments = self._metrics.setdefault(key, {})
        units = moments.get(moment)
        if units is None:
            if moments:  # few values are added to a moment before the last
                for values in moments[next(reversed(moments))].values():
                    values.pack()
            units = moments[moment] = {}
        if len(moments) > MOST_MOMENTS:
            del moments[min(moments)]
        return units


def first_moment(start: float, seconds: int) -> int:
    """Return the start of the first period: a whole minute, or a multiple of a shorter period.

    Args:
        start: Seconds since the epoch.
        seconds: Length of a period.
    """
    step = min(60, seconds)
    return int(start // step * step)
