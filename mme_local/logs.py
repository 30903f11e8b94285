"""Containers' logs: appended to for as long as a runtime runs, so they must not grow for ever."""

from __future__ import annotations

import os
from pathlib import Path

MOST_BYTES = 32 * 1024 * 1024
TAIL_BYTES = 4000
"""How much of a log explains a failure."""


def tail(path: Path, most_bytes: int = TAIL_BYTES) -> str:
    """The end of a log; empty where there is none."""
    try:
        with path.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - most_bytes))
            return log.read().decode(errors="replace")
    except OSError:
        return ""


def shorten(folder: Path, most_bytes: int = MOST_BYTES) -> None:
    """Halve each log over the limit: its newer half goes to ``NAME.log.1``, and it begins anew.

    A line that is written at that very moment may be lost. The containers write in append mode, so
    they go on at the new end.
    """
    for path in folder.glob("*.log"):
        try:
            size = path.stat().st_size
            if size <= most_bytes:
                continue
            with path.open("r+b") as log:
                log.seek(size - most_bytes // 2)
                kept = log.read()
                log.truncate(0)
            path.with_name(f"{path.name}.1").write_bytes(kept[kept.find(b"\n") + 1 :])
        except FileNotFoundError:
            continue
