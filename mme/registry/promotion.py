"""Point aliases at published versions."""

from __future__ import annotations

from mme.errors import MmeError
from mme.registry.aliases import Alias, AliasStore
from mme.registry.aliases.alias import check_target
from mme.registry.model_store import ModelStore
from mme.registry.targets import find_target


def promote(
    store: ModelStore, aliases: AliasStore, target_model: str, alias: str, expected: str | None = None
) -> Alias:
    """Point an alias at an archive. A new alias is created.

    Args:
        store: The store with the archive.
        aliases: The aliases of that store.
        target_model: The archive.
        alias: `NAME@LABEL`.
        expected: The archive that it must point at now, `""` for none. Default: any.

    Raises:
        AliasMovedError: It does not point at `expected`.
        MmeError: There is no such archive, or it belongs to another model.
    """
    check_target(alias, target_model)
    find_target(store, target_model)
    return aliases.point(alias, target_model, expected)


def roll_back(store: ModelStore, aliases: AliasStore, alias: str) -> tuple[Alias, str]:
    """Point an alias at the archive that it pointed at before.

    Args:
        store: The store with the archives.
        aliases: The aliases of that store.
        alias: `NAME@LABEL`.

    Returns:
        The alias as it is now, and the archive that it pointed at until now.

    Raises:
        UnknownAliasError: There is no such alias.
        MmeError: There is no earlier archive, or it was removed meanwhile.
    """
    found = aliases.describe(alias)
    if found.previous and store.describe(found.previous[-1]) is None:
        raise MmeError(
            f"{alias} pointed at {found.previous[-1]} before, which was removed",
            hint=f"point it at another version: mme models promote TARGET --as {alias}",
        )
    return aliases.rollback(alias, expected=found.target), found.target
