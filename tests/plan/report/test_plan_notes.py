"""What a plan says it rests on."""

from __future__ import annotations

import pytest

from mme.plan.report.plan_notes import plan_notes
from tests.plan.capacity.test_planning import planned
from tests.plan.workload import a_mix, a_trace, some_fleet


@pytest.mark.parametrize(("load_seconds", "differ"), [(1.0, False), (60.0, True)])
def test_an_estimate_that_its_replay_contradicts_is_noted(load_seconds: float, differ: bool) -> None:
    fleet = some_fleet(60, load_seconds=load_seconds, memory_gb=2.0, weight_factor=1.0)
    traffic = a_trace(a_mix(fleet, rate=3.0), 4000)
    plan = planned(traffic, replays=3)
    notes = dict(plan_notes(plan, traffic))
    replayed = plan.replays[plan.best.name].hits
    assert (abs(replayed - plan.best.hit_ratio) > 0.05) is differ
    assert ("different:" in notes) is differ
    if differ:
        assert (
            f"{plan.best.hit_ratio:.1%} by its estimate and {replayed:.1%} by its replay"
            in notes["different:"]
        )
