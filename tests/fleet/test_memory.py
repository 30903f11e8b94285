from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mme.fleet import Admission, EvictionOrder, ModelMemory, ModelState, NoRoomError, TooLargeError


def load(memory: ModelMemory, model: str, weight: int) -> tuple[str, ...]:
    """Admit, let the chosen ones leave, and finish the load, as an instance does."""
    admission = memory.admit(model, weight)
    for name in admission.evicted:
        memory.unloaded(name)
    assert memory.begin_load(model)
    memory.loaded(model)
    return admission.evicted


@pytest.mark.parametrize(
    ("order", "leaves"),
    [
        (EvictionOrder.LEAST_RECENTLY_USED, "b"),
        (EvictionOrder.LEAST_FREQUENTLY_USED, "c"),
        (EvictionOrder.FIRST_IN_FIRST_OUT, "a"),
    ],
)
def test_other_orders_can_be_chosen(order: EvictionOrder, leaves: str) -> None:
    memory = ModelMemory(100, order=order)
    for name in "abc":
        load(memory, name, 30)
    for name in "abbaca":
        memory.acquire(name)
        memory.release(name)
    assert load(memory, "d", 30) == (leaves,)


def test_as_many_leave_as_needed_and_no_more() -> None:
    memory = ModelMemory(100)
    for name in "abcd":
        load(memory, name, 25)
    assert memory.admit("big", 50) == Admission("big", ("a", "b"))
    assert memory.state("c") is ModelState.READY


def test_a_model_in_use_is_never_evicted() -> None:
    memory = ModelMemory(100)
    load(memory, "a", 60)
    memory.acquire("a")
    with pytest.raises(NoRoomError, match="no memory for b"):
        memory.admit("b", 60)
    assert memory.state("a") is ModelState.READY
    assert memory.state("b") is None
    memory.release("a")
    assert load(memory, "b", 60) == ("a",)


def test_an_unloading_model_cannot_be_used() -> None:
    memory = ModelMemory(100)
    load(memory, "a", 60)
    memory.admit("b", 60)
    assert not memory.acquire("a")
    assert not memory.acquire("b")


def test_a_model_larger_than_the_budget_is_refused() -> None:
    memory = ModelMemory(100)
    load(memory, "a", 60)
    with pytest.raises(TooLargeError, match="b weighs 101 bytes") as caught:
        memory.admit("b", 101)
    assert (caught.value.weight, caught.value.budget) == (101, 100)
    assert memory.models == ("a",)


def test_a_failed_load_gives_its_room_back() -> None:
    memory = ModelMemory(100)
    memory.admit("a", 100)
    memory.load_failed("a")
    assert memory.used == 0
    assert load(memory, "a", 100) == ()


def test_a_load_begins_only_with_enough_free_memory() -> None:
    memory = ModelMemory(100)
    load(memory, "giant", 100)
    assert memory.admit("a", 10).evicted == ("giant",)
    assert memory.admit("b", 10).evicted == ()  # giant leaves anyway, but is not gone yet
    assert not memory.begin_load("b")
    assert (memory.used, memory.reserved) == (100, 20)
    memory.unloaded("giant")
    assert memory.begin_load("b")
    assert memory.begin_load("a")
    assert (memory.used, memory.reserved) == (20, 20)


def test_507_evicts_one_idle_model_sparing_the_one_that_asked() -> None:
    memory = ModelMemory(100)
    load(memory, "a", 10)
    load(memory, "b", 10)
    assert memory.evict_one(sparing="a") == "b"
    assert memory.evict_one(sparing="a") is None
    assert memory.state("b") is ModelState.UNLOADING


def test_without_the_cache_a_model_is_unloaded_after_its_last_use() -> None:
    memory = ModelMemory(100, keep_loaded=False)
    load(memory, "a", 10)
    assert memory.acquire("a")
    assert memory.acquire("a")
    assert not memory.release("a")
    assert memory.release("a")
    assert memory.state("a") is ModelState.UNLOADING


@pytest.mark.parametrize("budget", [0, -1])
def test_a_budget_is_at_least_one_byte(budget: int) -> None:
    with pytest.raises(ValueError, match="at least 1 byte"):
        ModelMemory(budget)


class InstanceMachine(RuleBasedStateMachine):
    """Random traffic against one ledger; a plain dict has the expected state."""

    names = st.sampled_from([f"m{i}" for i in range(8)])

    def __init__(self) -> None:
        super().__init__()
        self.memory = ModelMemory(100)
        self.users: dict[str, int] = {}

    @rule(model=names, weight=st.integers(0, 120))
    def load_model(self, model: str, weight: int) -> None:
        if self.memory.state(model) is not None:
            return
        before = {name: self.memory.state(name) for name in self.memory.models}
        try:
            admission = self.memory.admit(model, weight)
        except (TooLargeError, NoRoomError):
            assert before == {name: self.memory.state(name) for name in self.memory.models}
            return
        for name in admission.evicted:
            assert not self.users.get(name), "evicted a model in use"

    @rule(model=names)
    def begin_load(self, model: str) -> None:
        if self.memory.state(model) is ModelState.WAITING:
            leaving = any(self.memory.state(m) is ModelState.UNLOADING for m in self.memory.models)
            assert self.memory.begin_load(model) or leaving, "blocked without an unload to wait for"

    @rule(model=names)
    def give_up_waiting(self, model: str) -> None:
        if self.memory.state(model) is ModelState.WAITING:
            self.memory.load_failed(model)

    @rule(model=names, well=st.booleans())
    def finish_load(self, model: str, well: bool) -> None:
        if self.memory.state(model) is ModelState.LOADING:
            (self.memory.loaded if well else self.memory.load_failed)(model)

    @rule(model=names)
    def finish_unload(self, model: str) -> None:
        if self.memory.state(model) is ModelState.UNLOADING:
            self.memory.unloaded(model)

    @rule(model=names)
    def use(self, model: str) -> None:
        if self.memory.acquire(model):
            self.users[model] = self.users.get(model, 0) + 1

    @rule(model=names)
    def stop_using(self, model: str) -> None:
        if self.users.get(model):
            self.memory.release(model)
            self.users[model] -= 1

    @invariant()
    def never_over_budget(self) -> None:
        assert self.memory.used <= self.memory.budget
        assert self.memory.reserved <= self.memory.budget

    @invariant()
    def models_in_use_are_ready(self) -> None:
        for name, count in self.users.items():
            if count:
                assert self.memory.state(name) is ModelState.READY
                assert self.memory.users(name) == count


TestInstanceMachine = InstanceMachine.TestCase
