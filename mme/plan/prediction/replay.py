"""A discrete-event simulation of an endpoint: memory, disk and routing of `mme.fleet` in simulated time."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mme.fleet import (
    InstanceView,
    ModelDisk,
    ModelMemory,
    ModelState,
    NoRoomError,
    choose_instance,
)
from mme.plan.models.model_fleet import ModelFleet
from mme.plan.prediction.caching import Room, copies_of
from mme.plan.traffic.trace import Trace

_FINISHED, _LOADED, _UNLOADED = range(3)
_SAMPLES: Final = 4096
_SEED: Final = 1
"""Of the service times."""


@dataclass(frozen=True)
class Replayed:
    """What a simulation measured.

    Attributes:
        requests: How many it counted.
        hits: Share of requests whose model was loaded.
        waits: Share that waited for a load in progress.
        loads: Share that began a load.
        seconds: Latency of each request, in the order of their ends: shape (requests,).
        seconds_cold: Latency of those that waited for a load.
    """

    requests: int
    hits: float
    waits: float
    loads: float
    seconds: NDArray[np.float64]
    seconds_cold: NDArray[np.float64]

    def percentile_ms(self, share: float) -> float:
        """Return the latency that a share of the requests stays below, in ms."""
        return float(np.quantile(self.seconds, share)) * 1000


@dataclass(slots=True)
class _Request:
    model: int
    name: str
    arrived: float
    cold: bool = False


@dataclass(slots=True)
class _Instance:
    index: int
    memory: ModelMemory
    disk: ModelDisk
    workers: int
    busy: int = 0
    in_flight: int = 0
    model_in_flight: dict[str, int] = field(default_factory=dict)
    line: deque[_Request] = field(default_factory=deque)
    waiting: dict[str, list[_Request]] = field(default_factory=dict)
    unbegun: deque[tuple[str, int]] = field(default_factory=deque)
    refused: deque[_Request] = field(default_factory=deque)


def replay(
    trace: Trace,
    fleet: ModelFleet,
    *,
    instances: int,
    room: Room,
    workers: int,
    used_before: Iterable[int] = (),
    uncounted: int = 0,
) -> Replayed:
    """Simulate every request of a trace. The time for a request grows with the logarithm of the events.

    Args:
        trace: The requests.
        fleet: The models, in the order of `trace.names`.
        instances: How many.
        room: Memory and disk of each.
        workers: Requests that each works on at once.
        used_before: Models that were used before the trace, least recently used first: they fill the memory.
        uncounted: How many of the first requests only warm it up.

    Raises:
        TooLargeError: A model is larger than the memory.
    """
    simulation = _Simulation(fleet, instances, room, workers)
    copies = copies_of(trace.counts / trace.duration, fleet, instances)
    simulation.fill(used_before, copies.tolist())
    return simulation.run(trace, uncounted)


class _Simulation:
    def __init__(self, fleet: ModelFleet, instances: int, room: Room, workers: int) -> None:
        assumed = fleet.assumptions
        self._names = fleet.names
        self._weights: list[int] = fleet.weights.tolist()
        self._unpacked: list[int] = fleet.unpacked.tolist()
        self._load: list[float] = fleet.load_seconds.tolist()
        self._download: list[float] = fleet.download_seconds.tolist()
        self._unload = assumed.unload_seconds
        self._overhead = assumed.overhead_ms / 1000
        self._spill_at = assumed.spill_at
        sigma = np.sqrt(np.log1p(assumed.service_cv**2))
        rng = np.random.default_rng(_SEED)
        times = np.exp(rng.normal(-sigma * sigma / 2, sigma, _SAMPLES)) * assumed.service_ms / 1000
        self._service: list[float] = times.tolist()
        # Models in memory are on the disk too; weights are rounded down, so it takes a byte more for each.
        disk = max(room.disk, int(room.memory / assumed.weight_factor) + len(fleet))
        self._instances = [
            _Instance(number, ModelMemory(room.memory), ModelDisk(disk), workers)
            for number in range(instances)
        ]
        self._events: list[tuple[float, int, int, _Instance, str, _Request | None]] = []
        self._holders: dict[str, set[int]] = {}
        self._number = 0
        self._hits = self._waits = self._loads = 0
        self._counted_from = math.inf
        self._seconds: list[float] = []
        self._cold: list[float] = []

    def fill(self, models: Iterable[int], copies: Sequence[int]) -> None:
        """Use models in no time, as before the trace, each on as many instances as its traffic needs."""
        # Nothing is in flight: routing chooses the instance with the most free memory.
        emptiest = [(0, number) for number in range(len(self._instances))]
        for model in models:
            for _, number in [heapq.heappop(emptiest) for _ in range(copies[model])]:
                self._touch(self._instances[number], model)
                heapq.heappush(emptiest, (self._instances[number].memory.reserved, number))

    def _touch(self, instance: _Instance, model: int) -> None:
        name, memory = self._names[model], instance.memory
        if not memory.acquire(name):
            evicted = memory.admit(name, self._weights[model]).evicted
            self._moved(instance, name, evicted)
            for one in evicted:
                memory.unloaded(one)
                instance.disk.unpin(one)
            memory.begin_load(name)
            self._fetch(instance, model)
            memory.loaded(name)
            memory.acquire(name)
        memory.release(name)

    def run(self, trace: Trace, uncounted: int) -> Replayed:
        requests = zip(trace.seconds.tolist(), trace.models.tolist(), strict=True)
        for number, (now, model) in enumerate(requests):
            if number == uncounted:
                self._hits = self._waits = self._loads = 0
                self._counted_from = now
            self._advance(now)
            self._arrive(now, model)
        self._advance(float("inf"))
        total = len(trace) - uncounted
        return Replayed(
            requests=total,
            hits=self._hits / total,
            waits=self._waits / total,
            loads=self._loads / total,
            seconds=np.array(self._seconds),
            seconds_cold=np.array(self._cold),
        )

    def _advance(self, until: float) -> None:
        events = self._events
        while events and events[0][0] <= until:
            now, _, kind, instance, name, request = heapq.heappop(events)
            if kind == _FINISHED and request is not None:
                self._finish(instance, request, now)
            elif kind == _LOADED:
                instance.memory.loaded(name)
                for waiting in instance.waiting.pop(name):
                    self._serve(instance, waiting, now)
            elif kind == _UNLOADED:
                instance.memory.unloaded(name)
                instance.disk.unpin(name)
                self._begin_loads(instance, now)
            if instance.refused:
                self._retry(instance, now)

    def _push(self, at: float, kind: int, instance: _Instance, name: str, request: _Request | None) -> None:
        self._number += 1
        heapq.heappush(self._events, (at, self._number, kind, instance, name, request))

    def _choose(self, name: str) -> _Instance:
        if len(self._instances) == 1:
            return self._instances[0]
        holders = self._holders.get(name)
        if holders:
            # Of all instances, one that holds the model wins unless it is too busy: look at these first.
            chosen = self._instances[self._chosen(name, [self._instances[index] for index in holders])]
            if chosen.model_in_flight.get(name, 0) < self._spill_at:
                return chosen
        return self._instances[self._chosen(name, self._instances)]

    def _chosen(self, name: str, candidates: list[_Instance]) -> int:
        holders = self._holders.get(name, ())
        views = [
            InstanceView(
                index=one.index,
                holds=one.index in holders,
                model_in_flight=one.model_in_flight.get(name, 0),
                in_flight=one.in_flight,
                free=one.memory.budget - one.memory.reserved,
            )
            for one in candidates
        ]
        return choose_instance(views, spill_at=self._spill_at)

    def _moved(self, instance: _Instance, name: str, evicted: tuple[str, ...]) -> None:
        """Note that an instance holds a model now, and others not any more."""
        self._holders.setdefault(name, set()).add(instance.index)
        for one in evicted:
            self._holders[one].discard(instance.index)

    def _arrive(self, now: float, model: int) -> None:
        name = self._names[model]
        instance = self._choose(name)
        instance.in_flight += 1
        instance.model_in_flight[name] = instance.model_in_flight.get(name, 0) + 1
        request = _Request(model, name, now)
        state = instance.memory.state(name)
        if state is ModelState.READY:
            self._hits += 1
            self._serve(instance, request, now)
            return
        request.cold = True
        if state in (ModelState.WAITING, ModelState.LOADING):
            self._waits += 1
            instance.waiting[name].append(request)
            return
        self._loads += 1
        if instance.refused or not self._admit(instance, request, now):
            instance.refused.append(request)

    def _admit(self, instance: _Instance, request: _Request, now: float) -> bool:
        """Begin a load; False if models in use leave too little memory."""
        name, model, memory = request.name, request.model, instance.memory
        if memory.state(name) is ModelState.UNLOADING:
            return False
        try:
            evicted = memory.admit(name, self._weights[model]).evicted
        except NoRoomError:
            return False
        self._moved(instance, name, evicted)
        for one in evicted:
            self._push(now + self._unload, _UNLOADED, instance, one, None)
        instance.waiting[name] = [request]
        instance.unbegun.append((name, model))
        self._begin_loads(instance, now)
        return True

    def _begin_loads(self, instance: _Instance, now: float) -> None:
        # In order: a load that comes later must not take the memory that an earlier one waits for.
        while instance.unbegun and instance.memory.begin_load(instance.unbegun[0][0]):
            name, model = instance.unbegun.popleft()
            download = self._download[model] if self._fetch(instance, model) else 0.0
            self._push(now + download + self._load[model], _LOADED, instance, name, None)

    def _fetch(self, instance: _Instance, model: int) -> bool:
        """Pin a model's files on the disk; return whether they must be downloaded first."""
        name, disk = self._names[model], instance.disk
        if disk.pin(name):
            return False
        disk.begin(name)
        disk.grow(name, self._unpacked[model])
        disk.complete(name)
        disk.pin(name)
        return True

    def _retry(self, instance: _Instance, now: float) -> None:
        """Try again what had no memory, in order."""
        while instance.refused:
            request = instance.refused[0]
            state = instance.memory.state(request.name)
            if state is ModelState.READY:
                self._serve(instance, request, now)
            elif state in (ModelState.WAITING, ModelState.LOADING):
                instance.waiting[request.name].append(request)
            elif not self._admit(instance, request, now):
                return
            instance.refused.popleft()

    def _serve(self, instance: _Instance, request: _Request, now: float) -> None:
        instance.memory.acquire(request.name)
        if instance.busy < instance.workers:
            instance.busy += 1
            self._work(instance, request, now)
        else:
            instance.line.append(request)

    def _work(self, instance: _Instance, request: _Request, now: float) -> None:
        seconds = self._service[self._number % _SAMPLES]
        self._push(now + seconds, _FINISHED, instance, request.name, request)

    def _finish(self, instance: _Instance, request: _Request, now: float) -> None:
        name = request.name
        instance.memory.release(name)
        instance.in_flight -= 1
        if instance.model_in_flight[name] == 1:
            del instance.model_in_flight[name]
        else:
            instance.model_in_flight[name] -= 1
        seconds = now - request.arrived + self._overhead
        if request.arrived >= self._counted_from:
            self._seconds.append(seconds)
            if request.cold:
                self._cold.append(seconds)
        if instance.line:
            self._work(instance, instance.line.popleft(), now)
        else:
            instance.busy -= 1
