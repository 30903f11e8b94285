"""Statistics of many values, against plain arithmetic on all of them."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme_local.aws.cloudwatch.distribution import Distribution, UnknownStatisticError

VALUES = st.lists(st.floats(0.001, 1e9), min_size=1, max_size=200)


def nearest_rank(values: list[float], percent: float) -> float:
    return sorted(values)[max(1, ceil(len(values) * percent / 100)) - 1]


@given(VALUES, st.sampled_from([0, 1, 50, 90, 99, 99.9, 100]))
def test_few_values_have_exact_percentiles(values: list[float], percent: float) -> None:
    assert Distribution(*values).statistic(f"p{percent:g}") == nearest_rank(values, percent)


@given(VALUES, VALUES)
def test_merged_is_as_counted_together(left: list[float], right: list[float]) -> None:
    merged = Distribution(*left)
    merged.merge(Distribution(*right))
    together = left + right
    assert merged.statistic("SampleCount") == len(together)
    assert merged.statistic("Sum") == pytest.approx(sum(together))
    assert merged.statistic("Average") == pytest.approx(sum(together) / len(together))
    assert (merged.statistic("Minimum"), merged.statistic("Maximum")) == (min(together), max(together))
    assert merged.statistic("p50") == nearest_rank(together, 50)


def test_a_million_values_are_rounded() -> None:
    values = Distribution()
    for value in range(1, 100_001):
        values.add(value, 10)
    assert len(values._counts) < 3000
    for percent in (1, 50, 90, 99, 99.9):
        assert values.statistic(f"p{percent:g}") == pytest.approx(percent * 1000, rel=0.006)
    assert values.statistic("SampleCount") == 1_000_000
    assert values.statistic("Sum") == 10 * sum(range(1, 100_001))
    assert values.statistic("Maximum") == values.statistic("p100") == 100_000


def test_statistics_alone_have_no_percentiles() -> None:
    known = Distribution.of_statistics(4, 10, 1, 4)
    assert (known.statistic("Average"), known.statistic("p50")) == (2.5, None)
    assert Distribution.of_statistics(2, 6, 3, 3).statistic("p50") == 3


@pytest.mark.parametrize("name", ["p101", "tm99", "average", "p", "p-1"])
def test_an_unknown_statistic_is_an_error(name: str) -> None:
    with pytest.raises(UnknownStatisticError):
        Distribution(1).statistic(name)
