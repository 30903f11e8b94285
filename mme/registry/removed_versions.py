"""Which version numbers were used and are gone, so that none is ever used for something else.

A number must not come back: instances that loaded `add_sub_v7.tar.gz` serve it on under that name after it
was removed, and would answer for another model of the same name. The highest version that exists does not
tell, once the highest was removed. So a removal leaves a mark beside the models: an object whose key is the
number. Marks are only ever added, which needs no compare-and-swap: whoever reads all of them knows all of it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from mme.registry.aliases import state_prefix
from mme.registry.names import SUFFIX, ModelName

if TYPE_CHECKING:
    from collections.abc import Collection

    from mme.registry.model_store import ModelStore

FEW_MODELS: Final = 4
"""Up to here a listing of its own for each model is cheaper than a look at the whole store."""


class RemovedVersions:
    """The marks of one store.

    Two rules keep them true. A mark is written before its archive is deleted; and whoever looks for a free
    number lists the archives first and the marks afterwards. Then a version that is missing in the first list
    because it was just removed is in the second.

    Args:
        store: the store.
    """

    def __init__(self, store: ModelStore) -> None:
        self._store = store
        self._prefix = state_prefix(store.prefix, "removed")

    def all(self) -> dict[str, frozenset[int]]:
        """The removed versions of each model that had one removed."""
        return self._listed("")

    def of(self, name: str) -> frozenset[int]:
        """The removed versions of one model."""
        return self._listed(f"{name}_v").get(name, frozenset())

    def of_each(self, names: Collection[str]) -> dict[str, frozenset[int]]:
        """The removed versions of these models, at least.

        A few are listed one by one: who may publish under a tenant's prefix may not list others' marks.
        """
        return {name: self.of(name) for name in names} if len(names) <= FEW_MODELS else self.all()

    def record(self, target: ModelName, by: str) -> None:
        """Marks a version as used up."""
        with self._store.explained():
            self._store.s3.put_object(
                Bucket=self._store.bucket,
                Key=f"{self._prefix}{target.target_model.removesuffix(SUFFIX)}",
                Body=json.dumps({"by": by, "at": datetime.now(UTC).isoformat()}).encode(),
                ContentType="application/json",
            )

    def _listed(self, start: str) -> dict[str, frozenset[int]]:
        with self._store.explained():
            found = self._store.objects.listed(self._prefix + start) or []
        removed: dict[str, set[int]] = {}
        for item in found:
            parsed = ModelName.parse(item.key[len(self._prefix) :] + SUFFIX)
            if parsed:
                removed.setdefault(parsed.name, set()).add(parsed.version)
        return {name: frozenset(versions) for name, versions in removed.items()}
