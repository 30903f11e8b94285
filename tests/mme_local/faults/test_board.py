"""Faults that are set, met, expired and cleared."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from mme_local.faults.board import FaultBoard
from mme_local.faults.fault import FaultType, InjectedFault

KINDS = st.sampled_from([FaultType.LOAD_507, FaultType.DISK_FULL, FaultType.S3_FAILING])
MODELS = st.sampled_from(["a", "b"])
STEPS = st.lists(
    st.tuples(st.just("set"), KINDS, st.none() | MODELS, st.none() | st.integers(1, 3))
    | st.tuples(st.just("clear"), st.none() | KINDS, st.none() | MODELS, st.none())
    | st.tuples(st.just("take"), KINDS, MODELS, st.none())
)


def test_s3_slow_does_not_expire() -> None:
    now = [0.0]
    board = FaultBoard(lambda: now[0])
    board.set(InjectedFault(kind=FaultType.S3_SLOW, seconds=5.0))
    assert board.take(FaultType.S3_SLOW, "a")
    now[0] = 100.0
    assert board.take(FaultType.S3_SLOW, "a")


def test_times_are_counted_across_threads() -> None:
    board = FaultBoard()
    board.set(InjectedFault(kind=FaultType.S3_FAILING, times=50))
    with ThreadPoolExecutor(8) as threads:
        met = list(threads.map(lambda _: board.take(FaultType.S3_FAILING, "a"), range(200)))
    assert sum(fault is not None for fault in met) == 50


@given(STEPS)
def test_it_behaves_like_a_plain_counter(
    steps: list[tuple[str, FaultType | None, str | None, int | None]],
) -> None:
    board, left = FaultBoard(), Counter[tuple[FaultType, str | None]]()
    for step, kind, model, times in steps:
        if step == "clear":
            board.clear(kind, model)
            cleared = [key for key in left if kind in (None, key[0]) and model in (None, key[1])]
            for key in cleared:
                del left[key]
        elif step == "set" and kind:
            board.set(InjectedFault(kind=kind, model=model, times=times))
            left[kind, model] = times or 1_000_000
        elif kind and model:
            names: tuple[str | None, ...] = (model, None)
            name = next((name for name in names if left[kind, name] > 0), "nothing")
            met = board.take(kind, model)
            assert (met.model if met else "nothing") == name
            if met:
                left[kind, name] -= 1
    assert {(entry["kind"], entry["model"]) for entry in board.describe()} == set(+left)
