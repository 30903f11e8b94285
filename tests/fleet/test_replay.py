from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.fleet import EvictionOrder, ModelDisk, ModelMemory, ModelState, Placement
from mme.fleet.replay import (
    Arrival,
    FleetShape,
    ModelAction,
    ModelEvent,
    ModelFacts,
    ReplayedRequest,
    ReplayResult,
    replay,
)

FACTS = ModelFacts(weight=40, size=30, download=1, load=2)


def shape(**changes: float) -> FleetShape:
    return FleetShape(**({"instances": 1, "memory": 100, "disk": 1000} | changes))  # type: ignore[arg-type]


def trace(*arrivals: tuple[float, str]) -> list[Arrival]:
    return [Arrival(at, model, 0.5) for at, model in arrivals]


def times_of(result: ReplayResult, action: ModelAction) -> list[tuple[float, str]]:
    return [(event.at, event.model) for event in result.events if event.action is action]


def test_the_first_request_waits_for_download_and_load_and_the_next_is_a_hit() -> None:
    result = replay(trace((0, "a"), (1, "a"), (10, "a")), {"a": FACTS}, shape())
    assert result.requests == (
        ReplayedRequest(0, hit=False, waited=3),
        ReplayedRequest(0, hit=False, waited=2),  # shares the load
        ReplayedRequest(0, hit=True, waited=0),
    )
    assert result.hit_ratio == pytest.approx(1 / 3)
    assert result.count(ModelAction.LOAD) == 1
    assert result.events == (
        ModelEvent(0, 0, ModelAction.DOWNLOAD, "a"),
        ModelEvent(1, 0, ModelAction.LOAD, "a"),
    )


def test_an_evicted_model_is_loaded_again_from_the_disk() -> None:
    models = dict.fromkeys("abc", FACTS)
    result = replay(trace((0, "a"), (10, "b"), (20, "c"), (30, "a")), models, shape())
    assert times_of(result, ModelAction.UNLOAD) == [(21, "a"), (30, "b")]
    assert times_of(result, ModelAction.LOAD) == [(1, "a"), (11, "b"), (23, "c"), (32, "a")]
    assert len(times_of(result, ModelAction.DOWNLOAD)) == 3
    assert [request.waited for request in result.requests] == [3, 3, 5, 4]


def test_a_small_disk_deletes_models_that_are_not_in_memory() -> None:
    models = dict.fromkeys("abc", FACTS)
    result = replay(trace((0, "a"), (10, "b"), (20, "c"), (30, "a")), models, shape(disk=70))
    assert times_of(result, ModelAction.DELETE) == [(22, "a"), (32, "b")]
    assert [request.refused for request in result.requests] == [None] * 4


def test_a_variant_can_fill_one_instance_after_the_other() -> None:
    models, arrivals = dict.fromkeys("ab", FACTS), trace((0, "a"), (50, "b"))
    used = {}
    for placement in Placement:
        result = replay(arrivals, models, FleetShape(2, memory=100, disk=1000, placement=placement))
        used[placement] = {request.instance for request in result.requests}
    assert used == {Placement.MOST_FREE: {0, 1}, Placement.LEAST_BUSY: {0, 1}, Placement.FIRST: {0}}


def test_cache_disabled_downloads_for_every_call() -> None:
    result = replay(trace((0, "a"), (10, "a")), {"a": FACTS}, shape(keep_loaded=False))
    assert len(times_of(result, ModelAction.DOWNLOAD)) == len(times_of(result, ModelAction.DELETE)) == 2
    assert [request.hit for request in result.requests] == [False, False]


def test_a_busy_model_spills_to_the_second_instance() -> None:
    arrivals = [Arrival(10 + n / 100, "a", 5) for n in range(4)]
    result = replay([Arrival(0, "a", 1), *arrivals], {"a": FACTS}, shape(instances=2, spill_at=2))
    assert [request.instance for request in result.requests] == [0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (ModelFacts(101, 1, 1, 1), "larger than the memory"),
        (ModelFacts(1, 1001, 1, 1), "the disk is full"),
    ],
)
def test_what_never_fits_is_refused(facts: ModelFacts, why: str) -> None:
    result = replay(trace((0, "a"), (5, "a")), {"a": facts}, shape())
    assert [request.refused for request in result.requests] == [why, why]


NAMES = "abcdef"
SECONDS = st.integers(0, 8).map(lambda tenths: tenths / 2)


@given(
    arrivals=st.lists(st.builds(Arrival, SECONDS, st.sampled_from(NAMES), SECONDS), max_size=40),
    facts=st.lists(
        st.builds(ModelFacts, st.integers(1, 110), st.integers(0, 110), SECONDS, SECONDS),
        min_size=len(NAMES),
        max_size=len(NAMES),
    ),
    fleet=st.builds(
        FleetShape,
        st.integers(1, 3),
        memory=st.just(100),
        disk=st.just(100),
        spill_at=st.integers(1, 3),
        keep_loaded=st.booleans(),
        unload=SECONDS,
        order=st.sampled_from(EvictionOrder),
    ),
)
def test_whatever_comes_nothing_is_over_budget_lost_or_done_twice(
    arrivals: list[Arrival], facts: list[ModelFacts], fleet: FleetShape
) -> None:
    def watch(memory: ModelMemory, disk: ModelDisk) -> None:
        assert memory.used <= memory.budget
        assert memory.reserved <= memory.budget
        assert disk.used <= disk.budget
        for model in memory.models:
            assert disk.holds(model), "what is in memory is on the disk"
            assert memory.state(model) is ModelState.READY or not memory.users(model)

    models = dict(zip(NAMES, facts, strict=True))
    result = replay(arrivals, models, fleet, watch=watch)
    assert len(result.requests) == len(arrivals), "a request was lost"
    assert result == replay(arrivals, models, fleet), "the same trace, another result"
    for instance, model in itertools.product(range(fleet.instances), NAMES):
        did = [event.action for event in result.events if (event.instance, event.model) == (instance, model)]
        for pair in ((ModelAction.LOAD, ModelAction.UNLOAD), (ModelAction.DOWNLOAD, ModelAction.DELETE)):
            actions = [action for action in did if action in pair]
            assert actions == [*itertools.islice(itertools.cycle(pair), len(actions))]
    for arrival, request in zip(arrivals, result.requests, strict=True):
        fits = models[arrival.model].weight <= fleet.memory
        assert fits or request.refused
        assert request.waited >= 0
