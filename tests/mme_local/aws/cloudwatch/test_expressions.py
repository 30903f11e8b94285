"""Metric math, as alarms and dashboards use it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme_local.aws.cloudwatch.expressions import ExpressionError, Points, evaluate

NAMED: dict[str, Points] = {
    "calls": {0: 100.0, 60: 10.0, 120: 0.0},
    "errors": {0: 5.0},
    "nothing": {},
}


def named(name: str) -> Points:
    try:
        return NAMED[name]
    except KeyError:
        raise ExpressionError(name) from None


@pytest.mark.parametrize(
    ("expression", "points"),
    [
        ("calls / 10", {0: 10, 60: 1, 120: 0}),
        ("100 * errors / calls", {0: 5}),
        ("errors / 0", {}),
        ("IF(calls >= 20, 100 * FILL(errors, 0) / calls, 0)", {0: 5, 60: 0, 120: 0}),
        ("FILL(errors, 0)", {0: 5, 60: 0, 120: 0, 180: 0}),
        ("FILL(errors, REPEAT)", {0: 5, 60: 5, 120: 5, 180: 5}),
        ("FILL(nothing, 7)", {0: 7, 60: 7, 120: 7, 180: 7}),
        ("nothing + calls", {}),
        ("-(calls - 100) ^ 1", {0: 0, 60: 90, 120: 100}),
        ("2 + 3 * 4 - 1", {0: 13, 60: 13, 120: 13, 180: 13}),
        ("calls > 5 AND calls < 50", {0: 0, 60: 1, 120: 0}),
        ("calls == 0 || calls == 100", {0: 1, 60: 0, 120: 1}),
        ("CEIL(calls / 30)", {0: 4, 60: 1, 120: 0}),
        ("CEIL(calls * 10 ^ 308)", {120: 0}),
        ("10 ^ 309 + calls", {}),
        ("(" * 29 + "calls" + ")" * 29, {0: 100, 60: 10, 120: 0}),
    ],
)
def test_expression(expression: str, points: Points) -> None:
    assert evaluate(expression, named, range(0, 240, 60)) == points


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "calls +",
        "calls errors",
        "(calls",
        "IF(calls, 1)",
        "SEARCH(calls)",
        "calls $ 2",
        "unknown / 2",
        ",",
        "9" * 400,
        "(" * 1000 + "calls" + ")" * 1000,
        "-" * 1000 + "calls",
        "ABS(" * 1000 + "calls" + ")" * 1000,
    ],
)
def test_an_expression_that_is_not_valid_is_an_error(expression: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(expression, named, [0])


@given(st.text("calserIFOR()<>=+-*/^,&|. 019", max_size=30))
def test_any_text_is_evaluated_or_refused(expression: str) -> None:
    try:
        points = evaluate(expression, named, [0, 60])
    except ExpressionError:
        return
    assert all(isinstance(value, float) for value in points.values())
