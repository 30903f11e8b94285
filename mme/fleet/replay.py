"""A whole variant in simulated time: the same requests always give the same loads, waits and evictions.

The decisions are those of `mme.fleet.memory`, `mme.fleet.disk` and `mme.fleet.routing`, which the
local runtime takes with real containers; here every download, load, answer and unload takes the time
that it is said to take.
"""

from __future__ import annotations

import functools
import heapq
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from mme.fleet.disk import DiskFullError, ModelDisk
from mme.fleet.memory import (
    Admission,
    EvictionOrder,
    ModelMemory,
    ModelState,
    NoRoomError,
    TooLargeError,
)
from mme.fleet.routing import InstanceView, Placement, choose_instance


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model takes.

    Attributes:
        weight: bytes of memory.
        size: bytes of disk.
        download: seconds to bring it to the disk.
        load: seconds to load it from there.
    """

    weight: int
    size: int
    download: float
    load: float


@dataclass(frozen=True, slots=True)
class FleetShape:
    """What a variant has.

    Attributes:
        instances: how many.
        memory: bytes for models, each.
        disk: bytes for archives, each.
        spill_at: see `choose_instance`.
        keep_loaded: False for ``ModelCacheSetting=Disabled``.
        unload: seconds that an unload takes.
        order: which idle model leaves the memory first.
        disk_order: which unused archive leaves the disk first.
        placement: see `choose_instance`.
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
        at: when it comes, in seconds.
        model: its target model.
        answer: seconds that the model takes to answer.
    """

    at: float
    model: str
    answer: float


@dataclass(frozen=True, slots=True)
class Answered:
    """How one request went.

    Attributes:
        instance: which one answered, from 0.
        hit: the model was in its memory when the request came.
        waited: seconds until the model was there.
        refused: why there is no answer; None where there is one.
    """

    instance: int
    hit: bool
    waited: float
    refused: str | None = None


class Deed(Enum):
    """What an instance does to a model."""

    DOWNLOAD = "download"
    LOAD = "load"
    UNLOAD = "unload"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Event:
    """One deed, at the moment when it begins."""

    at: float
    instance: int
    deed: Deed
    model: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trace.

    Attributes:
        answers: one for each arrival, in their order.
        events: every deed, in the order of time.
    """

    answers: tuple[Answered, ...]
    events: tuple[Event, ...]


@dataclass(slots=True)
class _Instance:
    index: int
    memory: ModelMemory
    disk: ModelDisk
    waiting: dict[str, list[int]] = field(default_factory=dict)
    """Requests by the model that they wait for; a model has an entry from the wish to the load's end."""
    stalled: dict[str, Callable[[], None]] = field(default_factory=dict)
    """What to try again after a change, by model, in the order of the wishes."""
    in_flight: dict[str, int] = field(default_factory=dict)


