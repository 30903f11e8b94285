"""Aliases: `add_sub@prod` points at one published version, and can be moved to another."""

from mme.registry.aliases.alias import Alias, AliasChange
from mme.registry.aliases.cached import CachedAliases
from mme.registry.aliases.store import AliasMovedError, AliasStore, UnknownAliasError

__all__ = [
    "Alias",
    "AliasChange",
    "AliasMovedError",
    "AliasStore",
    "CachedAliases",
    "UnknownAliasError",
]
