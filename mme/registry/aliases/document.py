"""One alias as it is stored: where it points, where it pointed before, who changed it when."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from mme.errors import MmeError

FORMAT: Final = 1
HISTORY_LENGTH: Final = 50
"""Changes kept for people to read."""

PREVIOUS_LENGTH: Final = 20
"""Targets that rollbacks can go back to, one after the other."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of an alias.

    Attributes:
        target: where it pointed from then on.
        at: when, in UTC.
        by: who, as they said themselves: nothing proves it. CloudTrail's data events do.
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
        target: the archive it stands for: `add_sub_v3.tar.gz`.
        previous: targets before this one, the latest last: what `rollback` goes back to.
        history: the latest changes, the newest last.
    """

    alias: str
    target: str
    previous: tuple[str, ...]
    history: tuple[Change, ...]

    def pointed(self, target: str, *, at: datetime, by: str) -> Alias:
        """The alias after pointing it elsewhere."""
        return replace(
            self,
            target=target,
            previous=(*self.previous, self.target)[-PREVIOUS_LENGTH:],
            history=(*self.history, Change(target, at, by, "point"))[-HISTORY_LENGTH:],
        )

    def rolled_back(self, *, at: datetime, by: str) -> Alias:
        """The alias after going one target back; the one it leaves is forgotten as a way back.

        Raises:
            MmeError: there is none before this one.
        """
        if not self.previous:
            raise MmeError(
                f"{self.alias} points at {self.target} and at nothing before it, so there is no way back",
                hint=f"point it elsewhere: mme models promote TARGET --as {self.alias}",
            )
        target = self.previous[-1]
        return replace(
            self,
            target=target,
            previous=self.previous[:-1],
            history=(*self.history, Change(target, at, by, "rollback"))[-HISTORY_LENGTH:],
        )

    def to_json(self) -> bytes:
        """What is stored."""
        stored = {
            "format": FORMAT,
            "alias": self.alias,
            "target": self.target,
            "previous": list(self.previous),
            "history": [
                {
                    "target": change.target,
                    "at": change.at.isoformat(),
                    "by": change.by,
                    "action": change.action,
                }
                for change in self.history
            ],
        }
        return json.dumps(stored, ensure_ascii=False, indent=1).encode()

    @classmethod
    def from_json(cls, content: bytes, url: str) -> Alias:
        """Reads what `to_json` wrote.

        Raises:
            MmeError: it is something else, or of a later version of this toolkit.
        """
        try:
            stored: Any = json.loads(content)
            if stored["format"] != FORMAT:
                raise MmeError(
                    f"{url} was written by a later version of this toolkit (format {stored['format']})",
                    hint="update it: pip install --upgrade sagemaker-mme",
                )
            return cls(
                alias=str(stored["alias"]),
                target=str(stored["target"]),
                previous=tuple(str(target) for target in stored["previous"]),
                history=tuple(
                    Change(
                        str(change["target"]),
                        datetime.fromisoformat(change["at"]),
                        str(change["by"]),
                        str(change["action"]),
                    )
                    for change in stored["history"]
                ),
            )
        except (ValueError, TypeError, KeyError) as error:
            raise MmeError(
                f"{url} is no alias: somebody else wrote it", hint="remove it, then point the alias anew"
            ) from error
