"""Remove models from a store, except those that an alias needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from mme.errors import MmeError
from mme.registry.aliases import Alias, AliasStore, UnreadableAliasError
from mme.registry.model_store import ModelRecord, ModelStore
from mme.registry.names import ModelName, check_alias
from mme.registry.targets import find_target
from mme.registry.versions import RemovedVersions


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """What pruning would remove.

    Attributes:
        remove: Versions to remove, by name and version.
        needed_by_alias: Older versions that stay: an alias points at them, or would after a rollback.
        unreadable: Aliases that can't be read; all versions of their models stay.
    """

    remove: tuple[ModelRecord, ...]
    needed_by_alias: tuple[ModelRecord, ...]
    unreadable: tuple[UnreadableAliasError, ...] = ()


def find_removable(store: ModelStore, aliases: AliasStore, targets: Sequence[str]) -> list[ModelRecord]:
    """Return the archives to remove, after checking that all of them may be removed.

    Args:
        store: The store.
        aliases: The aliases of that store.
        targets: The archives' names.

    Raises:
        MmeError: An archive does not exist, an alias points at it, or an alias of its model can't be read.
    """
    records = [find_target(store, target) for target in dict.fromkeys(targets)]
    listing = aliases.all()
    for record in records:
        for error in listing.unreadable:
            if check_alias(error.alias)[0] == record.name:
                raise MmeError(
                    f"{record.target_model} can't be removed; {error.message}, so it may point at it",
                    hint=error.hint,
                )
        names = [alias.alias for alias in listing.aliases if alias.target == record.target_model]
        if names:
            raise MmeError(
                f"{record.target_model} can't be removed; {' and '.join(names)} points at it",
                hint=f"point the alias elsewhere first: mme models promote TARGET --as {names[0]}; "
                f"or delete it: mme models unalias {names[0]}",
            )
    return records


def remove_models(store: ModelStore, records: Sequence[ModelRecord], *, by: str) -> None:
    """Delete archives. Their version numbers are never used again.

    Instances that loaded one serve it until they unload it: SageMaker does not notice a deletion.

    Args:
        store: The store.
        records: From `find_removable` or `plan_prune`.
        by: Who removes them, for the marks.
    """
    marks = RemovedVersions(store)
    for record in records:
        if record.version is not None:
            # Before the deletion: see RemovedVersions.
            marks.record(ModelName(record.name, record.version), by)
        store.delete(record.target_model)


def plan_prune(
    store: ModelStore, aliases: AliasStore, keep: int, names: Sequence[str] | None = None
) -> PrunePlan:
    """Find the versions that are older than the newest `keep` of their model and that no alias needs.

    An alias needs its target and the target of its next rollback. One that can't be read may need any version
    of its model.

    Args:
        store: The store.
        aliases: The aliases of that store.
        keep: Versions to keep of each model, 1 or more.
        names: Models to prune. Default: all. Archives not named `NAME_vN.tar.gz` are never pruned.

    Raises:
        MmeError: `keep` is below 1, or there is no model of a name.
    """
    if keep < 1:
        raise MmeError(
            f"{keep} is not a number of versions to keep",
            hint="keep 1 or more; mme models remove deletes all",
        )
    versions = [record for record in store.listed() or [] if record.version is not None]
    present = {record.name for record in versions}
    for name in names or ():
        if name not in present:
            raise MmeError(
                f"there is no model {name} in {store.url}", hint="list the models: mme models list"
            )
    listing = aliases.all()
    needed = _needed(listing.aliases)
    unreadable = {check_alias(error.alias)[0]: error for error in listing.unreadable}
    remove: list[ModelRecord] = []
    stay: list[ModelRecord] = []
    for name, group in groupby(versions, key=lambda record: record.name):
        if names is not None and name not in names:
            continue
        for record in list(group)[:-keep]:
            (stay if record.target_model in needed or name in unreadable else remove).append(record)
    return PrunePlan(tuple(remove), tuple(stay), listing.unreadable)


def _needed(aliases: Sequence[Alias]) -> set[str]:
    return {alias.target for alias in aliases} | {alias.previous[-1] for alias in aliases if alias.previous}
