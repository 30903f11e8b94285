"""Taking models out of a store, but none that an alias stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from mme.errors import MmeError
from mme.registry.aliases import Alias, AliasStore
from mme.registry.model_store import ModelRecord, ModelStore
from mme.registry.names import ModelName, object_key
from mme.registry.removed_versions import RemovedVersions
from mme.registry.targets import find_target


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """What pruning would remove.

    Attributes:
        remove: versions to go, by name and version.
        kept_for_alias: older versions that stay: an alias stands for them, or would after a rollback.
    """

    remove: tuple[ModelRecord, ...]
    kept_for_alias: tuple[ModelRecord, ...]


def find_removable(store: ModelStore, aliases: AliasStore, targets: Sequence[str]) -> list[ModelRecord]:
    """The archives to remove, all of which may be.

    Raises:
        MmeError: one does not exist, or an alias stands for it.
    """
    records = [find_target(store, target) for target in dict.fromkeys(targets)]
    pointing = aliases.all()
    for record in records:
        names = [alias.alias for alias in pointing if alias.target == record.target_model]
        if names:
            raise MmeError(
                f"{record.target_model} is what {' and '.join(names)} stands for, so it was not removed",
                hint=f"point the alias elsewhere first: mme models promote TARGET --as {names[0]}; "
                f"or delete it: mme models unalias {names[0]}",
            )
    return records


def remove_models(store: ModelStore, records: Sequence[ModelRecord], *, by: str) -> None:
    """Deletes archives. Their version numbers are used up for good.

    Instances that loaded one serve it on until they unload it: SageMaker is told nothing of a deletion.

    Args:
        store: where.
        records: what, from `find_removable` or a plan to prune.
        by: who, for the mark that stays.
    """
    marks = RemovedVersions(store)
    for record in records:
        if record.version is not None:
            # Before the deletion: see RemovedVersions.
            marks.record(ModelName(record.name, record.version), by)
        with store.explained():
            store.s3.delete_object(Bucket=store.bucket, Key=object_key(store.prefix, record.target_model))


def plan_prune(
    store: ModelStore, aliases: AliasStore, keep: int, names: Sequence[str] | None = None
) -> PrunePlan:
    """Which versions are older than the newest `keep` of their model, and not needed by an alias.

    An alias needs what it stands for and what its next rollback would go back to.

    Args:
        store: where.
        aliases: of that store.
        keep: versions to keep of each model, 1 or more.
        names: models to prune. Default: all. Archives not named `NAME_vN.tar.gz` are never pruned.

    Raises:
        MmeError: `keep` is below 1, or there is no model of a name.
    """
    if keep < 1:
        raise MmeError(
            f"{keep} versions can't be kept", hint="keep 1 or more; mme models remove takes the rest"
        )
    versions = [record for record in store.listed() or [] if record.version is not None]
    present = {record.name for record in versions}
    for name in names or ():
        if name not in present:
            raise MmeError(
                f"there is no model {name} in {store.url}", hint="see what there is: mme models list"
            )
    needed = _needed(aliases.all())
    remove: list[ModelRecord] = []
    kept: list[ModelRecord] = []
    for name, group in groupby(versions, key=lambda record: record.name):
        if names is not None and name not in names:
            continue
        for record in list(group)[:-keep]:
            (kept if record.target_model in needed else remove).append(record)
    return PrunePlan(tuple(remove), tuple(kept))


def _needed(aliases: Sequence[Alias]) -> set[str]:
    return {alias.target for alias in aliases} | {alias.previous[-1] for alias in aliases if alias.previous}
