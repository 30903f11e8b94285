"""The models in one instance's memory, and their eviction.

AWS: unused models are unloaded when memory runs short (developer guide, "multi-model-endpoints"). The order
is not documented: least recently used first is an assumption, and can be changed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum


class ModelState(Enum):
    """The state of a model on an instance."""

    WAITING = "waiting"
    LOADING = "loading"
    READY = "ready"
    UNLOADING = "unloading"


class EvictionOrder(Enum):
    """Which idle model is evicted first."""

    LEAST_RECENTLY_USED = "lru"
    LEAST_FREQUENTLY_USED = "lfu"
    """The one with the fewest requests since its load; of several, the least recently used."""
    FIRST_IN_FIRST_OUT = "fifo"
    """The one whose load was requested first."""


class TooLargeError(Exception):
    """The model weighs more than the whole budget.

    Args:
        model: Name of the target model.
        weight: Its bytes.
        budget: Bytes of the instance.
    """

    def __init__(self, model: str, weight: int, budget: int) -> None:
        super().__init__(f"{model} weighs {weight} bytes, more than the whole budget of {budget}")
        self.model = model
        self.weight = weight
        self.budget = budget


class NoRoomError(Exception):
    """Models in use, being loaded or being unloaded leave too little memory; try again after a change."""


@dataclass(slots=True)
class _Model:
    weight: int
    state: ModelState
    users: int = 0
    hits: int = 0
    admitted: int = 0


@dataclass(frozen=True, slots=True)
class Admission:
    """What must happen before a model can be loaded.

    Attributes:
        model: The admitted model, now WAITING.
        evicted: Models to unload first, now UNLOADING.
    """

    model: str
    evicted: tuple[str, ...] = ()


@dataclass(slots=True)
class ModelMemory:
    """The memory ledger of one instance. Every method is one transaction: it happens or raises.

    The states of a model: :meth:`admit` (WAITING, memory is reserved), :meth:`begin_load` (LOADING, once the
    evicted models are unloaded), :meth:`loaded` (READY), :meth:`evict`, :meth:`evict_one` or the admission of
    another model (UNLOADING), :meth:`unloaded`. Neither the used nor the reserved memory ever exceeds the
    budget. A model in use is never evicted.

    Args:
        budget: Bytes for all models together; at least 1.
        keep_loaded: False for ``ModelCacheSetting=Disabled``: a model is evicted right after its last use.
        order: Which idle model is evicted first.
    """

    budget: int
    keep_loaded: bool = True
    order: EvictionOrder = EvictionOrder.LEAST_RECENTLY_USED
    # Least recently used first, with running sums: a simulation makes millions of calls.
    _models: OrderedDict[str, _Model] = field(default_factory=OrderedDict)
    _used: int = 0
    _reserved: int = 0
    _admissions: int = 0

    def __post_init__(self) -> None:
        if self.budget < 1:
            raise ValueError(f"the memory budget must be at least 1 byte, got {self.budget}")

    @property
    def used(self) -> int:
        """Bytes in memory now, models being loaded or unloaded included."""
        return self._used

    @property
    def reserved(self) -> int:
        """Bytes in memory once all waiting models are loaded and all evicted ones unloaded."""
        return self._reserved

    @property
    def models(self) -> tuple[str, ...]:
        """Names of all models in any state, least recently used first."""
        return tuple(self._models)

    def state(self, model: str) -> ModelState | None:
        """Return the model's state; None if it is unknown."""
        found = self._models.get(model)
        return found.state if found else None

    def weight(self, model: str) -> int:
        """Return the model's bytes. KeyError if it is unknown."""
        return self._models[model].weight

    def hits(self, model: str) -> int:
        """Return how many requests acquired the model. KeyError if it is unknown."""
        return self._models[model].hits

    def users(self, model: str) -> int:
        """Return how many requests use the model now. KeyError if it is unknown."""
        return self._models[model].users

    def admit(self, model: str, weight: int) -> Admission:
        """Reserve memory for a model, evicting idle models if needed.

        The evicted models are UNLOADING at once: no request can acquire them any more.

        Args:
            model: Name of a target model that is in no state yet.
            weight: Bytes that it takes.

        Raises:
            TooLargeError: It weighs more than the whole budget.
            NoRoomError: Models that can't be evicted leave too little memory.
            ValueError: It has a state already, or the weight is negative.
        """
        if model in self._models:
            raise ValueError(f"{model} is {self._models[model].state.value} already")
        if weight < 0:
            raise ValueError(f"a model cannot weigh {weight} bytes")
        if weight > self.budget:
            raise TooLargeError(model, weight, self.budget)
        staying = self.reserved
        chosen: list[str] = []
        for name in self._idle():
            if staying + weight <= self.budget:
                break
            chosen.append(name)
            staying -= self._models[name].weight
        if staying + weight > self.budget:
            raise NoRoomError(f"no memory for {model}: {staying} of {self.budget} bytes are in use")
        for name in chosen:
            self._begin_unload(self._models[name])
        self._admissions += 1
        self._models[model] = _Model(weight, ModelState.WAITING, admitted=self._admissions)
        self._reserved += weight
        return Admission(model, tuple(chosen))

    def begin_load(self, model: str) -> bool:
        """Use the reserved memory. False, and no change, if evicted models are not unloaded yet.

        KeyError or ValueError if no memory is reserved.
        """
        found = self._expect(model, ModelState.WAITING)
        if self.used + found.weight > self.budget:
            return False
        found.state = ModelState.LOADING
        self._used += found.weight
        return True

    def evict_one(self, *, sparing: str | None = None) -> str | None:
        """Evict one idle model for a container that answered 507.

        Returns its name, now UNLOADING; None if no model is idle.
        """
        for name in self._idle():
            if name != sparing:
                self._begin_unload(self._models[name])
                return name
        return None

    def evict(self, model: str) -> bool:
        """Evict this model. False if it is in use or not READY."""
        found = self._models.get(model)
        if found is None or found.state is not ModelState.READY or found.users:
            return False
        self._begin_unload(found)
        return True

    def loaded(self, model: str) -> None:
        """Mark a LOADING model as READY. KeyError or ValueError if it is not LOADING."""
        self._expect(model, ModelState.LOADING).state = ModelState.READY

    def load_failed(self, model: str) -> None:
        """Release the memory of a model whose load failed, before or after it began."""
        found = self._expect(model, ModelState.WAITING, ModelState.LOADING)
        self._reserved -= found.weight
        if found.state is ModelState.LOADING:
            self._used -= found.weight
        del self._models[model]

    def unloaded(self, model: str) -> None:
        """Release the memory of an UNLOADING model."""
        self._used -= self._expect(model, ModelState.UNLOADING).weight
        del self._models[model]

    def acquire(self, model: str) -> bool:
        """Start to use a model. False, and no change, if it is not READY."""
        found = self._models.get(model)
        if found is None or found.state is not ModelState.READY:
            return False
        found.users += 1
        found.hits += 1
        self._models.move_to_end(model)
        return True

    def release(self, model: str) -> bool:
        """Stop using a model. ValueError if it is not in use.

        Returns True if it must be unloaded now; it is UNLOADING then.
        """
        found = self._models[model]
        if not found.users:
            raise ValueError(f"{model} is not in use")
        found.users -= 1
        self._models.move_to_end(model)
        return not self.keep_loaded and self.evict(model)

    def _idle(self) -> Iterable[str]:
        """Return idle models in the order of their eviction; lazily, as the first few are enough."""
        idle = (name for name, one in self._models.items() if one.state is ModelState.READY and not one.users)
        if self.order is EvictionOrder.LEAST_FREQUENTLY_USED:
            return sorted(idle, key=lambda name: self._models[name].hits)
        if self.order is EvictionOrder.FIRST_IN_FIRST_OUT:
            return sorted(idle, key=lambda name: self._models[name].admitted)
        return idle

    def _begin_unload(self, found: _Model) -> None:
        found.state = ModelState.UNLOADING
        self._reserved -= found.weight

    def _expect(self, model: str, *states: ModelState) -> _Model:
        found = self._models[model]
        if found.state not in states:
            wanted = " or ".join(state.value for state in states)
            raise ValueError(f"{model} is {found.state.value}, not {wanted}")
        return found
