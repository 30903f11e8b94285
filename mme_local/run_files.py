"""What one running runtime leaves for ``down`` and ``status`` to find: a small file a port."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

FILE_NAME = "runtime.json"
LOGS = "logs"
"""The folder in a runtime's ``workdir`` with a log for each container."""


def state_root() -> Path:
    """The folder of all runtimes of this user (XDG base directory specification)."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "sagemaker-mme" / "local"


def is_running(pid: int, started: float) -> bool:
    """Whether a process still runs: that very one, as a pid alone may be reused."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < 1
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@dataclass(frozen=True, slots=True)
class RuntimeState:
    """A runtime as it was written down at its start.

    Attributes:
        port: where it listens.
        pid: its process id.
        started: the process's start time, seconds since the epoch: a pid alone may be reused.
        workdir: its temporary files.
        ready: whether it answers requests already.
    """

    port: int
    pid: int
    started: float
    workdir: str
    ready: bool = False

    @property
    def url(self) -> str:
        """What ``AWS_ENDPOINT_URL`` is to be; moto needs the word localhost."""
        return f"http://localhost:{self.port}"

    @property
    def page(self) -> str:
        """The address of the status page, for a browser."""
        return f"{self.url}/_mme/"

    @property
    def folder(self) -> Path:
        """Where this runtime's state and log lie."""
        return state_root() / str(self.port)

    def alive(self) -> bool:
        """Whether that very process still runs."""
        return is_running(self.pid, self.started)

    def write(self) -> None:
        """Write it down, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.folder / f"{FILE_NAME}.{os.getpid()}"
        draft.write_text(json.dumps(asdict(self)))
        draft.replace(self.folder / FILE_NAME)

    def remove(self) -> None:
        """Delete this record and the files. Another runtime's on the same port stay."""
        shutil.rmtree(self.workdir, ignore_errors=True)
        now = read_state(self.port)
        if now is None or (now.pid, now.started) == (self.pid, self.started):
            forget(self.port)


def own_state(port: int, workdir: Path) -> RuntimeState:
    """The state of this process."""
    process = psutil.Process()
    return RuntimeState(port, process.pid, process.create_time(), str(workdir))


def read_state(port: int) -> RuntimeState | None:
    """The runtime written down for a port, alive or not; None where there is none."""
    try:
        return RuntimeState(**json.loads((state_root() / str(port) / FILE_NAME).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def all_states() -> list[RuntimeState]:
    """Every runtime written down, alive or not, by port."""
    try:
        ports = [int(folder.name) for folder in state_root().iterdir() if folder.name.isdigit()]
    except OSError:
        return []
    return [state for port in sorted(ports) if (state := read_state(port))]


def forget(port: int) -> None:
    """Delete the folder of a port, its log included."""
    shutil.rmtree(state_root() / str(port), ignore_errors=True)
    for folder in (state_root(), state_root().parent):
        with contextlib.suppress(OSError):
            folder.rmdir()  # only where nothing else is in it


def running() -> list[RuntimeState]:
    """All runtimes of this user that are alive, by port; what killed ones left is removed."""
    alive = []
    for state in all_states():
        if state.alive():
            alive.append(state)
        else:
            state.remove()
    return alive
