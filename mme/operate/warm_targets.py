"""Which models to warm, and what to call them with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from mme.errors import MmeError
from mme.registry.aliases import is_alias

if TYPE_CHECKING:
    from mme.registry import ModelRecord, ModelStore

_WILD = frozenset("*?[")


def choose_targets(
    patterns: Iterable[str],
    records: Iterable[ModelRecord],
    resolve: Callable[[str], str],
    *,
    all_versions: bool = False,
) -> list[str]:
    """The TargetModels meant, each once, in the order of the patterns.

    Args:
        patterns: TargetModels, names without a version, either with `*` and `?`, and aliases.
        records: the published models.
        resolve: says what an alias stands for.
        all_versions: of what a pattern matches, take every version. Default: the newest of each name.

    Raises:
        MmeError: nothing is of that name, or none matches.
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
            raise MmeError(f"no published model {what} {pattern}", hint="see what there is: mme models list")
        chosen.update(dict.fromkeys(found))
    return list(chosen)


def example_request(store: ModelStore) -> Callable[[str], Mapping[str, Any] | None]:
    """Gives zeros of the shapes that a model declares, or None where its shapes are not known."""
    from mme.client.warming import example_inputs

    def request(target_model: str) -> Mapping[str, Any] | None:
        record = store.describe(target_model)
        if record is None:
            raise MmeError(f"there is no {target_model} any more", hint="see what there is: mme models list")
        return example_inputs(record.signature) if record.signature else None

    return request


def _matches(record: ModelRecord, pattern: str) -> bool:
    return fnmatchcase(record.target_model, pattern) or fnmatchcase(record.name, pattern)
