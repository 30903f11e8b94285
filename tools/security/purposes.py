"""The purpose of each permission, which the security tables show."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mme.errors import MmeError
from tools.security.policies import Permission

TABLE: Final = Path(__file__).with_name("purposes.toml")


@dataclass(frozen=True)
class Purpose:
    """The purpose of permissions that match.

    Attributes:
        holder: Regular expression for the name of the role or resource.
        actions: Actions with this purpose.
        why: The purpose, for security reviewers.
        principal: Regular expression for the principal. Default: any.
        resource: Part of the first resource. Default: any.
    """

    holder: str
    actions: tuple[str, ...]
    why: str
    principal: str = ".*"
    resource: str = ""

    def explains(self, permission: Permission) -> bool:
        """Return whether the permission matches."""
        return (
            re.fullmatch(self.holder, permission.holder) is not None
            and permission.action in self.actions
            and re.fullmatch(self.principal, permission.principal) is not None
            and self.resource in (permission.resources or ("",))[0]
        )


def _purposes() -> Iterator[Purpose]:
    for holder, lines in tomllib.loads(TABLE.read_text("utf-8")).items():
        for key, text in lines.items():
            rest, _, resource = key.partition(" on ")
            actions, _, principal = rest.partition(" by ")
            yield Purpose(holder, tuple(actions.split()), text, principal or ".*", resource)


PURPOSES: Final = tuple(_purposes())


def why(permission: Permission) -> str:
    """Return the purpose of a permission.

    Raises:
        MmeError: No purpose matches.
    """
    found = [purpose for purpose in PURPOSES if purpose.explains(permission)]
    if not found:
        raise MmeError(
            f"{permission.holder} may {permission.action} and no purpose explains it",
            hint="remove the permission, or add its purpose to tools/security/purposes.toml",
        )
    return found[0].why
