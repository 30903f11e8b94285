from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.fleet import EvictionOrder, ModelDisk, ModelMemory, ModelState, Placement
from mme.fleet.replay import Answered, Arrival, Deed, Event, FleetShape, ModelFacts, Outcome, replay

FACTS = ModelFacts(weight=40, size=30, download=1, load=2)


def shape(**changes: float) -> FleetShape:
    return FleetShape(**({"instances": 1, "memory": 100, "disk": 1000} | changes))  # type: ignore[arg-type]


def trace(*arrivals: tuple[float, str]) -> list[Arrival]:
    return [Arrival(at, model, 0.5) for at, model in arrivals]


def deeds(outcome: Outcome, deed: Deed) -> list[tuple[float, str]]:
    return [(event.at, event.model) for event in outcome.events if event.deed is deed]


def test_the_first_request_waits_for_download_and_load_and_the_next_is_a_hit() -> None:
    outcome = replay(trace((0, "a"), (1, "a"), (10, "a")), {"a": FACTS}, shape())
    assert outcome.answers == (
        Answered(0, hit=False, waited=3),
        Answered(0, hit=False, waited=2),  # shares the load
        Answered(0, hit=True, waited=0),
    )
    assert outcome.events == (Event(0, 0, Deed.DOWNLOAD, "a"), Event(1, 0, Deed.LOAD, "a"))


def test_an_evicted_model_is_loaded_again_from_the_disk() -> None:
    models = dict.fromkeys("abc", FACTS)
    outcome = replay(trace((0, "a"), (10, "b"), (20, "c"), (30, "a")), models, shape())
    assert deeds(outcome, Deed.UNLOAD) == [(21, "a"), (30, "b")]
    assert deeds(outcome, Deed.LOAD) == [(1, "a"), (11, "b"), (23, "c"), (32, "a")]
    assert len(deeds(outcome, Deed.DOWNLOAD)) == 3
    assert [answer.waited for answer in outcome.answers] == [3, 3, 5, 4]


def test_a_small_disk_deletes_what_is_not_in_memory() -> None:
    models = dict.fromkeys("abc", FACTS)
    outcome = replay(trace((0, "a"), (10, "b"), (20, "c"), (30, "a")), models, shape(disk=70))
    assert deeds(outcome, Deed.DELETE) == [(22, "a"), (32, "b")]
    assert [answer.refused for answer in outcome.answers] == [None] * 4


def test_a_variant_can_fill_one_instance_after_the_other() -> None:
    models, arrivals = dict.fromkeys("ab", FACTS), trace((0, "a"), (50, "b"))
    used = {}
    for placement in Placement:
        outcome = replay(arrivals, models, FleetShape(2, memory=100, disk=1000, placement=placement))
        used[placement] = {answer.instance for answer in outcome.answers}
    assert used == {Placement.MOST_FREE: {0, 1}, Placement.LEAST_BUSY: {0, 1}, Placement.FIRST: {0}}


def test_cache_disabled_downloads_for_every_call() -> None:
    outcome = replay(trace((0, "a"), (10, "a")), {"a": FACTS}, shape(keep_loaded=False))
    assert len(deeds(outcome, Deed.DOWNLOAD)) == len(deeds(outcome, Deed.DELETE)) == 2
    assert [answer.hit for answer in outcome.answers] == [False, False]


def test_a_busy_model_spills_to_the_second_instance() -> None:
    arrivals = [Arrival(10 + n / 100, "a", 5) for n in range(4)]
    outcome = replay([Arrival(0, "a", 1), *arrivals], {"a": FACTS}, shape(instances=2, spill_at=2))
    assert [answer.instance for answer in outcome.answers] == [0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (ModelFacts(101, 1, 1, 1), "larger than the memory"),
        (ModelFacts(1, 1001, 1, 1), "no room on the disk"),
    ],
)
def test_what_never_fits_is_refused(facts: ModelFacts, why: str) -> None:
    outcome = replay(trace((0, "a"), (5, "a")), {"a": facts}, shape())
    assert [answer.refused for answer in outcome.answers] == [why, why]


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
        assert memory.booked <= memory.budget
        assert disk.used <= disk.budget
        for model in memory.models:
            assert disk.holds(model), "what is in memory is on the disk"
            assert memory.state(model) is ModelState.READY or not memory.users(model)

    models = dict(zip(NAMES, facts, strict=True))
    outcome = replay(arrivals, models, fleet, watch=watch)
    assert len(outcome.answers) == len(arrivals), "a request was lost"
    assert outcome == replay(arrivals, models, fleet), "the same trace, another outcome"
    for instance, model in itertools.product(range(fleet.instances), NAMES):
        did = [event.deed for event in outcome.events if (event.instance, event.model) == (instance, model)]
        in_memory = [deed for deed in did if deed in (Deed.LOAD, Deed.UNLOAD)]
        on_disk = [deed for deed in did if deed in (Deed.DOWNLOAD, Deed.DELETE)]
        assert in_memory == [*itertools.islice(itertools.cycle([Deed.LOAD, Deed.UNLOAD]), len(in_memory))]
        assert on_disk == [*itertools.islice(itertools.cycle([Deed.DOWNLOAD, Deed.DELETE]), len(on_disk))]
    for arrival, answer in zip(arrivals, outcome.answers, strict=True):
        fits = models[arrival.model].weight <= fleet.memory
        assert fits or answer.refused
        assert answer.waited >= 0
