"""Many values of a metric in one moment, stored compactly, and their statistics."""

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
    """No statistic of that name is supported here."""


class Distribution:
    """Values with their counts.

    Count, sum, minimum and maximum are exact, and so are percentiles of up to 1000 distinct values. Of more
    values, further ones are rounded to three digits, which bounds the size.

    Args:
        values: The first values.
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
        self.add_all(values)

    @classmethod
    def of_statistics(cls, count: float, total: float, minimum: float, maximum: float) -> Distribution:
        """Return values of which only these statistics are known, so without percentiles.

        Args:
            count: How many values.
            total: Their sum.
            minimum: The smallest.
            maximum: The largest.
        """
        made = cls()
        made.count, made.total, made.minimum, made.maximum = count, total, minimum, maximum
        made._known = False
        return made

    def add(self, value: float, times: float = 1) -> None:
        """Add a value.

        Args:
            value: The value.
            times: How often.
        """
        self._add(times, value * times, value, value, {value: times})

    def add_all(self, values: Sequence[float]) -> None:
        """Add many values, which is much faster than one by one."""
        if values:
            self._add(len(values), sum(values), min(values), max(values), Counter(values))

    def merge(self, other: Distribution) -> None:
        """Add all values of another distribution."""
        self._known = self._known and other._known
        self._add(other.count, other.total, other.minimum, other.maximum, dict(other._each()))

    def pack(self) -> None:
        """Take a sixth of the memory until a value is added: for a moment that has passed."""
        if self._counts:
            self._packed = array("d", self._counts.keys()), array("d", self._counts.values())
            self._counts = defaultdict(float)

    def statistic(self, name: str) -> float | None:
        """Return `SampleCount`, `Sum`, `Average`, `Minimum`, `Maximum` or a percentile such as `p99.9`.

        A percentile is the smallest value that so many percent of all values do not exceed. It is None
        without values, or if only their statistics are known.

        Raises:
            UnknownStatisticError: Any other name.
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
        counted = 0.0
        for value, times in sorted(self._each()):
            counted += times
            if counted >= rank:
                return min(max(value, self.minimum), self.maximum)
        return self.maximum

    def _each(self) -> Iterable[tuple[float, float]]:
        """Return every distinct value with its count."""
        return zip(*self._packed, strict=True) if self._packed else self._counts.items()

    def _add(
        self, count: float, total: float, minimum: float, maximum: float, counts: Mapping[float, float]
    ) -> None:
        self.count += count
        self.total += total
        self.minimum = min(self.minimum, minimum)
        self.maximum = max(self.maximum, maximum)
        if self._packed:
            self._counts.update(self._each())
            self._packed = None
        round_values = len(self._counts) > _MOST_DISTINCT
        for value, times in counts.items():
            self._counts[_rounded(value) if round_values else value] += times
        if not round_values and len(self._counts) > _MOST_DISTINCT:
            exact, self._counts = self._counts, defaultdict(float)
            for value, times in exact.items():
                self._counts[_rounded(value)] += times


def _rounded(value: float) -> float:
    return round(value, _DIGITS - 1 - floor(log10(abs(value)))) if value else 0.0
