"""A short soak on real Triton."""

from __future__ import annotations

import pytest

from benchmarks.soak import Outcome, Plan, soak
from mme_local.containers.triton.wheel import why_not_here


@pytest.mark.nightly
@pytest.mark.triton
@pytest.mark.timeout(900)
@pytest.mark.skipif(why_not_here() is not None, reason=f"Triton's wheel can't run here: {why_not_here()}")
def test_every_request_is_answered_and_right() -> None:
    plan = Plan(requests=600, models=16, room=10, kills=2, connections=8)
    outcome = soak(plan)
    assert outcome.clean, outcome
    assert outcome.kills == 2
    assert 0 < outcome.loaded_at_most <= plan.room
    assert outcome.right == 600


def test_growth_is_that_after_the_first_quarter() -> None:
    assert Outcome(0, memory_mib=[10, 50, 100, 100, 100, 100, 103, 103]).memory_growth_mib == 3
    assert Outcome(0, memory_mib=[1.0]).memory_growth_mib == 0


@pytest.mark.parametrize(("lost", "wrong"), [(0, 0), (1, 0), (0, 1)])
def test_a_lost_or_wrong_answer_is_not_clean(lost: int, wrong: int) -> None:
    assert Outcome(2, right=2 - lost - wrong, lost=lost, wrong=wrong).clean is (lost + wrong == 0)
