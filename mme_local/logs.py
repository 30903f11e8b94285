"""Logs of containers: read for error messages, rotated so that they don't fill the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mme.errors import MmeError

MAX_BYTES: Final = 32 * 1024 * 1024
TAIL_BYTES: Final = 4000
"""As much of a log as explains a failure."""
_LINE_CHARS: Final = 300
_TELLS_NOTHING: Final = (
    " ",
    "\t",
    "Error: Could not create the Java Virtual Machine",
    "Error: A fatal exception has occurred",
)


def tail(path: Path, max_bytes: int = TAIL_BYTES) -> str:
    """Return the end of a log; empty if there is none.

    Args:
        path: the log.
        max_bytes: how much of it.
    """
    try:
        with path.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - max_bytes))
            return log.read().decode(errors="replace")
    except OSError:
        return ""


def last_line(path: Path, *, before: str | None = None) -> str:
    """Return the last line of a log that tells something; empty if there is none.

    Stack frames and what Java writes after each fatal error tell nothing.

    Args:
        path: the log.
        before: what the server writes after its error, such as all its help; ignored from there on.
    """
    text = tail(path) if before is None else tail(path, MAX_BYTES).partition(before)[0]
    lines = (line for line in text.splitlines() if line.strip())
    telling = [line.strip() for line in lines if not line.startswith(_TELLS_NOTHING)]
    return telling[-1][:_LINE_CHARS] if telling else ""


def start_failure(what: str, log: Path, *, hint: str = "", before: str | None = None) -> MmeError:
    """Return the error of a server that did not start, in one line.

    Args:
        what: the server, and what it did: ``Triton ended at its start``.
        log: its log, which the hint names.
        hint: what to do before reading the log.
        before: as in `last_line`.
    """
    last = last_line(log, before=before)
    reason = f"the last line of its log: {last}" if last else "its log is empty"
    return MmeError(f"{what}; {reason}", hint="; or ".join(filter(None, (hint, reading(log)))))


@contextmanager
def deleted_afterwards(log: Path) -> Iterator[None]:
    """Let hints of a failed start name a log that stays, if its own is deleted with its temporary folder."""
    try:
        yield
    except MmeError as error:
        stored = "deploy it to mme local up, which stores the whole log"
        error.hint = error.hint and error.hint.replace(reading(log), stored)
        raise


def reading(log: Path) -> str:
    """Return the hint to read a log."""
    return f"read its log: {log}"


def rotate(folder: Path, max_bytes: int = MAX_BYTES) -> None:
    """Truncate each log over the limit; its newer half is moved to ``NAME.log.1``.

    A line that is written at that moment may be lost. Containers append, so they continue at the new end.

    Args:
        folder: the folder of the logs.
        max_bytes: limit of each log.
    """
    for path in folder.glob("*.log"):
        try:
            size = path.stat().st_size
            if size <= max_bytes:
                continue
            with path.open("r+b") as log:
                log.seek(size - max_bytes // 2)
                newer = log.read()
                log.truncate(0)
            path.with_name(f"{path.name}.1").write_bytes(newer[newer.find(b"\n") + 1 :])
        except FileNotFoundError:
            continue
