"""Caching of a trace: exact for every memory size, from stack distances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mme.console import count_text
from mme.errors import MmeError
from mme.plan.models.model_fleet import ModelFleet
from mme.plan.prediction.caching import CacheOutcome, Room, Spread, copies_of, spread
from mme.plan.prediction.latency import BINS, Histogram, bins_of
from mme.plan.prediction.stack_distance import NEVER, blocks, stack_distances, tally, too_small
from mme.plan.traffic.trace import Trace

_SIZES: Final = 512
_SAMPLED: Final = 500_000
"""Requests from which the memory of models that are being loaded is estimated."""


@dataclass(frozen=True)
class _Followers:
    """Requests that arrive while a load that an earlier one began would still run.

    Attributes:
        request: Their indexes.
        leader: The request that may have begun the load.
        bins: Bin of the seconds until the load ends.
    """

    request: NDArray[np.int32]
    leader: NDArray[np.int32]
    bins: NDArray[np.int64]


@dataclass(frozen=True)
class _Waiting:
    """Followers that wait in some of the sizes.

    Attributes:
        leader: How many sizes are too small for the request that may have begun the load.
        own: How many are too small for their own.
        model: Their model.
        bins: Bin of the seconds until the load ends.
    """

    leader: NDArray[np.int64]
    own: NDArray[np.int64]
    model: NDArray[np.int32]
    bins: NDArray[np.int64]


@dataclass(frozen=True)
class _Counts:
    """Counts by how many of the sorted sizes are too small, and by model or bin."""

    loads: NDArray[np.int64]
    waits: NDArray[np.int64]


class TraceTraffic:
    """The requests of a trace for models of known sizes.

    Args:
        trace: The requests.
        fleet: The models, in the order of `trace.names`.

    Raises:
        MmeError: All requests are at one time, so that they have no rate.
    """

    def __init__(self, trace: Trace, fleet: ModelFleet) -> None:
        if trace.seconds[-1] <= trace.seconds[0]:
            raise MmeError(
                f"{count_text(len(trace), 'requests')} of the trace at the time {trace.seconds[0]:.15g} and "
                "none at another; a plan needs their rate",
                hint="give a longer trace, or --rate for a Zipf mix",
            )
        self.trace = trace
        self.fleet = fleet
        self.rate = trace.rate
        self.peak_rate = trace.peak_rate
        self.model_rates = trace.counts / trace.duration
        self.requests: int | None = len(trace)
        self._followers: dict[tuple[bool, bool], _Followers] = {}

    @cached_property
    def first_share(self) -> float:
        """Share of requests that are the first for their model: loads in every configuration."""
        return int((self.trace.counts > 0).sum()) / len(self.trace)

    def distances(self, instances: int) -> NDArray[np.int64]:
        """Return the stack distance of each request on a number of instances."""
        placed = spread(self.model_rates, self.fleet, instances)
        weights = self.fleet.weights[placed.model_of]
        return stack_distances(self._objects(placed), weights, placed.instance_of)

    def outcomes(self, instances: int, rooms: Sequence[Room]) -> list[CacheOutcome]:
        """See `mme.plan.prediction.caching.Traffic`."""
        distances = self.distances(instances)
        memories = self._without_loading(distances, instances, [room.memory for room in rooms])
        factor = self.fleet.assumptions.weight_factor
        # A disk of this size is like a memory of the factor times as much.
        disks = [int(room.disk * factor) for room in rooms]
        sizes = np.unique(np.array(memories + disks, np.int64))
        # How many of the sizes are too small for the request.
        short = too_small(sizes, distances)
        del distances
        copies = copies_of(self.model_rates, self.fleet, instances)
        used = self.trace.counts > 0
        working_set = float((self.fleet.weights * copies)[used].sum()) / instances
        every_load = tally(short, self.trace.models, (len(sizes) + 1, len(self.fleet)))
        counted: dict[tuple[int, bool], _Counts] = {}
        waiting: dict[tuple[bool, bool], _Waiting] = {}
        found = []
        for room, memory, disk in zip(rooms, memories, disks, strict=True):
            memory_index = int(np.searchsorted(sizes, memory))
            disk_index = max(memory_index, int(np.searchsorted(sizes, disk)))
            evicts = working_set > room.memory
            kind = disk_index, evicts
            if kind not in counted:
                counted[kind] = self._counts(disk_index, evicts, every_load, waiting, short)
            counts = counted[kind]
            loads = _between(counts.loads, memory_index, disk_index), _beyond(counts.loads, disk_index)
            waits = _beyond(counts.waits, memory_index)
            cold: Histogram = waits.astype(np.float64)
            for downloads, count in zip((False, True), loads, strict=True):
                cold += np.bincount(bins_of(self._seconds(downloads, evicts)), count, BINS)
            total = len(self.trace)
            per_model = loads[0] + loads[1]
            shares = float(per_model.sum()) / total, float(waits.sum()) / total
            found.append(
                CacheOutcome(
                    hits=1 - sum(shares),
                    waits=shares[1],
                    loads=shares[0],
                    cold=cold / total,
                    model_loads=per_model / np.maximum(1, self.trace.counts),
                    resident=min(working_set, float(room.memory)),
                )
            )
        return found

    def _without_loading(
        self, distances: NDArray[np.int64], instances: int, memories: Sequence[int]
    ) -> list[int]:
        """Return each memory without the bytes of the models that are being loaded, on average.

        By Little's law these are the loads per second times the bytes and seconds of a load.
        """
        fleet = self.fleet
        total = float(fleet.weights.sum())
        sizes = np.unique(np.geomspace(max(1.0, total * 1e-5), total * 2, _SIZES).astype(np.int64))
        # First requests belong to the start of the trace, not to its steady state.
        step = max(1, len(distances) // _SAMPLED)
        sampled, models = distances[::step], self.trace.models[::step]
        again = sampled != NEVER
        bins = np.searchsorted(sizes, sampled[again], side="left")
        loading = fleet.weights * self._seconds(True, True) * step
        moved = np.bincount(bins, loading[models[again]], len(sizes) + 1)
        beyond = moved.sum() - np.cumsum(moved)[: len(sizes)]
        needed = sizes + beyond / self.trace.duration / instances
        found = []
        for memory in memories:
            fits = np.flatnonzero(needed <= memory)
            if not len(fits):
                found.append(int(min(memory, sizes[0])))
            elif fits[-1] == len(sizes) - 1:
                found.append(memory)
            else:
                found.append(max(int(sizes[fits[-1]]), memory - int((needed - sizes)[fits[-1]])))
        return found

    def _seconds(self, downloads: bool, evicts: bool) -> NDArray[np.float64]:
        """Return the seconds of each model's load."""
        seconds = self.fleet.load_seconds + (self.fleet.download_seconds if downloads else 0)
        return seconds + (self.fleet.assumptions.unload_seconds if evicts else 0)

    def _objects(self, placed: Spread) -> NDArray[np.int32]:
        """Return the object that each request uses: a model's requests take its copies in turns."""
        models = self.trace.models
        if len(placed.model_of) == len(self.fleet):
            return models
        starts = np.cumsum(self.trace.counts) - self.trace.counts
        turn = np.empty(len(models), np.int64)
        turn[self._by_model] = np.arange(len(models)) - np.repeat(starts, self.trace.counts)
        return (placed.first[models] + turn % placed.copies[models]).astype(np.int32)

    @cached_property
    def _by_model(self) -> NDArray[np.int32]:
        return np.argsort(self.trace.models, kind="stable").astype(np.int32)

    def _counts(
        self,
        disk_index: int,
        evicts: bool,
        every_load: NDArray[np.int64],
        waiting: dict[tuple[bool, bool], _Waiting],
        short: NDArray[np.int16],
    ) -> _Counts:
        """Return loads and waits if archives that fit into the size of this index are on the disk."""
        sizes, models = every_load.shape
        loads = every_load.copy()
        waits = np.zeros((sizes, BINS), np.int64)
        for downloads in (False, True):
            kind = downloads, evicts
            if kind not in waiting:
                waiting[kind] = self._waiting(self._find_followers(downloads, evicts), short)
            one = waiting[kind]
            # The load that they wait for is from S3 if it did not fit on the disk.
            chosen = np.flatnonzero((one.leader > disk_index) == downloads)
            cells = one.own[chosen] * models + one.model[chosen]
            loads -= np.bincount(cells, minlength=sizes * models).reshape(sizes, models)
            cells = one.leader[chosen] * BINS + one.bins[chosen]
            waits += np.bincount(cells, minlength=sizes * BINS).reshape(sizes, BINS)
        return _Counts(loads, waits)

    def _waiting(self, followers: _Followers, short: NDArray[np.int16]) -> _Waiting:
        leader = short[followers.leader]
        # The others' model is loaded in every size.
        chosen = np.flatnonzero((leader > 0) & (short[followers.request] <= leader))
        request = followers.request[chosen]
        return _Waiting(
            leader[chosen].astype(np.int64),
            short[request].astype(np.int64),
            self.trace.models[request],
            followers.bins[chosen],
        )

    def _find_followers(self, downloads: bool, evicts: bool) -> _Followers:
        kind = downloads, evicts
        if kind not in self._followers:
            seconds = self._seconds(*kind)
            # Parts of whole models, so that memory stays small.
            ends = np.cumsum(self.trace.counts)
            cuts = [int(ends[np.searchsorted(ends, part.stop)]) for part in blocks(len(self.trace))]
            starts = [0, *cuts[:-1]]
            found = [
                self._followers_of(self._by_model[start:stop], seconds)
                for start, stop in zip(starts, cuts, strict=True)
                if start < stop
            ]
            request, leader, bins = (np.concatenate(parts) for parts in zip(*found, strict=True))
            self._followers[kind] = _Followers(request, leader, bins)
        return self._followers[kind]

    def _followers_of(
        self, order: NDArray[np.int32], seconds: NDArray[np.float64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
        models, times = self.trace.models[order], self.trace.seconds[order]
        length = seconds[models]
        fresh = np.ones(len(order), bool)
        fresh[1:] = (models[1:] != models[:-1]) | (times[1:] - times[:-1] >= length[1:])
        # The first of a burst of requests is the one that may begin a load.
        leader = np.maximum.accumulate(np.where(fresh, np.arange(len(order)), 0))
        left = length - (times - times[leader])
        follows = np.flatnonzero(~fresh & (left > 0))
        return order[follows], order[leader[follows]], bins_of(left[follows])


def _beyond(counts: NDArray[np.int64], index: int) -> NDArray[np.int64]:
    """Return the sum over requests that do not fit into the size of this index."""
    found: NDArray[np.int64] = counts[index + 1 :].sum(axis=0)
    return found


def _between(counts: NDArray[np.int64], index: int, larger: int) -> NDArray[np.int64]:
    """Return the sum over requests that fit into the larger size only."""
    found: NDArray[np.int64] = counts[index + 1 : larger + 1].sum(axis=0)
    return found
