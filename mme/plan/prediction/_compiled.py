"""The inner loop of stack distances, compiled by numba. Import it late: numba loads slowly."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _add(tree: Any, at: int, amount: int) -> None:
    while at < len(tree):
        tree[at] += amount
        at += at & -at


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _sum(tree: Any, at: int) -> int:
    total = 0
    while at > 0:
        total += tree[at]
        at &= at - 1
    return total


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _renumber(tree: Any, held: Any, slot_of: Any, weights: Any) -> int:
    """Move all objects to the lowest slots, in order, and return how many there are."""
    count = 0
    for at in range(1, len(held)):
        moved = held[at]
        if moved >= 0:
            count += 1
            held[at] = -1
            held[count] = moved
            slot_of[moved] = count
    for at in range(1, len(tree)):
        tree[at] = weights[held[at]] if at <= count else 0
    for at in range(1, len(tree)):
        above = at + (at & -at)
        if above < len(tree):
            tree[above] += tree[at]
    return count


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def distances(
    objects: Any, weights: Any, partition: Any, partitions: int, most: int, never: int, out: Any
) -> None:
    """Write the distance of each request; see `mme.plan.prediction.stack_distance`.

    A Fenwick tree per cache sums the weights by time of use. Slots are renumbered when they run out, so that
    the trees stay small enough for the processor's cache.

    Args:
        objects: What each request uses.
        weights: Bytes of each object.
        partition: Cache of each object.
        partitions: Number of caches.
        most: Most objects of a cache.
        never: Distance of an object's first request.
        out: Receives the distances.
    """
    capacity = 64
    while capacity < 2 * most:
        capacity *= 2
    tree = np.zeros((partitions, capacity + 1), np.int64)
    held = np.full((partitions, capacity + 1), -1, np.int32)
    slot_of = np.zeros(len(weights), np.int32)
    used = np.zeros(partitions, np.int64)
    total = np.zeros(partitions, np.int64)
    for request in range(len(objects)):
        one = objects[request]
        cache = partition[one]
        weight = weights[one]
        slot = slot_of[one]
        if slot > 0 and slot == used[cache]:
            out[request] = weight  # used last
            continue
        if slot == 0:
            out[request] = never
            total[cache] += weight
        else:
            out[request] = total[cache] - _sum(tree[cache], slot) + weight
            _add(tree[cache], slot, -weight)
            held[cache, slot] = -1
        if used[cache] == capacity:
            used[cache] = _renumber(tree[cache], held[cache], slot_of, weights)
        used[cache] += 1
        slot_of[one] = used[cache]
        held[cache, used[cache]] = one
        _add(tree[cache], used[cache], weight)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def ranks(sizes: Any, distances: Any, out: Any) -> None:
    """Write how many sizes are smaller than each distance.

    Args:
        sizes: Ascending.
        distances: To compare with them.
        out: Receives the counts.
    """
    for request in range(len(distances)):
        distance = distances[request]
        low, high = 0, len(sizes)
        while low < high:
            middle = (low + high) >> 1
            if sizes[middle] < distance:
                low = middle + 1
            else:
                high = middle
        out[request] = low


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def count_pairs(rows: Any, columns: Any, out: Any) -> None:
    """Add one to the cell of each pair.

    Args:
        rows: Row of each pair.
        columns: Column of each pair.
        out: Receives the counts.
    """
    for index in range(len(rows)):
        out[rows[index], columns[index]] += 1
