"""The tables of the CloudWatch user guide: 0 is within the threshold, X breaches, - is missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme_local.aws.cloudwatch.evaluation import EXTRA_POINTS, Missing, StateValue, alarm_state

POINTS = {"0": False, "X": True, "-": None}
STATES = {"OK": StateValue.OK, "ALARM": StateValue.ALARM, "INSUFFICIENT": StateValue.INSUFFICIENT_DATA}
POLICIES = (Missing.MISSING, Missing.IGNORE, Missing.BREACHING, Missing.NOT_BREACHING)
KEEP = "retained"


@pytest.mark.parametrize(
    ("points", "needed", "absent", "states"),
    [
        ("0-X-X", 3, 0, ("OK", "OK", "OK", "OK")),
        ("----0", 3, 2, ("OK", "OK", "OK", "OK")),
        ("-----", 3, 3, ("INSUFFICIENT", KEEP, "ALARM", "OK")),
        ("0XX-X", 3, 0, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("--X--", 3, 2, ("ALARM", KEEP, "ALARM", "OK")),
        ("0-X-X", 2, 0, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("00X0X", 2, 0, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0-X--", 2, 1, ("OK", "OK", "ALARM", "OK")),
        ("----0", 2, 2, ("OK", "OK", "ALARM", "OK")),
        ("---X-", 2, 2, ("ALARM", KEEP, "ALARM", "OK")),
        ("----X", 3, 2, (KEEP, KEEP, "ALARM", "OK")),
    ],
)
@pytest.mark.parametrize("now", list(StateValue))
def test_three_periods(
    points: str, needed: int, absent: int, states: tuple[str, ...], now: StateValue
) -> None:
    found = [alarm_state([POINTS[sign] for sign in points], 3, needed, policy, now) for policy in POLICIES]
    assert found == [(now if state == KEEP else STATES[state], absent) for state in states]


@given(
    st.integers(1, 6).flatmap(
        lambda periods: st.tuples(
            st.just(periods),
            st.integers(1, periods),
            st.lists(
                st.sampled_from([True, False]),
                min_size=periods + EXTRA_POINTS,
                max_size=periods + EXTRA_POINTS,
            ),
        )
    ),
    st.sampled_from(POLICIES),
    st.sampled_from(list(StateValue)),
)
def test_without_gaps_only_the_datapoints_count(
    case: tuple[int, int, list[bool]], policy: Missing, now: StateValue
) -> None:
    periods, needed, points = case
    expected = StateValue.ALARM if sum(points[-periods:]) >= needed else StateValue.OK
    assert alarm_state(points, periods, needed, policy, now) == (expected, 0)
