"""The archives on one instance's disk, and their eviction.

AWS: an unloaded model stays on the instance's volume until the volume is full (developer guide,
"multi-model-endpoints"). The order of eviction is not documented: least recently used first is an assumption.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from mme.fleet.memory import EvictionOrder


class DiskFullError(Exception):
    """Archives in use leave too little space.

    Args:
        model: Name of the target model.
        wanted: Bytes that it takes in all, as far as known.
        budget: Bytes of the disk.
    """

    def __init__(self, model: str, wanted: int, budget: int) -> None:
        super().__init__(f"the disk is full for {model}: it takes {wanted} bytes or more of {budget}")
        self.model = model
        self.wanted = wanted
        self.budget = budget


@dataclass(slots=True)
class _Archive:
    size: int = 0
    complete: bool = False
    pinned: bool = False
    begun: int = 0
    uses: int = 0


@dataclass(slots=True)
class ModelDisk:
    """The disk ledger of one instance. Every method is one transaction: it happens or raises.

    A download calls :meth:`begin`, :meth:`grow` before each write, and :meth:`complete`. A complete archive
    can be evicted while it is not pinned.

    Args:
        budget: Bytes for all unpacked archives together; at least 1.
        order: Which archive is evicted first.
    """

    budget: int
    order: EvictionOrder = EvictionOrder.LEAST_RECENTLY_USED
    # Least recently used first, with a running sum: a simulation makes millions of calls.
    _archives: OrderedDict[str, _Archive] = field(default_factory=OrderedDict)
    _used: int = 0
    _downloads: int = 0

    def __post_init__(self) -> None:
        if self.budget < 1:
            raise ValueError(f"the disk budget must be at least 1 byte, got {self.budget}")

    @property
    def used(self) -> int:
        """Bytes taken now, incomplete archives included."""
        return self._used

    @property
    def models(self) -> tuple[str, ...]:
        """All models, incomplete ones included, least recently used first."""
        return tuple(self._archives)

    def holds(self, model: str) -> bool:
        """Whether the archive is complete."""
        return model in self._archives and self._archives[model].complete

    def begin(self, model: str) -> None:
        """Start a download. ValueError if the model is on the disk already."""
        if model in self._archives:
            raise ValueError(f"{model} is on the disk already")
        self._downloads += 1
        self._archives[model] = _Archive(begun=self._downloads)

    def grow(self, model: str, more: int) -> tuple[str, ...]:
        """Reserve bytes for a download.

        Args:
            model: Name of the target model.
            more: Bytes to write next.

        Returns:
            The evicted models, whose files must be deleted before the bytes are written.

        Raises:
            DiskFullError: Evicting every unpinned archive is not enough; none is evicted.
            KeyError, ValueError: It is not being downloaded, or ``more`` is negative.
        """
        growing = self._archives[model]
        if growing.complete or more < 0:
            raise ValueError(f"{model} can't grow by {more} bytes")
        used = self.used
        chosen: list[str] = []
        # Usually there is room: looking for what could go takes time for each pinned archive.
        for name in self._evictable() if used + more > self.budget else ():
            chosen.append(name)
            used -= self._archives[name].size
            if used + more <= self.budget:
                break
        if used + more > self.budget:
            raise DiskFullError(model, growing.size + more, self.budget)
        for name in chosen:
            del self._archives[name]
        growing.size += more
        self._used = used + more
        return tuple(chosen)

    def complete(self, model: str) -> None:
        """Finish a download. KeyError if it was not begun."""
        self._archives[model].complete = True
        self._archives.move_to_end(model)

    def pin(self, model: str) -> bool:
        """Prevent eviction until :meth:`unpin`. False if the archive is not complete."""
        archive = self._archives.get(model)
        if archive is None or not archive.complete:
            return False
        archive.pinned = True
        archive.uses += 1
        self._archives.move_to_end(model)
        return True

    def unpin(self, model: str) -> None:
        """Allow eviction again; do nothing if it was not pinned."""
        archive = self._archives.get(model)
        if archive is not None and archive.pinned:
            archive.pinned = False
            self._archives.move_to_end(model)

    def drop(self, model: str) -> bool:
        """Remove it, even if it is incomplete or pinned. False if it is not on the disk."""
        dropped = self._archives.pop(model, None)
        self._used -= dropped.size if dropped else 0
        return dropped is not None

    def _evictable(self) -> Iterable[str]:
        """Return archives in the order of their eviction; lazily, as the first few are enough."""
        idle = (name for name, one in self._archives.items() if one.complete and not one.pinned)
        if self.order is EvictionOrder.LEAST_FREQUENTLY_USED:
            return sorted(idle, key=lambda name: self._archives[name].uses)
        if self.order is EvictionOrder.FIRST_IN_FIRST_OUT:
            return sorted(idle, key=lambda name: self._archives[name].begun)
        return idle
