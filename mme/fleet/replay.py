"""Replay a trace of requests on one variant in simulated time.

The decisions are those of `mme.fleet.memory`, `mme.fleet.disk` and `mme.fleet.routing`, as for the local
endpoint's real containers. Every download, load, answer and unload takes a given time, so the result is
reproducible.
"""

from __future__ import annotations

import functools
import heapq
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from mme.fleet.disk import DiskFullError, ModelDisk
from mme.fleet.memory import EvictionOrder, ModelMemory, ModelState, NoRoomError, TooLargeError
from mme.fleet.routing import InstanceView, Placement, choose_instance


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model takes.

    Attributes:
        weight: Bytes of memory.
        size: Bytes of disk.
        download: Seconds of its download.
        load: Seconds of its load from disk.
    """

    weight: int
    size: int
    download: float
    load: float


@dataclass(frozen=True, slots=True)
class FleetShape:
    """A variant.

    Attributes:
        instances: How many.
        memory: Bytes for models, per instance.
        disk: Bytes for archives, per instance.
        spill_at: See `choose_instance`.
        keep_loaded: False for ``ModelCacheSetting=Disabled``.
        unload: Seconds of an unload.
        order: Which idle model is evicted from memory first.
        disk_order: Which unused archive is evicted from disk first.
        placement: See `choose_instance`.
    """

    instances: int
    memory: int
    disk: int
    spill_at: int = 8
    keep_loaded: bool = True
    unload: float = 2.0
    order: EvictionOrder = EvictionOrder.LEAST_RECENTLY_USED
    disk_order: EvictionOrder = EvictionOrder.LEAST_RECENTLY_USED
    placement: Placement = Placement.MOST_FREE


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request of a trace.

    Attributes:
        at: Its time, in seconds.
        model: The target model.
        answer: Seconds that the model takes to answer.
    """

    at: float
    model: str
    answer: float


@dataclass(frozen=True, slots=True)
class ReplayedRequest:
    """The result of one request.

    Attributes:
        instance: Index of the instance that answered.
        hit: Whether the model was in memory.
        waited: Seconds until the model was ready.
        refused: Why there is no answer; None if there is one.
    """

    instance: int
    hit: bool
    waited: float
    refused: str | None = None


class ModelAction(Enum):
    """What an instance does with a model."""

    DOWNLOAD = "download"
    LOAD = "load"
    UNLOAD = "unload"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class ModelEvent:
    """One action, at the time when it begins."""

    at: float
    instance: int
    action: ModelAction
    model: str


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """The result of a trace.

    Attributes:
        requests: One for each arrival, in their order.
        events: Every action, in the order of time.
    """

    requests: tuple[ReplayedRequest, ...]
    events: tuple[ModelEvent, ...]

    @property
    def hit_ratio(self) -> float:
        """Share of requests whose model was in memory, from 0 to 1; 0 for an empty trace."""
        return sum(request.hit for request in self.requests) / max(1, len(self.requests))

    def count(self, action: ModelAction) -> int:
        """Return how often instances did this."""
        return sum(event.action is action for event in self.events)


@dataclass(slots=True)
class _Instance:
    index: int
    memory: ModelMemory
    disk: ModelDisk
    waiting: dict[str, list[int]] = field(default_factory=dict)
    """Requests by the model that they wait for; present until the model is loaded or refused."""
    blocked: dict[str, Callable[[], None]] = field(default_factory=dict)
    """The step to try again after a change, by model, in the order of the requests."""
    in_flight: dict[str, int] = field(default_factory=dict)

    def view(self, model: str) -> InstanceView:
        loaded = self.memory.state(model) not in (None, ModelState.UNLOADING)
        return InstanceView(
            index=self.index,
            holds=model in self.waiting or loaded,
            model_in_flight=self.in_flight.get(model, 0),
            in_flight=sum(self.in_flight.values()),
            free=self.memory.budget - self.memory.reserved,
        )


def replay(
    arrivals: Iterable[Arrival],
    models: Mapping[str, ModelFacts],
    shape: FleetShape,
    *,
    watch: Callable[[ModelMemory, ModelDisk], None] = lambda *_: None,
) -> ReplayResult:
    """Serve a trace, starting with empty instances, until the last answer.

    Args:
        arrivals: In any order; simultaneous ones are served in the order given.
        models: Facts of every model in the trace.
        shape: The variant.
        watch: Called with an instance's ledgers after every change.

    Raises:
        KeyError: A model is missing in ``models``.
    """
    return _Replay(list(arrivals), models, shape, watch).run()


