"""Which versions there are of the models that are to be published: few requests for many models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mme.registry.model_store import ModelRecord, ModelStore
from mme.registry.removed_versions import FEW_MODELS, RemovedVersions

_MODELS_A_PAGE: Final = 10
"""Models to be published for each page of a thousand keys that is worth reading: pages come one by one."""


@dataclass(frozen=True, slots=True)
class KnownVersions:
    """What there is of one model.

    Attributes:
        present: its versions, lowest first, without those marked as removed: they are about to go.
        next: the number after all that there are and were.
    """

    present: tuple[ModelRecord, ...]
    next: int


class StoreIndex:
    """What there is of some models. Threads may share it, each asking about models of its own.

    A store that is not much larger than what is published to it is listed once; of a larger one each model is
    listed by itself. Marks of removed versions are always listed after the archives (see RemovedVersions).

    Args:
        store: the store.
        names: of the models to be published.
    """

    def __init__(self, store: ModelStore, names: Sequence[str]) -> None:
        self._store = store
        self._removed = RemovedVersions(store)
        self._known: dict[str, KnownVersions] | None = None
        if len(names) <= FEW_MODELS:
            return
        listed = store.listed(max_pages=1 + len(names) // _MODELS_A_PAGE)
        if listed is None:
            return
        marks = self._removed.all()
        versions: dict[str, list[ModelRecord]] = {name: [] for name in names}
        for record in listed:
            if record.version is not None and record.name in versions:
                versions[record.name].append(record)
        self._known = {name: _known(found, marks.get(name, frozenset())) for name, found in versions.items()}

    def of(self, name: str, *, fresh: bool = False) -> KnownVersions:
        """What there is of one model.

        Args:
            name: the model's.
            fresh: asks S3 anew.
        """
        if self._known is not None and not fresh and name in self._known:
            return self._known[name]
        versions = self._store.versions(name)
        return _known(versions, self._removed.of(name))


def _known(versions: Sequence[ModelRecord], removed: frozenset[int]) -> KnownVersions:
    numbers = {record.version or 0 for record in versions} | removed
    present = tuple(record for record in versions if record.version not in removed)
    return KnownVersions(present, max(numbers, default=-1) + 1)
