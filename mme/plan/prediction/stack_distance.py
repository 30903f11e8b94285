"""Byte-weighted stack distances: the memory that would make a request a hit, for every request at once.

The distance of a request is the weight of all models used since the last request for its model, its own
included. With least recently used eviction, the request is a hit in every memory of at least that size
(Mattson et al., "Evaluation techniques for storage hierarchies", 1970). One pass answers for all sizes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

NEVER: Final = np.iinfo(np.int64).max
"""Distance of the first request for a model: a miss in every memory."""

_COMPILED_FROM: Final = 200_000
"""Requests from which compiled code pays for its import."""
_BLOCK: Final = 1_000_000
_CHUNK: Final = 192


def stack_distances(
    objects: NDArray[np.int32],
    weights: NDArray[np.int64],
    partition: NDArray[np.int32] | None = None,
    *,
    compiled: bool | None = None,
) -> NDArray[np.int64]:
    """Return the distance of each request, in bytes, shape (requests,).

    Args:
        objects: What each request uses: indexes into `weights`, shape (requests,).
        weights: Bytes of each object, shape (objects,).
        partition: The cache of each object, from 0, shape (objects,). Default: one cache.
        compiled: Whether to use numba. Default: for long traces, if it is installed.
    """
    if partition is None:
        partition = np.zeros(len(weights), np.int32)
    if compiled if compiled is not None else len(objects) >= _COMPILED_FROM and has_numba():
        from mme.plan.prediction._compiled import distances

        out = np.empty(len(objects), np.int64)
        sizes = np.bincount(partition, minlength=1)
        distances(objects, weights, partition, len(sizes), int(sizes.max()), NEVER, out)
        return out
    if not partition.any():
        return _vectorized(objects, weights)
    out = np.empty(len(objects), np.int64)
    of_request = partition[objects]
    for number in range(int(partition.max()) + 1):
        chosen = np.flatnonzero(of_request == number)
        out[chosen] = _vectorized(objects[chosen], weights)
    return out


def too_small(sizes: NDArray[np.int64], distances: NDArray[np.int64]) -> NDArray[np.int16]:
    """Return for each request how many sizes of memory it does not fit into.

    Args:
        sizes: Memory sizes in bytes, ascending.
        distances: Stack distance of each request.
    """
    short = np.empty(len(distances), np.int16)
    if len(distances) >= _COMPILED_FROM and has_numba():
        from mme.plan.prediction._compiled import ranks

        ranks(sizes, distances, short)
        return short
    for part in blocks(len(distances)):
        short[part] = np.searchsorted(sizes, distances[part], side="left")
    return short


def tally(short: NDArray[np.int16], models: NDArray[np.int32], shape: tuple[int, int]) -> NDArray[np.int64]:
    """Return the number of requests by too small sizes and model.

    Args:
        short: How many sizes each request does not fit into.
        models: Model of each request.
        shape: Of the result: one more than the sizes, and the models.
    """
    found = np.zeros(shape, np.int64)
    if len(short) >= _COMPILED_FROM and has_numba():
        from mme.plan.prediction._compiled import count_pairs

        count_pairs(short, models, found)
        return found
    for part in blocks(len(short)):
        cells = short[part].astype(np.int64) * shape[1] + models[part]
        found += np.bincount(cells, minlength=found.size).reshape(shape)
    return found


def hit_ratio_curve(distances: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of requests that each size of memory answers without a load.

    Args:
        distances: Stack distance of each request.
        sizes: Memory sizes in bytes, ascending.
    """
    short = too_small(sizes, distances)
    fit = sum(np.bincount(short[part], minlength=len(sizes) + 1) for part in blocks(len(short)))
    ratios: NDArray[np.float64] = np.cumsum(np.asarray(fit)[: len(sizes)]) / max(1, len(distances))
    return ratios


def blocks(count: int) -> list[slice]:
    """Return slices of at most a million, so that temporary arrays stay small."""
    return [slice(start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK)]


def has_numba() -> bool:
    """Return whether numba is installed, without importing it."""
    from importlib.util import find_spec

    return find_spec("numba") is not None


def _vectorized(objects: NDArray[np.int32], weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the distances of one cache in numpy alone, a chunk of requests at a time.

    The distance of request i with its last use at p is the weight of the requests j between p and i whose
    own last use is before p. Uses before the chunk are ranked by a list of objects in the order of their use.
    """
    out = np.empty(len(objects), np.int64)
    order = np.empty(0, np.int32)  # objects by last use, oldest first
    rank = np.full(len(weights), -1, np.int32)  # position in `order`; -1 = never used
    index = np.arange(_CHUNK, dtype=np.int32)
    earlier = index[None, :] < index[:, None]
    for start in range(0, len(objects), _CHUNK):
        chunk = objects[start : start + _CHUNK]
        count = len(chunk)
        previous, last = _uses_within(chunk)
        outside = previous < 0
        ranks = rank[chunk]
        first = outside & (ranks < 0)
        # Negative in the order of use; objects that were never used come before all.
        use = np.where(outside, np.where(ranks < 0, -1, ranks) - len(order), previous)
        counted = earlier[:count, :count] & (use < use[:, None])
        counted &= index[:count] > use[:, None]
        own = weights[chunk]
        # Exact in floating point: sums of bytes are far below 2**53.
        found = (counted @ own.astype(np.float64)).astype(np.int64) + own
        if len(order):
            totals = np.cumsum(weights[order])
            found += np.where(outside, totals[-1] - totals[ranks], 0)
        found[first] = NEVER
        out[start : start + count] = found
        stays = np.ones(len(order), bool)
        stays[ranks[outside & ~first]] = False
        order = np.concatenate([order[stays], chunk[last]])
        rank[order] = np.arange(len(order), dtype=np.int32)
    return out


def _uses_within(chunk: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each request's last use within the chunk (-1 = none), and the last request of each object."""
    by_object = np.argsort(chunk, kind="stable")
    same = chunk[by_object][1:] == chunk[by_object][:-1]
    previous = np.full(len(chunk), -1, np.int64)
    previous[by_object[1:][same]] = by_object[:-1][same]
    is_last = np.append(~same, True)
    return previous, np.sort(by_object[is_last])
