"""Which unpacked archives one instance keeps on its disk, and which are deleted when others need the room.

AWS: a model that was unloaded stays on the instance's volume, and is deleted only when the volume is
full (developer guide, "multi-model-endpoints"). In which order, nobody publishes: least recently used
first is our assumption.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mme.fleet.memory import EvictionOrder


class DiskFullError(Exception):
    """What may not be deleted leaves too little room.

    Args:
        model: the target model's name.
        wanted: bytes that it was to take in all.
        budget: what the disk has, in bytes.
    """

    def __init__(self, model: str, wanted: int, budget: int) -> None:
        super().__init__(f"no room on the disk for {model}: it takes {wanted} bytes or more of {budget}")
        self.model = model
        self.wanted = wanted
        self.budget = budget


@dataclass(slots=True)
class _Kept:
    size: int = 0
    complete: bool = False
    pinned: bool = False
    last_use: int = 0
    begun: int = 0
    uses: int = 0


@dataclass(slots=True)
class ModelDisk:
    """The disk ledger of one instance. Every method is one transaction: it happens or raises.

    An archive comes in by :meth:`begin`, :meth:`grow` for each piece before it is written, and
    :meth:`complete`. It may be deleted while it is complete and not pinned.

    Args:
        budget: bytes that all unpacked archives together may take; at least 1.
        order: which archive is deleted first. AWS says "unused models", in no stated order.
    """

    budget: int
    order: EvictionOrder = EvictionOrder.LEAST_RECENTLY_USED
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _ticks: int = 0

    def __post_init__(self) -> None:
        if self.budget < 1:
            raise ValueError(f"the disk budget must be at least 1 byte, got {self.budget}")

    @property
    def used(self) -> int:
        """Bytes taken now, archives that are still coming in included."""
        return sum(kept.size for kept in self._kept.values())

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that has bytes here or is coming in, least recently used first."""
        return tuple(sorted(self._kept, key=lambda name: self._kept[name].last_use))

    def holds(self, model: str) -> bool:
        """Whether the whole archive is here."""
        return model in self._kept and self._kept[model].complete

    def size(self, model: str) -> int:
        """Bytes it takes. KeyError where it is not here."""
        return self._kept[model].size

    def begin(self, model: str) -> None:
        """An archive starts to come in. ValueError where it is here, or coming in, already."""
        if model in self._kept:
            raise ValueError(f"{model} is on the disk already")
        now = self._tick()
        self._kept[model] = _Kept(last_use=now, begun=now)

    def grow(self, model: str, more: int) -> tuple[str, ...]:
        """Take ``more`` bytes for an archive that is coming in.

        Returns the models that must be deleted before the bytes are written; they are not here any more.

        Raises:
            DiskFullError: deleting everything that may be deleted is not enough; nothing is deleted.
            KeyError, ValueError: it is not coming in, or ``more`` is negative.
        """
        growing = self._kept[model]
        if growing.complete or more < 0:
            raise ValueError(f"{model} can't grow by {more} bytes")
        used = self.used
        chosen: list[str] = []
        for name in self._leaving():
            if used + more <= self.budget:
                break
            chosen.append(name)
            used -= self._kept[name].size
        if used + more > self.budget:
            raise DiskFullError(model, growing.size + more, self.budget)
        for name in chosen:
            del self._kept[name]
        growing.size += more
        return tuple(chosen)

    def complete(self, model: str) -> None:
        """All of it is written. KeyError where it was not coming in."""
        self._kept[model].complete = True
        self._kept[model].last_use = self._tick()

    def pin(self, model: str) -> bool:
        """Start to use it: it may not be deleted until :meth:`unpin`. False where it is not (all) here."""
        kept = self._kept.get(model)
        if kept is None or not kept.complete:
            return False
        kept.pinned = True
        kept.uses += 1
        kept.last_use = self._tick()
        return True

    def unpin(self, model: str) -> None:
        """Nobody uses it any more. Does nothing where nobody did."""
        kept = self._kept.get(model)
        if kept is not None and kept.pinned:
            kept.pinned = False
            kept.last_use = self._tick()

    def drop(self, model: str) -> bool:
        """Forget it, complete or not, pinned or not. False where it is not here."""
        return self._kept.pop(model, None) is not None

    def _leaving(self) -> list[str]:
        """Archives that may be deleted, the first to go first."""
        idle = [name for name in self.models if self._kept[name].complete and not self._kept[name].pinned]
        if self.order is EvictionOrder.LEAST_FREQUENTLY_USED:
            idle.sort(key=lambda name: self._kept[name].uses)
        elif self.order is EvictionOrder.FIRST_IN_FIRST_OUT:
            idle.sort(key=lambda name: self._kept[name].begun)
        return idle

    def _tick(self) -> int:
        self._ticks += 1
        return self._ticks
