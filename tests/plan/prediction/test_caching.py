"""Three answers to one question agree: a trace's stack distances, Che's approximation, a simulation."""

from __future__ import annotations

import numpy as np
import pytest

from mme.plan.prediction.caching import Room, spread
from mme.plan.prediction.latency import percentile
from mme.plan.prediction.replay import replay
from mme.plan.prediction.stack_distance import NEVER
from tests.plan.workload import MB, a_mix, a_trace, some_fleet

ROOM = Room(8000 * MB, 100_000 * MB)


@pytest.mark.parametrize("instances", [1, 3])
def test_trace_mix_and_simulation_agree(instances: int) -> None:
    mix = a_mix(some_fleet())
    trace = a_trace(mix)
    room = Room(ROOM.memory // instances, ROOM.disk)
    of_trace = trace.outcomes(instances, [room])[0]
    of_mix = mix.outcomes(instances, [room])[0]
    simulated = replay(trace.trace, mix.fleet, instances=instances, room=room, workers=8)
    first = trace.first_share
    assert 0.5 < simulated.hits < 0.97
    assert of_trace.hits == pytest.approx(simulated.hits, abs=0.02)
    assert of_trace.loads == pytest.approx(simulated.loads, rel=0.05 if instances == 1 else 0.1)
    assert of_trace.waits == pytest.approx(simulated.waits, abs=0.005)
    # A mix has no beginning: the first requests of a trace are loads that it does not have.
    assert of_mix.hits == pytest.approx(simulated.hits + first, abs=0.02)
    for one in (of_trace, of_mix):
        assert one.cold.sum() == pytest.approx(one.loads + one.waits)
        cold = float(np.quantile(simulated.seconds_cold, 0.5))
        assert percentile(one.cold, 0.5) == pytest.approx(cold, rel=0.1)


def test_requests_for_one_model_during_its_load_wait() -> None:
    fleet = some_fleet(1, load_seconds=10.0, load_mb_per_second=1e9, download_seconds=0.0, service_cv=0.0,
                       download_mb_per_second=1e9)  # fmt: skip
    trace = a_trace(a_mix(fleet, rate=2.0), 1000)
    outcome = trace.outcomes(1, [ROOM])[0]
    waiting = int((trace.trace.seconds < trace.trace.seconds[0] + 10).sum()) - 1
    assert waiting > 10
    assert outcome.loads == pytest.approx(1 / 1000)
    assert outcome.waits == pytest.approx(waiting / 1000)
    assert replay(trace.trace, fleet, instances=1, room=ROOM, workers=8).waits == pytest.approx(
        waiting / 1000
    )


def test_requests_that_warm_up_are_not_counted() -> None:
    mix = a_mix(some_fleet())
    trace = a_trace(mix, 4000).trace
    whole = replay(trace, mix.fleet, instances=1, room=ROOM, workers=8)
    warm = replay(trace, mix.fleet, instances=1, room=ROOM, workers=8, uncounted=3000)
    assert (warm.requests, len(warm.seconds)) == (1000, 1000)
    assert warm.hits + warm.waits + warm.loads == pytest.approx(1)
    # A cold start is behind them.
    assert warm.hits > whole.hits + 0.01
    assert len(warm.seconds_cold) == round((warm.waits + warm.loads) * 1000)


def test_more_memory_is_never_worse_and_enough_has_no_loads_but_the_first() -> None:
    mix = a_mix(some_fleet())
    trace = a_trace(mix, 20_000)
    rooms = [Room(size * MB, 1_000_000 * MB) for size in (1000, 4000, 16_000, 64_000)]
    hits = [one.hits for one in trace.outcomes(2, rooms)]
    assert hits == sorted(hits)
    assert trace.outcomes(2, rooms)[-1].loads == pytest.approx(trace.first_share)
    assert mix.outcomes(2, rooms)[-1].hits == 1


def test_a_model_on_disk_loads_faster_than_one_in_s3() -> None:
    fleet = some_fleet(download_mb_per_second=1.0)
    trace = a_trace(a_mix(fleet, rate=0.5))
    small, large = trace.outcomes(1, [Room(4000 * MB, 3000 * MB), Room(4000 * MB, 100_000 * MB)])
    assert small.waits > large.waits
    assert min(small.hits, large.hits) > 0
    assert percentile(large.cold, 0.5) < percentile(small.cold, 0.5) / 2


def test_a_busy_model_lives_on_several_instances() -> None:
    fleet = some_fleet(50, service_ms=100.0, spill_at=4)
    mix = a_mix(fleet, rate=300.0, zipf=1.2)
    placed = spread(mix.model_rates, fleet, 4)
    assert placed.copies[0] == 3
    assert placed.copies[-1] == 1
    copies = placed.instance_of[placed.first[0] : placed.first[0] + 3]
    assert len(set(copies.tolist())) == 3
    trace = a_trace(mix, 20_000)
    placed = spread(trace.model_rates, fleet, 4)
    everything = Room(100_000 * MB, 200_000 * MB)
    # Each copy is loaded once; a request for the second one during the first one's load counts as waiting.
    assert (trace.distances(4) == NEVER).sum() == placed.copies.sum()
    assert trace.outcomes(4, [everything])[0].loads * 20_000 == pytest.approx(50, abs=2)


def test_instances_hold_about_the_same() -> None:
    fleet = some_fleet()
    placed = spread(a_mix(fleet).model_rates, fleet, 3)
    held = [int(fleet.weights[placed.model_of[placed.instance_of == number]].sum()) for number in range(3)]
    assert max(held) < min(held) * 1.05
