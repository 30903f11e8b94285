"""Pointing aliases at models that are there."""

from __future__ import annotations

from mme.errors import MmeError
from mme.registry.aliases import Alias, AliasStore, check_alias
from mme.registry.model_store import ModelStore
from mme.registry.names import ModelName
from mme.registry.targets import find_target


def check_promotion(target_model: str, alias: str) -> None:
    """An alias stands for versions of one model.

    Raises:
        MmeError: the alias is none, or carries another model's name than the version.
    """
    name, label = check_alias(alias)
    parsed = ModelName.parse(target_model)
    if parsed and parsed.name != name:
        raise MmeError(
            f"{target_model} is a version of {parsed.name}, and {alias} is an alias of {name}",
            hint=f"did you mean {parsed.name}@{label}?",
        )


def promote(
    store: ModelStore, aliases: AliasStore, target_model: str, alias: str, expected: str | None = None
) -> Alias:
    """Makes an alias stand for an archive.

    Args:
        store: where the archive must be.
        aliases: of that store.
        target_model: the archive.
        alias: `NAME@LABEL`, made new where there is none.
        expected: where it must point now, `""` for nowhere. Default: anywhere.

    Raises:
        AliasMovedError: it does not point at `expected`.
        MmeError: there is no such archive, or it is another model's.
    """
    check_promotion(target_model, alias)
    find_target(store, target_model)
    return aliases.point(alias, target_model, expected)


def roll_back(store: ModelStore, aliases: AliasStore, alias: str) -> tuple[Alias, str]:
    """Makes an alias stand for what it stood for before.

    Returns:
        the alias as it is now, and what it stood for until now.

    Raises:
        UnknownAliasError: there is no such alias.
        MmeError: there is nothing before it, or that was removed meanwhile.
    """
    found = aliases.describe(alias)
    if found.previous and store.describe(found.previous[-1]) is None:
        raise MmeError(
            f"{alias} stood for {found.previous[-1]} before, which was removed",
            hint=f"point it at another version: mme models promote TARGET --as {alias}",
        )
    return aliases.rollback(alias, expected=found.target), found.target
