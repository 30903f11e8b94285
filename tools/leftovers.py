"""Processes and files that a stopped runtime left over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import psutil

_GONE_SECONDS = 5


def descendants(pid: int) -> list[psutil.Process]:
    """Return a process and its current descendants."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def still_alive(processes: Sequence[psutil.Process], *paths: Path) -> list[str]:
    """Return the names of processes and files that remain after a short grace period."""
    _, alive = psutil.wait_procs(processes, timeout=_GONE_SECONDS)
    return [f"process {process.pid}" for process in alive] + [str(path) for path in paths if path.exists()]
