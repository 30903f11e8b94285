"""The planner against the local endpoint with real Triton, on one trace."""

from __future__ import annotations

import pytest

from benchmarks.planning_validation import HIT_POINTS, LOADS_PERCENT, validate
from mme_local.containers.triton.wheel import why_not_here


@pytest.mark.nightly
@pytest.mark.triton
@pytest.mark.timeout(900)
@pytest.mark.skipif(why_not_here() is not None, reason=f"Triton's wheel can't run here: {why_not_here()}")
def test_hits_and_loads_are_as_predicted() -> None:
    found = validate(requests=120, models=12, room=6, rate=100.0)
    assert found.errors == 0
    assert found.requests == 120
    assert found.loads[0] > 12
    assert found.hit_points <= HIT_POINTS
    assert found.loads_percent <= LOADS_PERCENT
