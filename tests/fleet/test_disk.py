from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mme.fleet import DiskFullError, EvictionOrder, ModelDisk


def keep(disk: ModelDisk, model: str, size: int) -> tuple[str, ...]:
    disk.begin(model)
    deleted = disk.grow(model, size)
    disk.complete(model)
    return deleted


def test_archives_stay_until_others_need_the_room_least_recently_used_first() -> None:
    disk = ModelDisk(100)
    assert keep(disk, "a", 40) == keep(disk, "b", 40) == ()
    assert disk.pin("a")
    disk.unpin("a")
    assert keep(disk, "c", 40) == ("b",)
    assert set(disk.models) == {"a", "c"}
    assert disk.used == 80


@pytest.mark.parametrize(
    ("order", "leaves"),
    [
        (EvictionOrder.LEAST_RECENTLY_USED, "b"),
        (EvictionOrder.LEAST_FREQUENTLY_USED, "c"),
        (EvictionOrder.FIRST_IN_FIRST_OUT, "a"),
    ],
)
def test_the_eviction_order_can_be_set(order: EvictionOrder, leaves: str) -> None:
    disk = ModelDisk(90, order)
    for model in "abc":
        keep(disk, model, 30)
    for model in "bbacaa":
        disk.pin(model)
        disk.unpin(model)
    assert keep(disk, "d", 30) == (leaves,)


def test_what_is_pinned_or_coming_in_is_never_deleted() -> None:
    disk = ModelDisk(100)
    keep(disk, "a", 40)
    disk.pin("a")
    disk.begin("b")
    disk.grow("b", 40)
    disk.begin("c")
    with pytest.raises(DiskFullError, match="the disk is full for c"):
        disk.grow("c", 30)
    assert (disk.used, disk.holds("a"), disk.holds("b")) == (80, True, False)
    disk.unpin("a")
    assert disk.grow("c", 30) == ("a",)


def test_a_missing_archive_cannot_be_pinned() -> None:
    disk = ModelDisk(100)
    assert not disk.pin("a")
    disk.begin("a")
    assert not disk.pin("a")
    with pytest.raises(ValueError, match="already"):
        disk.begin("a")
    disk.complete("a")
    with pytest.raises(ValueError, match="can't grow"):
        disk.grow("a", 1)
    assert disk.pin("a")
    assert disk.drop("a")
    assert not disk.drop("a")


class DiskMachine(RuleBasedStateMachine):
    """Random traffic; a plain dict has the expected bytes."""

    names = st.sampled_from([f"m{i}" for i in range(6)])

    def __init__(self) -> None:
        super().__init__()
        self.disk = ModelDisk(100)
        self.bytes: dict[str, int] = {}
        self.coming: set[str] = set()
        self.pinned: set[str] = set()

    @rule(model=names)
    def begin(self, model: str) -> None:
        if model not in self.bytes:
            self.disk.begin(model)
            self.bytes[model] = 0
            self.coming.add(model)

    @rule(model=names, more=st.integers(0, 60))
    def write(self, model: str, more: int) -> None:
        if model in self.coming:
            try:
                deleted = self.disk.grow(model, more)
            except DiskFullError:
                return
            for name in deleted:
                assert name not in self.pinned | self.coming
                del self.bytes[name]
            self.bytes[model] += more

    @rule(model=names)
    def complete(self, model: str) -> None:
        if model in self.coming:
            self.disk.complete(model)
            self.coming.remove(model)

    @rule(model=names)
    def pin(self, model: str) -> None:
        here = model in self.bytes and model not in self.coming
        assert self.disk.pin(model) == here
        if here:
            self.pinned.add(model)

    @rule(model=names)
    def unpin(self, model: str) -> None:
        self.disk.unpin(model)
        self.pinned.discard(model)

    @rule(model=names)
    def drop(self, model: str) -> None:
        assert self.disk.drop(model) == (model in self.bytes)
        self.bytes.pop(model, None)
        self.coming.discard(model)
        self.pinned.discard(model)

    @invariant()
    def the_ledger_is_true_and_never_over_budget(self) -> None:
        assert set(self.disk.models) == set(self.bytes)
        assert self.disk.used == sum(self.bytes.values()) <= self.disk.budget
        assert {model for model in self.bytes if self.disk.holds(model)} == set(self.bytes) - self.coming


TestDiskMachine = DiskMachine.TestCase
