"""Names that move: `add_sub@prod` stands for one published version today and for another tomorrow."""

from mme.registry.aliases.cached import CachedAliases
from mme.registry.aliases.document import Alias, Change
from mme.registry.aliases.names import check_alias, is_alias, state_prefix
from mme.registry.aliases.store import AliasMovedError, AliasStore, UnknownAliasError

__all__ = [
    "Alias",
    "AliasMovedError",
    "AliasStore",
    "CachedAliases",
    "Change",
    "UnknownAliasError",
    "check_alias",
    "is_alias",
    "state_prefix",
]
