"""Stack distances against a brute-force LRU with sizes."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mme.plan.prediction.caching import Room
from mme.plan.prediction.stack_distance import NEVER, stack_distances
from tests.plan.workload import MB, a_mix, a_trace, some_fleet

REQUESTS = st.lists(st.integers(0, 40), min_size=1, max_size=700)
WEIGHTS = st.lists(st.integers(1, 50), min_size=41, max_size=41)


def hits_of_lru(objects: list[int], weights: list[int], budget: int) -> list[bool]:
    """A cache that evicts the least recently used objects until the new one fits."""
    held: OrderedDict[int, int] = OrderedDict()
    hits = []
    for one in objects:
        hits.append(one in held)
        held.pop(one, None)
        while held and sum(held.values()) + weights[one] > budget:
            held.popitem(last=False)
        held[one] = weights[one]
    return hits


@pytest.mark.parametrize("compiled", [False, True])
@settings(max_examples=60, deadline=None)
@given(objects=REQUESTS, weights=WEIGHTS, budget=st.integers(50, 900))
def test_a_request_is_a_hit_if_its_distance_fits(
    compiled: bool, objects: list[int], weights: list[int], budget: int
) -> None:
    found = stack_distances(np.array(objects, np.int32), np.array(weights, np.int64), compiled=compiled)
    assert (found <= budget).tolist() == hits_of_lru(objects, weights, budget)


@settings(max_examples=30, deadline=None)
@given(objects=REQUESTS, weights=WEIGHTS, caches=st.integers(1, 4))
def test_partitions_are_independent_caches(objects: list[int], weights: list[int], caches: int) -> None:
    sent, sizes = np.array(objects, np.int32), np.array(weights, np.int64)
    partition = (np.arange(41) % caches).astype(np.int32)
    both = [stack_distances(sent, sizes, partition, compiled=compiled) for compiled in (False, True)]
    assert both[0].tolist() == both[1].tolist()
    for cache in range(caches):
        mine = partition[sent] == cache
        assert both[0][mine].tolist() == stack_distances(sent[mine], sizes, compiled=False).tolist()


def test_slots_are_renumbered_many_times() -> None:
    objects = np.random.default_rng(1).integers(0, 300, 20_000).astype(np.int32)
    weights = np.arange(1, 301, dtype=np.int64)
    plain, fast = (stack_distances(objects, weights, compiled=compiled) for compiled in (False, True))
    assert plain.tolist() == fast.tolist()
    assert (plain == NEVER).sum() == 300


def test_compiled_and_plain_code_give_the_same_outcomes(monkeypatch: pytest.MonkeyPatch) -> None:
    mix = a_mix(some_fleet(60), rate=20.0)
    rooms = [Room(size * MB, 2 * size * MB) for size in (300, 900, 2700)]
    found = []
    for least in (0, 10**9):
        monkeypatch.setattr("mme.plan.prediction.stack_distance._COMPILED_FROM", least)
        found.append(a_trace(mix, 3000).outcomes(2, rooms))
    for compiled, plain in zip(*found, strict=True):
        assert (compiled.hits, compiled.waits, compiled.loads) == (plain.hits, plain.waits, plain.loads)
        assert compiled.cold.tolist() == plain.cold.tolist()
