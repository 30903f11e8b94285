"""Faults that are set, met, expired and cleared."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme_local.faults.board import FaultBoard
from mme_local.faults.fault import Fault, FaultKind

KINDS = st.sampled_from([FaultKind.LOAD_507, FaultKind.DISK_FULL, FaultKind.S3_FAILING])
MODELS = st.sampled_from(["a", "b"])
STEPS = st.lists(
    st.tuples(st.just("set"), KINDS, st.none() | MODELS, st.none() | st.integers(1, 3))
    | st.tuples(st.just("clear"), st.none() | KINDS, st.none() | MODELS, st.none())
    | st.tuples(st.just("take"), KINDS, MODELS, st.none())
)


def board_with(*faults: Fault) -> FaultBoard:
    board = FaultBoard()
    for fault in faults:
        board.set(fault)
    return board


def test_a_fault_is_met_until_it_is_cleared() -> None:
    fault = Fault(kind=FaultKind.DISK_FULL)
    board = board_with(fault)
    assert [board.take(FaultKind.DISK_FULL, "a") for _ in range(3)] == [fault] * 3
    assert board.take(FaultKind.LOAD_507, "a") is None
    assert board.clear() == [fault]
    assert board.take(FaultKind.DISK_FULL, "a") is None


def test_a_fault_of_the_model_is_met_first() -> None:
    every, one = (
        Fault(kind=FaultKind.S3_SLOW, seconds=1.0),
        Fault(kind=FaultKind.S3_SLOW, model="a", seconds=2.0),
    )
    board = board_with(every, one)
    assert board.take(FaultKind.S3_SLOW, "a") == one
    assert board.take(FaultKind.S3_SLOW, "b") == every


def test_setting_the_same_kind_and_model_replaces_it() -> None:
    board = board_with(
        Fault(kind=FaultKind.LOAD_507, model="a", times=1), Fault(kind=FaultKind.LOAD_507, model="a", times=2)
    )
    assert [bool(board.take(FaultKind.LOAD_507, "a")) for _ in range(3)] == [True, True, False]


def test_seconds_count_from_the_first_request_that_meets_it() -> None:
    now = [0.0]
    board = FaultBoard(lambda: now[0])
    board.set(Fault(kind=FaultKind.NOT_READY, model="a", seconds=5.0))
    now[0] = 100.0
    assert board.take(FaultKind.NOT_READY, "a")
    now[0] = 104.9
    assert board.take(FaultKind.NOT_READY, "a")
    now[0] = 105.0
    assert board.take(FaultKind.NOT_READY, "a") is None
    assert board.describe() == []


def test_s3_slow_does_not_expire() -> None:
    now = [0.0]
    board = FaultBoard(lambda: now[0])
    board.set(Fault(kind=FaultKind.S3_SLOW, seconds=5.0))
    assert board.take(FaultKind.S3_SLOW, "a")
    now[0] = 100.0
    assert board.take(FaultKind.S3_SLOW, "a")


@pytest.mark.parametrize(
    ("kind", "model", "left"),
    [
        (None, None, []),
        (FaultKind.LOAD_507, None, ["disk-full"]),
        (None, "a", ["load-507", "disk-full"]),
        (FaultKind.DISK_FULL, "a", ["load-507", "load-507", "disk-full"]),
    ],
)
def test_faults_are_cleared_by_kind_and_model(
    kind: FaultKind | None, model: str | None, left: list[str]
) -> None:
    board = board_with(
        Fault(kind=FaultKind.LOAD_507),
        Fault(kind=FaultKind.LOAD_507, model="a"),
        Fault(kind=FaultKind.DISK_FULL, model="b"),
    )
    cleared = board.clear(kind, model)
    assert [entry["kind"] for entry in board.describe()] == left
    assert len(cleared) + len(left) == 3


def test_describe_counts_requests_that_met_a_fault() -> None:
    board = board_with(Fault(kind=FaultKind.LOAD_507, model="a", times=2))
    board.take(FaultKind.LOAD_507, "a")
    assert board.describe() == [{"kind": "load-507", "model": "a", "seconds": None, "times": 2, "met": 1}]


def test_times_are_counted_across_threads() -> None:
    board = board_with(Fault(kind=FaultKind.S3_FAILING, times=50))
    with ThreadPoolExecutor(8) as threads:
        met = list(threads.map(lambda _: board.take(FaultKind.S3_FAILING, "a"), range(200)))
    assert sum(fault is not None for fault in met) == 50


@given(STEPS)
def test_it_behaves_like_a_plain_counter(
    steps: list[tuple[str, FaultKind | None, str | None, int | None]],
) -> None:
    board, left = FaultBoard(), Counter[tuple[FaultKind, str | None]]()
    for step, kind, model, times in steps:
        if step == "clear":
            board.clear(kind, model)
            cleared = [key for key in left if kind in (None, key[0]) and model in (None, key[1])]
            for key in cleared:
                del left[key]
        elif step == "set" and kind:
            board.set(Fault(kind=kind, model=model, times=times))
            left[kind, model] = times or 1_000_000
        elif kind and model:
            names: tuple[str | None, ...] = (model, None)
            name = next((name for name in names if left[kind, name] > 0), "nothing")
            met = board.take(kind, model)
            assert (met.model if met else "nothing") == name
            if met:
                left[kind, name] -= 1
    assert {(entry["kind"], entry["model"]) for entry in board.describe()} == set(+left)
