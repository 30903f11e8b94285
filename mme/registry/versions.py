"""Which version numbers of a model are in use, were used, and are free.

A number is never used again: instances that loaded `add_sub_v7.tar.gz` serve it under that name after it was
removed, so another model must not take the name. If the highest version was removed, the listing no longer
shows it. So each removal leaves a mark: a small object outside the models' prefix whose key has the number.
Marks are only ever added.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from mme.registry.model_store import ModelRecord, ModelStore
from mme.registry.names import SUFFIX, ModelName, state_prefix

_FEW_MODELS: Final = 4
"""Up to this number, one listing per model is cheaper than a listing of the whole store."""

_MODELS_PER_PAGE: Final = 10
"""The whole store is listed if it has at most one page of 1000 objects for each ten models to publish."""


class RemovedVersions:
    """The marks of one store.

    Two rules make them reliable. A mark is written before its archive is deleted. A search for a free number
    lists the archives first and the marks second. So a version that is missing in the first list, because it
    was just removed, is in the second.

    Args:
        store: The store.
    """

    def __init__(self, store: ModelStore) -> None:
        self._store = store
        self._prefix = state_prefix(store.prefix, "removed")

    def all(self) -> dict[str, frozenset[int]]:
        """Return the removed versions of each model that has any."""
        return self._listed("")

    def of(self, name: str) -> frozenset[int]:
        """Return the removed versions of one model."""
        return self._listed(f"{name}_v").get(name, frozenset())

    def of_each(self, names: Collection[str]) -> dict[str, frozenset[int]]:
        """Return the removed versions of these models, at least.

        A few are listed one by one: a publisher of one tenant may not list the marks of others.
        """
        return {name: self.of(name) for name in names} if len(names) <= _FEW_MODELS else self.all()

    def record(self, target: ModelName, by: str) -> None:
        """Mark a version as removed.

        Args:
            target: The version.
            by: Who removes it.
        """
        with self._store.explained():
            self._store.s3.put_object(
                Bucket=self._store.bucket,
                Key=f"{self._prefix}{target.target_model.removesuffix(SUFFIX)}",
                Body=json.dumps({"by": by, "at": datetime.now(UTC).isoformat()}).encode(),
                ContentType="application/json",
            )

    def _listed(self, start: str) -> dict[str, frozenset[int]]:
        removed: dict[str, set[int]] = {}
        for item in self._store.list_objects(self._prefix + start) or []:
            parsed = ModelName.parse(item["Key"][len(self._prefix) :] + SUFFIX)
            if parsed:
                removed.setdefault(parsed.name, set()).add(parsed.version)
        return {name: frozenset(versions) for name, versions in removed.items()}


@dataclass(frozen=True, slots=True)
class KnownVersions:
    """The versions of one model.

    Attributes:
        present: The versions, lowest first, without those marked as removed, which are about to be deleted.
        next: The first number that was never used.
    """

    present: tuple[ModelRecord, ...]
    next: int


class VersionIndex:
    """The versions of the models that are published together. Threads may share it.

    A store that is not much larger than what is published is listed once; in a larger one, each model is
    listed by itself.

    Args:
        store: The store.
        names: The models to be published.
    """

    def __init__(self, store: ModelStore, names: Sequence[str]) -> None:
        self._store = store
        self._removed = RemovedVersions(store)
        self._known: dict[str, KnownVersions] = {}
        if len(names) <= _FEW_MODELS:
            return
        listed = store.listed(max_pages=1 + len(names) // _MODELS_PER_PAGE)
        if listed is None:
            return
        removed = self._removed.all()
        versions: dict[str, list[ModelRecord]] = {name: [] for name in names}
        for record in listed:
            if record.version is not None and record.name in versions:
                versions[record.name].append(record)
        self._known = {
            name: _known(found, removed.get(name, frozenset())) for name, found in versions.items()
        }

    def of(self, name: str, *, fresh: bool = False) -> KnownVersions:
        """Return the versions of one model.

        Args:
            name: The model's name.
            fresh: Ask S3 again.
        """
        if not fresh and name in self._known:
            return self._known[name]
        return _known(self._store.versions(name), self._removed.of(name))


def _known(versions: Sequence[ModelRecord], removed: frozenset[int]) -> KnownVersions:
    numbers = {record.version or 0 for record in versions} | removed
    present = tuple(record for record in versions if record.version not in removed)
    return KnownVersions(present, max(numbers, default=-1) + 1)
