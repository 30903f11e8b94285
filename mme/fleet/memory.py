"""Which models one instance holds in memory, and which leave when another needs the room.

AWS says that unused models are unloaded when memory runs short (developer guide,
"multi-model-endpoints"); it never says in which order. Least recently used first is our assumption,
and there are others to choose.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class ModelState(Enum):
    """Where a model stands on an instance."""

    WAITING = "waiting"
    LOADING = "loading"
    READY = "ready"
    UNLOADING = "unloading"


class EvictionOrder(Enum):
    """Which idle model leaves first."""

    LEAST_RECENTLY_USED = "lru"
    LEAST_FREQUENTLY_USED = "lfu"
    """Fewest requests since its load; of those, the least recently used."""
    FIRST_IN_FIRST_OUT = "fifo"
    """The one whose load was asked for first."""


class TooLargeError(Exception):
    """The model weighs more than the whole budget: no eviction can make room for it.

    Args:
        model: the target model's name.
        weight: what it weighs, in bytes.
        budget: what the instance has, in bytes.
    """

    def __init__(self, model: str, weight: int, budget: int) -> None:
        super().__init__(f"{model} weighs {weight} bytes, more than the whole budget of {budget}")
        self.model = model
        self.weight = weight
        self.budget = budget


class NoRoomError(Exception):
    """Everything that would have to leave is in use or on its way; try again after a change."""


@dataclass(slots=True)
class _Held:
    weight: int
    state: ModelState
    users: int = 0
    last_use: int = 0
    hits: int = 0
    admitted: int = 0


@dataclass(frozen=True, slots=True)
class Admission:
    """What must happen before a model may be loaded.

    Attributes:
        model: the model that asked for room. It is booked as WAITING from now on.
        evicted: models now UNLOADING, in the order of their eviction; unload them, then begin to load.
    """

    model: str
    evicted: tuple[str, ...] = ()


@dataclass(slots=True)
class ModelMemory:
    """The memory ledger of one instance. Every method is one transaction: it happens or raises.

    A model's way: :meth:`admit` (WAITING: room is promised), :meth:`begin_load` (LOADING, once
    those who leave have left), :meth:`loaded` (READY), and out by :meth:`evict`, :meth:`evict_one` or
    another's admission (UNLOADING) to :meth:`unloaded`. What lies in the memory is never more than
    the budget, and neither is what will lie there once all promises are kept. A model with users is
    never chosen to leave.

    Args:
        budget: bytes that all models together may weigh; at least 1.
        keep_loaded: False for ``ModelCacheSetting=Disabled``: a model leaves right after its last use.
        order: which idle model leaves first.
    """

    budget: int
    keep_loaded: bool = True
    order: EvictionOrder = EvictionOrder.LEAST_RECENTLY_USED
    _held: dict[str, _Held] = field(default_factory=dict)
    _ticks: int = 0

    def __post_init__(self) -> None:
        if self.budget < 1:
            raise ValueError(f"the memory budget must be at least 1 byte, got {self.budget}")

    @property
    def used(self) -> int:
        """Bytes that lie in the memory now, models on their way in or out included."""
        return sum(held.weight for held in self._held.values() if held.state is not ModelState.WAITING)

    @property
    def booked(self) -> int:
        """Bytes in the memory once everybody who leaves has left and everybody who waits is in."""
        return sum(held.weight for held in self._held.values() if held.state is not ModelState.UNLOADING)

    @property
    def models(self) -> tuple[str, ...]:
        """Names of all booked models, least recently used first."""
        return tuple(sorted(self._held, key=lambda name: self._held[name].last_use))

    def state(self, model: str) -> ModelState | None:
        """The model's state here, or None where the instance does not hold it."""
        held = self._held.get(model)
        return held.state if held else None

    def weight(self, model: str) -> int:
        """Bytes booked for the model. KeyError where the instance does not hold it."""
        return self._held[model].weight

    def hits(self, model: str) -> int:
        """How many requests found the model ready. KeyError where it is not held."""
        return self._held[model].hits

    def users(self, model: str) -> int:
        """Requests that use the model now. KeyError where the instance does not hold it."""
        return self._held[model].users

    def admit(self, model: str, weight: int) -> Admission:
        """Promise room to a model that is to be loaded, naming the idle models that must leave.

        The named models turn to UNLOADING at once: nobody can start to use them any more.

        Args:
            model: the target model's name; must not be held already.
            weight: bytes it will take.

        Raises:
            TooLargeError: it is heavier than the whole budget.
            NoRoomError: the models in use or on their way leave too little room.
            ValueError: it is held already, or the weight is negative.
        """
        if model in self._held:
            raise ValueError(f"{model} is held already ({self._held[model].state.value})")
        if weight < 0:
            raise ValueError(f"a model cannot weigh {weight} bytes")
        if weight > self.budget:
            raise TooLargeError(model, weight, self.budget)
        staying = self.booked
        chosen: list[str] = []
        for name in self._idle():
            if staying + weight <= self.budget:
                break
            chosen.append(name)
            staying -= self._held[name].weight
        if staying + weight > self.budget:
            raise NoRoomError(f"no room for {model}: {staying} of {self.budget} bytes are in use")
        for name in chosen:
            self._held[name].state = ModelState.UNLOADING
        now = self._tick()
        self._held[model] = _Held(weight, ModelState.WAITING, last_use=now, admitted=now)
        return Admission(model, tuple(chosen))

    def begin_load(self, model: str) -> bool:
        """Take the promised room. False where those who leave are not all gone; then nothing has changed.

        KeyError or ValueError where no room was promised.
        """
        held = self._expect(model, ModelState.WAITING)
        if self.used + held.weight > self.budget:
            return False
        held.state = ModelState.LOADING
        return True

    def evict_one(self, *, sparing: str | None = None) -> str | None:
        """Choose one idle model to leave, for a container that answered 507.

        Returns its name, now UNLOADING, or None where nothing can leave.
        """
        for name in self._idle():
            if name != sparing:
                self._held[name].state = ModelState.UNLOADING
                return name
        return None

    def evict(self, model: str) -> bool:
        """Choose this model to leave. False where it is in use, on its way or not held."""
        held = self._held.get(model)
        if held is None or held.state is not ModelState.READY or held.users:
            return False
        held.state = ModelState.UNLOADING
        return True

    def loaded(self, model: str) -> None:
        """The container has the model. KeyError or ValueError where no load was booked."""
        self._expect(model, ModelState.LOADING).state = ModelState.READY

    def load_failed(self, model: str) -> None:
        """The load came to nothing, before or after it began: its room is free again."""
        self._expect(model, ModelState.WAITING, ModelState.LOADING)
        del self._held[model]

    def unloaded(self, model: str) -> None:
        """The container let go of the model: its room is free again."""
        self._expect(model, ModelState.UNLOADING)
        del self._held[model]

    def acquire(self, model: str) -> bool:
        """Start to use a model. False where it is not READY; then nothing has changed."""
        held = self._held.get(model)
        if held is None or held.state is not ModelState.READY:
            return False
        held.users += 1
        held.hits += 1
        held.last_use = self._tick()
        return True

    def release(self, model: str) -> bool:
        """Stop using a model that :meth:`acquire` gave. ValueError where nobody uses it.

        True where it must leave at once; it is UNLOADING then.
        """
        held = self._held[model]
        if not held.users:
            raise ValueError(f"{model} is not in use")
        held.users -= 1
        held.last_use = self._tick()
        return not self.keep_loaded and self.evict(model)

    def _idle(self) -> list[str]:
        """Models that may leave, the first to leave first."""
        idle = [
            name
            for name in self.models
            if self._held[name].state is ModelState.READY and not self._held[name].users
        ]
        if self.order is EvictionOrder.LEAST_FREQUENTLY_USED:
            idle.sort(key=lambda name: self._held[name].hits)
        elif self.order is EvictionOrder.FIRST_IN_FIRST_OUT:
            idle.sort(key=lambda name: self._held[name].admitted)
        return idle

    def _expect(self, model: str, *states: ModelState) -> _Held:
        held = self._held[model]
        if held.state not in states:
            wanted = " or ".join(state.value for state in states)
            raise ValueError(f"{model} is {held.state.value}, not {wanted}")
        return held

    def _tick(self) -> int:
        self._ticks += 1
        return self._ticks
