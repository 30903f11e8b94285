"""The run file of a runtime: how ``down``, ``status`` and other commands find it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psutil

FILE_NAME: Final = "runtime.json"
LOGS: Final = "logs"
"""The folder in a runtime's ``workdir`` with a log for each container."""


def state_root() -> Path:
    """Return the folder of all runtimes of this user (XDG base directory specification)."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "sagemaker-mme" / "local"


def is_running(pid: int, started: float) -> bool:
    """Return whether a process still runs.

    Args:
        pid: its process id, which may have been reused.
        started: its start time, in seconds since the epoch.
    """
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < 1
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@dataclass(frozen=True, slots=True)
class RunFile:
    """A runtime, as it recorded itself at its start.

    Attributes:
        port: its port.
        pid: its process id.
        started: the process's start time, in seconds since the epoch.
        workdir: the folder of its temporary files.
        ready: whether it answers requests.
    """

    port: int
    pid: int
    started: float
    workdir: str
    ready: bool = False

    @property
    def url(self) -> str:
        """The value for ``AWS_ENDPOINT_URL``; moto needs the word localhost."""
        return f"http://localhost:{self.port}"

    @property
    def page(self) -> str:
        """The address of the status page."""
        return f"{self.url}/_mme/"

    @property
    def folder(self) -> Path:
        """The folder with the run file and the runtime's log."""
        return state_root() / str(self.port)

    def alive(self) -> bool:
        """Return whether the process still runs."""
        return is_running(self.pid, self.started)

    def write(self) -> None:
        """Write the file atomically."""
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.folder / f"{FILE_NAME}.{os.getpid()}"
        draft.write_text(json.dumps(asdict(self)))
        draft.replace(self.folder / FILE_NAME)

    def remove(self) -> None:
        """Delete the runtime's files, and the run file unless another runtime has replaced it."""
        shutil.rmtree(self.workdir, ignore_errors=True)
        current = read_run_file(self.port)
        if current is None or (current.pid, current.started) == (self.pid, self.started):
            forget(self.port)


def own_run_file(port: int, workdir: Path) -> RunFile:
    """Return the run file of this process, not written yet.

    Args:
        port: the port that it listens on.
        workdir: the folder of its temporary files.
    """
    process = psutil.Process()
    return RunFile(port, process.pid, process.create_time(), str(workdir))


def read_run_file(port: int) -> RunFile | None:
    """Return the run file of a port, whether its process runs or not; None if there is none."""
    try:
        return RunFile(**json.loads((state_root() / str(port) / FILE_NAME).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def all_run_files() -> list[RunFile]:
    """Return every run file, by port."""
    try:
        ports = [int(folder.name) for folder in state_root().iterdir() if folder.name.isdigit()]
    except OSError:
        return []
    return [found for port in sorted(ports) if (found := read_run_file(port))]


def forget(port: int) -> None:
    """Delete the folder of a port, its log included."""
    shutil.rmtree(state_root() / str(port), ignore_errors=True)
    for folder in (state_root(), state_root().parent):
        with contextlib.suppress(OSError):
            folder.rmdir()  # only if it is empty


def running() -> list[RunFile]:
    """Return the running runtimes of this user, by port; remove the files of killed ones."""
    alive = []
    for one in all_run_files():
        if one.alive():
            alive.append(one)
        else:
            one.remove()
    return alive
