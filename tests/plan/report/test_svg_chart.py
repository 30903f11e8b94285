"""The values at the axes of a chart."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.plan.report.svg_chart import Axis, Point, chart

NUMBERS = st.floats(1e-6, 1e9)


def ticks(low: float, high: float, *, logarithmic: bool) -> list[float]:
    """The values below the horizontal axis."""
    axis = Axis("x", repr, logarithmic=logarithmic, limits=(low, high))
    svg = chart("c", axis, Axis("y", lambda _: ""), [Point(low, 1), Point(high, 1)])
    return [float(text) for text in re.findall(r'<text x="[\d.]+" y="292"[^>]*>([^<]+)<', svg)]


@pytest.mark.parametrize(
    ("low", "high", "logarithmic", "expected"),
    [
        (0, 1, False, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 1.58, False, [0, 0.5, 1, 1.5]),
        (1, 400, True, [1, 10, 100]),
        (80, 3082, True, [100, 300, 1000, 3000]),
        (1000, 1100, True, [900, 1000, 1100, 1200]),
    ],
)
def test_ticks_are_round(low: float, high: float, logarithmic: bool, expected: list[float]) -> None:
    assert ticks(low, high, logarithmic=logarithmic) == pytest.approx(expected)


@given(NUMBERS, NUMBERS, st.booleans())
def test_there_are_a_few_between_the_limits(one: float, other: float, logarithmic: bool) -> None:
    low, high = sorted((one, other))
    found = ticks(low, high * 1.01, logarithmic=logarithmic)
    assert 2 <= len(found) <= 8
    assert found == sorted(set(found))
    assert low / 1.2 - high * 1e-6 <= found[0] <= found[-1] <= high * 1.2