class _Replay:
    def __init__(
        self,
        arrivals: list[Arrival],
        models: Mapping[str, ModelFacts],
        shape: FleetShape,
        watch: Callable[[ModelMemory, ModelDisk], None],
    ) -> None:
        self._arrivals = arrivals
        self._models = models
        self._shape = shape
        self._watch = watch
        self._now = 0.0
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._results: dict[int, ReplayedRequest] = {}
        self._events: list[ModelEvent] = []
        self._instances = [
            _Instance(
                index,
                ModelMemory(shape.memory, shape.keep_loaded, shape.order),
                ModelDisk(shape.disk, shape.disk_order),
            )
            for index in range(shape.instances)
        ]

    def run(self) -> ReplayResult:
        for number, arrival in enumerate(self._arrivals):
            self._at(arrival.at, functools.partial(self._arrive, number))
        while self._agenda:
            self._now, _, step = heapq.heappop(self._agenda)
            step()
        return ReplayResult(
            tuple(self._results[number] for number in range(len(self._arrivals))), tuple(self._events)
        )

    def _at(self, time: float, step: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (time, next(self._numbers), step))

    def _after(self, seconds: float, step: Callable[[], None]) -> None:
        self._at(self._now + seconds, step)

    def _record(self, instance: _Instance, action: ModelAction, model: str) -> None:
        self._events.append(ModelEvent(self._now, instance.index, action, model))

    def _arrive(self, number: int) -> None:
        model = self._arrivals[number].model
        views = [instance.view(model) for instance in self._instances]
        shape = self._shape
        instance = self._instances[choose_instance(views, spill_at=shape.spill_at, placement=shape.placement)]
        instance.in_flight[model] = instance.in_flight.get(model, 0) + 1
        if instance.memory.acquire(model):
            self._answer(instance, number, hit=True)
        elif model in instance.waiting:
            instance.waiting[model].append(number)
        else:
            instance.waiting[model] = [number]
            self._try(instance, model, lambda: self._fetch(instance, model))

    def _try(self, instance: _Instance, model: str, step: Callable[[], None]) -> None:
        """Take a step towards a load; if it is not possible yet, it is tried again after the next change."""
        instance.blocked[model] = step
        self._changed(instance)

    def _changed(self, instance: _Instance) -> None:
        for model, step in list(instance.blocked.items()):
            if instance.blocked.get(model) is step:
                step()
        self._watch(instance.memory, instance.disk)

    def _fetch(self, instance: _Instance, model: str) -> None:
        if instance.memory.state(model) is ModelState.UNLOADING:
            return
        if instance.disk.pin(model):
            instance.blocked[model] = lambda: self._reserve(instance, model)
            self._reserve(instance, model)
            return
        facts = self._models[model]
        instance.disk.begin(model)
        try:
            deleted = instance.disk.grow(model, facts.size)
        except DiskFullError:
            instance.disk.drop(model)
            self._free_disk(instance, model)
            return
        del instance.blocked[model]
        for name in deleted:
            self._record(instance, ModelAction.DELETE, name)
        self._record(instance, ModelAction.DOWNLOAD, model)
        self._after(facts.download, lambda: self._downloaded(instance, model))

    def _free_disk(self, instance: _Instance, model: str) -> None:
        """Unload an idle model, as the archives of loaded models are pinned."""
        victim = instance.memory.evict_one()
        if victim is not None:
            self._unload(instance, victim)
        elif not any(instance.memory.state(name) is ModelState.UNLOADING for name in instance.memory.models):
            self._refuse(instance, model, "the disk is full")

    def _downloaded(self, instance: _Instance, model: str) -> None:
        instance.disk.complete(model)
        instance.disk.pin(model)
        self._try(instance, model, lambda: self._reserve(instance, model))

    def _reserve(self, instance: _Instance, model: str) -> None:
        try:
            admission = instance.memory.admit(model, self._models[model].weight)
        except NoRoomError:
            return
        except TooLargeError:
            instance.disk.unpin(model)
            self._refuse(instance, model, "larger than the memory")
            return
        for name in admission.evicted:
            self._unload(instance, name)
        instance.blocked[model] = lambda: self._load(instance, model)
        self._load(instance, model)

    def _load(self, instance: _Instance, model: str) -> None:
        if instance.memory.begin_load(model):
            del instance.blocked[model]
            self._record(instance, ModelAction.LOAD, model)
            self._after(self._models[model].load, lambda: self._loaded(instance, model))

    def _loaded(self, instance: _Instance, model: str) -> None:
        instance.memory.loaded(model)
        for number in instance.waiting.pop(model):
            instance.memory.acquire(model)
            self._answer(instance, number, hit=False)
        self._changed(instance)

    def _answer(self, instance: _Instance, number: int, *, hit: bool) -> None:
        arrival = self._arrivals[number]
        self._results[number] = ReplayedRequest(instance.index, hit, self._now - arrival.at)
        self._after(arrival.answer, lambda: self._answered(instance, arrival.model))

    def _answered(self, instance: _Instance, model: str) -> None:
        instance.in_flight[model] -= 1
        if instance.memory.release(model):
            self._unload(instance, model)
        self._changed(instance)

    def _refuse(self, instance: _Instance, model: str, why: str) -> None:
        del instance.blocked[model]
        for number in instance.waiting.pop(model):
            instance.in_flight[model] -= 1
            waited = self._now - self._arrivals[number].at
            self._results[number] = ReplayedRequest(instance.index, hit=False, waited=waited, refused=why)

    def _unload(self, instance: _Instance, model: str) -> None:
        self._record(instance, ModelAction.UNLOAD, model)
        self._after(self._shape.unload, lambda: self._unloaded(instance, model))

    def _unloaded(self, instance: _Instance, model: str) -> None:
        instance.memory.unloaded(model)
        instance.disk.unpin(model)
        if not self._shape.keep_loaded:
            instance.disk.drop(model)
            self._record(instance, ModelAction.DELETE, model)
        self._changed(instance)
