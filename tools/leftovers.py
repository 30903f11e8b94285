"""What a stopped runtime must not leave: processes and files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import psutil

_GONE_SECONDS = 5


def descendants(pid: int) -> list[psutil.Process]:
    """A process and all it started, as of now."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def still_alive(processes: Sequence[psutil.Process], *paths: Path) -> list[str]:
    """Names of what is still there after a moment's grace."""
    _, alive = psutil.wait_procs(processes, timeout=_GONE_SECONDS)
    return [f"process {process.pid}" for process in alive] + [str(path) for path in paths if path.exists()]
