"""Aliases: `add_sub@prod` points at one published version, and can be moved to another."""

from mme.registry.aliases.alias import Alias, AliasChange, UnreadableAliasError
from mme.registry.aliases.cached import CachedAliases
from mme.registry.aliases.store import AliasListing, AliasMovedError, AliasStore, UnknownAliasError

__all__ = [
    "Alias",
    "AliasChange",
    "AliasListing",
    "AliasMovedError",
    "AliasStore",
    "CachedAliases",
    "UnknownAliasError",
    "UnreadableAliasError",
]
