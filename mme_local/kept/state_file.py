"""The file that holds the state: a line that says what it is, and a pickle."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from mme_local.kept.disk import sync_folder

_FORMAT: Final = 1
_LONGEST_LINE: Final = 4096


class StateUnreadableError(Exception):
    """There is a state, but not for us.

    Attributes:
        path: of the file that is not right.
        reason: in words.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class StateFile:
    """One file, replaced as a whole.

    Args:
        path: in a folder of ours.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, pickle: bytes) -> None:
        """Have this state in the file: whoever reads finds it, or the one before it.

        Raises:
            OSError: it can't be written; the one before stays.
        """
        says = {**_made_by(), "bytes": len(pickle), "sha256": hashlib.sha256(pickle).hexdigest()}
        draft = self.path.with_suffix(".draft")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(json.dumps(says).encode() + b"\n" + pickle)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        sync_folder(self.path.parent)

    def read(self) -> bytes | None:
        """The pickle; None where nothing was ever kept.

        A pickle is code, so nobody else may have been able to write one.

        Raises:
            StateUnreadableError: it is damaged, another version's, or may be somebody else's.
        """
        try:
            refuse_others(self.path.parent, self.path.parent.stat())
            with self.path.open("rb") as file:
                refuse_others(self.path, os.fstat(file.fileno()))
                said = self._said(file.readline(_LONGEST_LINE))
                pickle = file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateUnreadableError(self.path, error.strerror or type(error).__name__) from None
        self._compare(said)
        if len(pickle) != said.get("bytes"):
            raise StateUnreadableError(
                self.path, f"it is damaged: it holds {len(pickle)} of {said.get('bytes')} bytes"
            )
        if hashlib.sha256(pickle).hexdigest() != said.get("sha256"):
            raise StateUnreadableError(self.path, "it is damaged: its checksum is wrong")
        return pickle

    def _said(self, line: bytes) -> dict[str, Any]:
        try:
            said = json.loads(line)
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise StateUnreadableError(self.path, "it is damaged: its first line is not what it was")
        return said

    def _compare(self, said: dict[str, Any]) -> None:
        here = _made_by()
        differ = [name for name in here if said.get(name) != here[name]]
        if differ:
            wrote = ", ".join(f"{name} {said.get(name)}" for name in differ)
            reads = ", ".join(f"{name} {here[name]}" for name in differ)
            raise StateUnreadableError(self.path, f"it was written by {wrote}; this is {reads}")


def refuse_others(path: Path, facts: os.stat_result) -> None:
    """Make sure that nobody but this user has written there.

    Raises:
        StateUnreadableError: somebody else may have.
    """
    if facts.st_uid != os.geteuid():
        raise StateUnreadableError(path, "it belongs to another user")
    if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StateUnreadableError(path, "others may write to it, and reading it runs code")


@cache
def _made_by() -> dict[str, Any]:
    """What can read what it wrote itself."""
    return {
        "format": _FORMAT,
        "sagemaker-mme": version("sagemaker-mme"),
        "moto": version("moto"),
        "Python": f"{sys.version_info.major}.{sys.version_info.minor}",
    }
