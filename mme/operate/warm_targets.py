"""Select the models to warm and the requests that load them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from mme.errors import MmeError
from mme.registry.names import is_alias

if TYPE_CHECKING:
    from mme.registry.model_store import ModelRecord, ModelStore

_WILD = frozenset("*?[")


def choose_targets(
    patterns: Iterable[str],
    records: Iterable[ModelRecord],
    resolve: Callable[[str], str],
    *,
    all_versions: bool = False,
) -> list[str]:
    """Return the TargetModels that match, each once, in the order of the patterns.

    Args:
        patterns: TargetModels and names without a version, which may have `*` and `?`; aliases.
        records: The published models.
        resolve: Resolves an alias to a TargetModel.
        all_versions: Match every version. Default: the newest of each name.

    Raises:
        MmeError: A pattern matches nothing.
    """
    known = {record.target_model: record for record in records}
    newest: dict[str, ModelRecord] = {}
    for record in known.values():
        before = newest.get(record.name)
        if before is None or (record.version or 0) >= (before.version or 0):
            newest[record.name] = record
    chosen: dict[str, None] = {}
    for pattern in patterns:
        if is_alias(pattern):
            found = [resolve(pattern)]
        elif pattern in known:
            found = [pattern]
        else:
            pool = known.values() if all_versions else newest.values()
            found = [one.target_model for one in pool if _matches(one, pattern)]
        if not found:
            what = "matches" if _WILD & set(pattern) else "is"
            raise MmeError(f"no published model {what} {pattern}", hint="list the models: mme models list")
        chosen.update(dict.fromkeys(found))
    return list(chosen)


def example_request(store: ModelStore) -> Callable[[str], Mapping[str, Any] | None]:
    """Return a function from TargetModel to inputs: zeros of the declared shapes; None if there are none."""
    from mme.client.warming import example_inputs

    def request(target_model: str) -> Mapping[str, Any] | None:
        record = store.describe(target_model)
        if record is None:
            raise MmeError(f"{target_model} was removed", hint="list the models: mme models list")
        return example_inputs(record.signature) if record.signature else None

    return request


def _matches(record: ModelRecord, pattern: str) -> bool:
    return fnmatchcase(record.target_model, pattern) or fnmatchcase(record.name, pattern)
