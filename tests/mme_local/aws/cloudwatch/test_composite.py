"""Rules of composite alarms."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme_local.aws.cloudwatch.composite import RuleError, holds
from mme_local.aws.cloudwatch.judgement import State

STATES = {"hot": State.ALARM, "cold": State.OK, 'odd "name" (1)': State.ALARM, "new": State.INSUFFICIENT_DATA}
ARN = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:hot"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("ALARM(hot)", True),
        ('ALARM("hot")', True),
        (f'ALARM("{ARN}")', True),
        ("OK(hot)", False),
        ("INSUFFICIENT_DATA(new)", True),
        ("NOT OK(cold)", False),
        ("NOT NOT OK(cold)", True),
        ("ALARM(hot) AND OK(cold)", True),
        ("OK(hot) OR OK(cold) AND ALARM(cold)", False),
        ("(OK(hot) OR OK(cold)) AND NOT ALARM(cold)", True),
        ('ALARM("odd \\"name\\" (1)")', True),
        ("TRUE AND NOT FALSE", True),
        ("(ALARM(hot)\n  AND ALARM(hot))", True),
    ],
)
def test_what_holds(rule: str, expected: bool) -> None:
    assert holds(rule, STATES.get) is expected


@pytest.mark.parametrize(
    "rule",
    ["", "ALARM", "ALARM()", "ALARM(hot", "ALARM(hot) OK(cold)", "AND", "(TRUE", "TRUE)", "MAYBE(hot)"],
)
def test_what_cannot_be_read(rule: str) -> None:
    with pytest.raises(RuleError, match="can't be read"):
        holds(rule, STATES.get)


@pytest.mark.parametrize("rule", ["NOT " * 2500 + "TRUE", "(" * 2500 + "TRUE" + ")" * 2500])
def test_a_rule_nested_thousands_deep_is_refused(rule: str) -> None:
    with pytest.raises(RuleError, match="nested too deeply"):
        holds(rule, STATES.get)


def test_a_rule_about_no_alarm() -> None:
    with pytest.raises(RuleError, match="the rule names gone, which is no alarm"):
        holds("FALSE AND ALARM(gone)", STATES.get)


@given(st.text(alphabet='ALARMOKNDT()" hot'))
def test_any_text_is_decided_or_refused(rule: str) -> None:
    with contextlib.suppress(RuleError):
        assert holds(rule, STATES.get) in (True, False)
