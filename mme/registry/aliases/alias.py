"""One alias: its name, its target, its earlier targets, and who changed it when."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final

from mme.errors import MmeError

FORMAT: Final = 1
HISTORY_LENGTH: Final = 50
"""Changes that are stored, for people to read."""

PREVIOUS_LENGTH: Final = 20
"""Earlier targets that are stored, for rollbacks."""


@dataclass(frozen=True, slots=True)
class AliasChange:
    """One change of an alias.

    Attributes:
        target: The archive that it points at from then on.
        at: When, in UTC.
        by: Who, as they stated: nothing proves it. CloudTrail's data events do.
        action: `point` or `rollback`.
    """

    target: str
    at: datetime
    by: str
    action: str


@dataclass(frozen=True, slots=True)
class Alias:
    """One alias.

    Attributes:
        alias: `add_sub@prod`.
        target: The archive that it points at: `add_sub_v3.tar.gz`.
        previous: Earlier targets, the latest last: `rollback` returns to them.
        history: The latest changes, the newest last.
    """

    alias: str
    target: str
    previous: tuple[str, ...] = ()
    history: tuple[AliasChange, ...] = ()

    def pointed(self, target: str, *, at: datetime, by: str) -> Alias:
        """Return the alias after pointing it elsewhere.

        Args:
            target: The archive.
            at: When.
            by: Who.
        """
        previous = (*self.previous, self.target) if self.target else ()
        return self._changed(target, previous, AliasChange(target, at, by, "point"))

    def rolled_back(self, *, at: datetime, by: str) -> Alias:
        """Return the alias after going one target back. The current target is not stored as an earlier one.

        Args:
            at: When.
            by: Who.

        Raises:
            MmeError: There is no earlier target.
        """
        if not self.previous:
            raise MmeError(
                f"{self.alias} can't be rolled back; it points at {self.target} and had no earlier target",
                hint=f"point it elsewhere: mme models promote TARGET --as {self.alias}",
            )
        target = self.previous[-1]
        return self._changed(target, self.previous[:-1], AliasChange(target, at, by, "rollback"))

    def _changed(self, target: str, previous: tuple[str, ...], change: AliasChange) -> Alias:
        history = (*self.history, change)[-HISTORY_LENGTH:]
        return replace(self, target=target, previous=previous[-PREVIOUS_LENGTH:], history=history)

    def to_json(self) -> bytes:
        """Return the stored form."""
        history = [asdict(change) | {"at": change.at.isoformat()} for change in self.history]
        stored = {
            "format": FORMAT,
            "alias": self.alias,
            "target": self.target,
            "previous": list(self.previous),
            "history": history,
        }
        return json.dumps(stored, indent=1).encode()

    @classmethod
    def from_json(cls, content: bytes, url: str) -> Alias:
        """Read the stored form.

        Args:
            content: The object's content.
            url: The object's address, for messages.

        Raises:
            MmeError: It is not an alias, or was written by a later version of this toolkit.
        """
        try:
            stored: Any = json.loads(content)
            if stored["format"] != FORMAT:
                raise MmeError(
                    f"{url} was written by a later version of this toolkit (format {stored['format']})",
                    hint="update it: pip install --upgrade sagemaker-mme",
                )
            history = tuple(
                AliasChange(
                    str(change["target"]),
                    datetime.fromisoformat(change["at"]),
                    str(change["by"]),
                    str(change["action"]),
                )
                for change in stored["history"]
            )
            previous = tuple(str(target) for target in stored["previous"])
            return cls(str(stored["alias"]), str(stored["target"]), previous, history)
        except (ValueError, TypeError, KeyError) as error:
            raise MmeError(
                f"{url} is not an alias; another program wrote it",
                hint="remove it, then point the alias again",
            ) from error
