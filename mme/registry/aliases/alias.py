"""One alias: its name, its target, its earlier targets, and who changed it when."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final

from mme.errors import MmeError
from mme.registry.names import check_alias, excerpt, model_of

FORMAT: Final = 1
MAX_BYTES: Final = 256 * 1024
"""Longest stored form; the longest that this toolkit writes is far shorter."""
HISTORY_LENGTH: Final = 50
"""Changes that are stored, for people to read."""

PREVIOUS_LENGTH: Final = 20
"""Earlier targets that are stored, for rollbacks."""


class UnreadableAliasError(MmeError):
    """The object of an alias holds no alias that this version of the toolkit can read.

    Args:
        alias: `NAME@LABEL`, from the object's key.
        reason: What is wrong with the object: `is not an alias: ...`.
        hint: How to fix it. Default: delete it and point the alias again.
    """

    def __init__(self, alias: str, reason: str, hint: str | None = None) -> None:
        again = f"delete it: mme models unalias {alias}; then point it again: mme models promote"
        super().__init__(f"the object of {alias} {reason}", hint=hint or again)
        self.alias = alias


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
        history: The latest changes, the newest last; empty if another program wrote the alias.
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
    def from_json(cls, content: bytes, alias: str) -> Alias:
        """Read the stored form. Whatever it holds, the alias is the one of its key.

        Args:
            content: The object's content.
            alias: `NAME@LABEL`, from the object's key.

        Raises:
            UnreadableAliasError: It is not an alias, or was written by a later version of this toolkit.
        """
        try:
            if len(content) > MAX_BYTES:
                raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
            stored: Any = json.loads(content)
            if stored["format"] != FORMAT:
                raise UnreadableAliasError(
                    alias,
                    f"was written by a later version of this toolkit (format {str(stored['format'])[:20]})",
                    "update it: pip install --upgrade sagemaker-mme",
                )
            return cls(
                alias,
                _target(alias, stored["target"]),
                tuple(_target(alias, target) for target in _list(stored["previous"])),
                tuple(_change(change) for change in _list(stored["history"])),
            )
        except KeyError as error:
            raise UnreadableAliasError(alias, f"is not an alias: it has no {error}") from error
        except TypeError as error:
            raise UnreadableAliasError(alias, "is not an alias: a value has the wrong type") from error
        except (ValueError, RecursionError) as error:
            reason = str(error) if not isinstance(error, RecursionError) else "it is nested too deeply"
            raise UnreadableAliasError(alias, f"is not an alias: {reason}") from error


def check_target(alias: str, target: str) -> None:
    """Check that an archive is of an alias's model: `NAME_vN.tar.gz`, or `NAME.tar.gz` of another publisher.

    Args:
        alias: `NAME@LABEL`.
        target: The archive.

    Raises:
        MmeError: The alias is invalid, or belongs to another model.
    """
    name, label = check_alias(alias)
    other = model_of(target)
    if other != name:
        raise MmeError(
            f"{excerpt(target)} is a version of {excerpt(other)}, and {alias} is an alias of {name}",
            hint=f"did you mean {excerpt(other)}@{label}?",
        )


def _target(alias: str, value: Any) -> str:
    target = _text(value)
    if model_of(target) != check_alias(alias)[0]:
        raise ValueError(f"{excerpt(target)} is not a version of its model")
    return target


def _change(value: Any) -> AliasChange:
    at = datetime.fromisoformat(_text(value["at"]))
    if at.tzinfo is None:
        raise ValueError("a time in its history has no time zone")
    return AliasChange(_text(value["target"]), at, _text(value["by"]), _text(value["action"]))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(value)
    return value