def replay(
    arrivals: Iterable[Arrival],
    models: Mapping[str, ModelFacts],
    shape: FleetShape,
    *,
    watch: Callable[[ModelMemory, ModelDisk], None] = lambda *_: None,
) -> Outcome:
    """Serve a trace from the start with nothing loaded to the last answer.

    Args:
        arrivals: in any order; those of the same moment are served in the order given.
        models: facts of every model that is asked for.
        shape: the variant.
        watch: sees the ledgers of an instance after everything that happens there.

    Raises:
        KeyError: a request asks for a model that ``models`` does not know.
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
        self._answers: list[Answered | None] = [None] * len(arrivals)
        self._events: list[Event] = []
        self._instances = [
            _Instance(
                index,
                ModelMemory(shape.memory, shape.keep_loaded, shape.order),
                ModelDisk(shape.disk, shape.disk_order),
            )
            for index in range(shape.instances)
        ]

    def run(self) -> Outcome:
        for number, arrival in enumerate(self._arrivals):
            self._at(arrival.at, functools.partial(self._arrive, number))
        while self._agenda:
            self._now, _, happen = heapq.heappop(self._agenda)
            happen()
        answers = tuple(answer for answer in self._answers if answer is not None)
        if len(answers) != len(self._arrivals):
            raise AssertionError("a request was lost")
        return Outcome(answers, tuple(self._events))

    def _at(self, moment: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (moment, next(self._numbers), happen))

    def _after(self, seconds: float, happen: Callable[[], None]) -> None:
        self._at(self._now + seconds, happen)

    def _did(self, instance: _Instance, deed: Deed, model: str) -> None:
        self._events.append(Event(self._now, instance.index, deed, model))

    def _arrive(self, number: int) -> None:
        model = self._arrivals[number].model
        views = [_view(instance, model) for instance in self._instances]
        shape = self._shape
        chosen = choose_instance(views, spill_at=shape.spill_at, placement=shape.placement)
        instance = self._instances[chosen]
        instance.in_flight[model] = instance.in_flight.get(model, 0) + 1
        if instance.memory.acquire(model):
            self._answer(instance, number, hit=True)
        elif model in instance.waiting:
            instance.waiting[model].append(number)
        else:
            instance.waiting[model] = [number]
            self._try(instance, model, lambda: self._want(instance, model))

    def _try(self, instance: _Instance, model: str, step: Callable[[], None]) -> None:
        """Take a step of a model's way in; one that can't be taken yet stays for the next change."""
        instance.stalled[model] = step
        self._changed(instance)

    def _changed(self, instance: _Instance) -> None:
        for model, step in list(instance.stalled.items()):
            if instance.stalled.get(model) is step:
                step()
        self._watch(instance.memory, instance.disk)

    def _want(self, instance: _Instance, model: str) -> None:
        if instance.memory.state(model) is ModelState.UNLOADING:
            return
        if instance.disk.pin(model):
            instance.stalled[model] = lambda: self._book(instance, model)
            self._book(instance, model)
            return
        facts = self._models[model]
        instance.disk.begin(model)
        try:
            deleted = instance.disk.grow(model, facts.size)
        except DiskFullError:
            instance.disk.drop(model)
            self._make_disk_room(instance, model)
            return
        del instance.stalled[model]
        for name in deleted:
            self._did(instance, Deed.DELETE, name)
        self._did(instance, Deed.DOWNLOAD, model)
        self._after(facts.download, lambda: self._downloaded(instance, model))

    def _make_disk_room(self, instance: _Instance, model: str) -> None:
        """What is in memory stays on the disk: let an idle model go from both."""
        victim = instance.memory.evict_one()
        if victim is not None:
            self._unload(instance, victim)
        elif not any(instance.memory.state(name) is ModelState.UNLOADING for name in instance.memory.models):
            self._refuse(instance, model, "no room on the disk")

    def _downloaded(self, instance: _Instance, model: str) -> None:
        instance.disk.complete(model)
        instance.disk.pin(model)
        self._try(instance, model, lambda: self._book(instance, model))

    def _book(self, instance: _Instance, model: str) -> None:
        admission: Admission
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
        instance.stalled[model] = lambda: self._load(instance, model)
        self._load(instance, model)

    def _load(self, instance: _Instance, model: str) -> None:
        if instance.memory.begin_load(model):
            del instance.stalled[model]
            self._did(instance, Deed.LOAD, model)
            self._after(self._models[model].load, lambda: self._loaded(instance, model))

    def _loaded(self, instance: _Instance, model: str) -> None:
        instance.memory.loaded(model)
        for number in instance.waiting.pop(model):
            instance.memory.acquire(model)
            self._answer(instance, number, hit=False)
        self._changed(instance)

    def _answer(self, instance: _Instance, number: int, *, hit: bool) -> None:
        arrival = self._arrivals[number]
        self._answers[number] = Answered(instance.index, hit, self._now - arrival.at)
        self._after(arrival.answer, lambda: self._answered(instance, arrival.model))

    def _answered(self, instance: _Instance, model: str) -> None:
        self._leave(instance, model)
        if instance.memory.release(model):
            self._unload(instance, model)
        self._changed(instance)

    def _refuse(self, instance: _Instance, model: str, why: str) -> None:
        del instance.stalled[model]
        for number in instance.waiting.pop(model):
            self._leave(instance, model)
            self._answers[number] = Answered(
                instance.index, hit=False, waited=self._now - self._arrivals[number].at, refused=why
            )

    def _leave(self, instance: _Instance, model: str) -> None:
        instance.in_flight[model] -= 1
        if not instance.in_flight[model]:
            del instance.in_flight[model]

    def _unload(self, instance: _Instance, model: str) -> None:
        self._did(instance, Deed.UNLOAD, model)
        self._after(self._shape.unload, lambda: self._unloaded(instance, model))

    def _unloaded(self, instance: _Instance, model: str) -> None:
        instance.memory.unloaded(model)
        instance.disk.unpin(model)
        if not self._shape.keep_loaded:
            instance.disk.drop(model)
            self._did(instance, Deed.DELETE, model)
        self._changed(instance)


def _view(instance: _Instance, model: str) -> InstanceView:
    return InstanceView(
        index=instance.index,
        holds=model in instance.waiting or instance.memory.state(model) not in (None, ModelState.UNLOADING),
        model_in_flight=instance.in_flight.get(model, 0),
        in_flight=sum(instance.in_flight.values()),
        free=instance.memory.budget - instance.memory.booked,
    )
