"""Delays double up to a limit, with jitter below each bound."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from mme.aws.backoff import backoff_delays


def test_bounds_double_up_to_the_longest() -> None:
    bounds = backoff_delays(0.5, 3, jitter=lambda _, most: most)
    assert list(islice(bounds, 5)) == [0.5, 1, 2, 3, 3]


@given(st.floats(0.01, 10), st.floats(0.01, 100), st.sampled_from([0.0, 0.5]))
def test_each_delay_is_within_its_bound(first: float, longest: float, floor: float) -> None:
    bound = min(first, longest)
    for delay in islice(backoff_delays(first, longest, floor=floor), 10):
        assert floor * bound <= delay <= bound
        bound = min(2 * bound, longest)
