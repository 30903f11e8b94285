"""Many values of one metric in one moment, kept small, and every statistic of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
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

    __slots__ = ("_counts", "_known", "count", "maximum", "minimum", "total")

    def __init__(self, *values: float) -> None:
        self.count = 0.0
        self.total = 0.0
        self.minimum = float("inf")
        self.maximum = float("-inf")
        self._counts: Counter[float] = Counter()
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
        self._count(value, times)

    def add_all(self, values: Iterable[float]) -> None:
        """Count many values, which is quicker than one by one where some are the same."""
        for value, times in Counter(values).items():
            self.add(value, times)

    def merge(self, other: Distribution) -> None:
        """Count all values of another one."""
        self.count += other.count
        self.total += other.total
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)
        self._known = self._known and other._known
        for value, times in other._counts.items():
            self._count(value, times)

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
        for value in sorted(self._counts):
            seen += self._counts[value]
            if seen >= rank:
                return min(max(value, self.minimum), self.maximum)
        return self.maximum

    def _count(self, value: float, times: float) -> None:
        if len(self._counts) <= _MOST_DISTINCT:
            self._counts[value] += times  # type: ignore[assignment] # counts may be fractions
            if len(self._counts) > _MOST_DISTINCT:
                exact, self._counts = self._counts, Counter()
                for each, often in exact.items():
                    self._counts[_rounded(each)] += often
        else:
            self._counts[_rounded(value)] += times  # type: ignore[assignment]


def _rounded(value: float) -> float:
    return round(value, _DIGITS - 1 - floor(log10(abs(value)))) if value else 0.0
