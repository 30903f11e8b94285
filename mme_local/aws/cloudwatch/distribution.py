"""Many values of one metric in one moment, kept small, and every statistic of them."""

from __future__ import annotations

import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import ceil, floor, log10
from typing import Final

_MOST_DISTINCT: Final = 1000
_DIGITS: Final = 3
_PERCENTILE: Final = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100)")


class UnknownStatisticError(ValueError):
    """No statistic of that name is known here."""


class Distribution:
    """Values with their counts.

    Count, sum, minimum and maximum are exact. So are percentiles of up to 1000 distinct values; of more, the
    values behind them are rounded to three digits, which keeps a distribution's size bounded.
    """

    __slots__ = ("_counts", "_known", "_packed", "count", "maximum", "minimum", "total")

    def __init__(self, *values: float) -> None:
        self.count = 0.0
        self.total = 0.0
        self.minimum = float("inf")
        self.maximum = float("-inf")
        self._counts: defaultdict[float, float] = defaultdict(float)
        self._packed: tuple[array[float], array[float]] | None = None  # values and their counts
        self._known = True
        for value in values:
            self.add(value)

    @classmethod
    def of_statistics(cls, count: float, total: float, minimum: float, maximum: float) -> Distribution:
        """A set of which only these are known, as ``PutMetricData`` takes it: it has no percentiles."""
        made = cls()
        made.count, made.total, made.minimum, made.maximum = count, total, minimum, maximum
        made._known = False
        return made

    def add(self, value: float, times: float = 1) -> None:
        """Count a value, so many times."""
        self.count += times
        self.total += value * times
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)
        self._count({value: times})

    def add_all(self, values: Sequence[float]) -> None:
        """Count many values, which is a good deal quicker than one by one."""
        if not values:
            return
        self.count += len(values)
        self.total += sum(values)
        self.minimum = min(self.minimum, *values)
        self.maximum = max(self.maximum, *values)
        self._count(Counter(values))

    def merge(self, other: Distribution) -> None:
        """Count all values of another one."""
        self.count += other.count
        self.total += other.total
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)
        self._known = self._known and other._known
        self._count(dict(other._each()))

    def pack(self) -> None:
        """Take a sixth of the memory, until something is counted again: for a moment that has passed."""
        if self._counts:
            self._packed = array("d", self._counts.keys()), array("d", self._counts.values())
            self._counts = defaultdict(float)

    def statistic(self, name: str) -> float | None:
        """``SampleCount``, ``Sum``, ``Average``, ``Minimum``, ``Maximum`` or a percentile such as ``p99.9``.

        A percentile is the smallest value that so many percent of all values do not exceed. None where there
        are no values, or where a percentile is asked of sets whose values are not known.

        Raises:
            UnknownStatisticError: it is none of these.
        """
        percentile = _PERCENTILE.fullmatch(name)
        if percentile is None and name not in ("SampleCount", "Sum", "Average", "Minimum", "Maximum"):
            raise UnknownStatisticError(name)
        if not self.count:
            return None
        if percentile:
            return self._percentile(float(percentile[1]))
        return {
            "SampleCount": self.count,
            "Sum": self.total,
            "Average": self.total / self.count,
            "Minimum": self.minimum,
            "Maximum": self.maximum,
        }[name]

    def _percentile(self, percent: float) -> float | None:
        if not self._known:
            return self.minimum if self.minimum == self.maximum else None
        rank = max(1, ceil(self.count * percent / 100))
        seen = 0.0
        for value, times in sorted(self._each()):
            seen += times
            if seen >= rank:
                return min(max(value, self.minimum), self.maximum)
        return self.maximum

    def _each(self) -> Iterable[tuple[float, float]]:
        """Every value with its count, once."""
        return zip(*self._packed, strict=True) if self._packed else self._counts.items()

    def _count(self, counts: Mapping[float, float]) -> None:
        if self._packed:
            self._counts.update(self._each())
            self._packed = None
        counted = self._counts
        if len(counted) > _MOST_DISTINCT:
            for value, times in counts.items():
                counted[_rounded(value)] += times
            return
        for value, times in counts.items():
            counted[value] += times
        if len(counted) > _MOST_DISTINCT:
            self._counts = defaultdict(float)
            for value, times in counted.items():
                self._counts[_rounded(value)] += times


def _rounded(value: float) -> float:
    return round(value, _DIGITS - 1 - floor(log10(abs(value)))) if value else 0.0
