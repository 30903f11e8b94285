"""The run file of a local endpoint: how ``down``, ``status`` and other commands find it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psutil

from mme.errors import MmeError

FILE_NAME: Final = "runtime.json"
WORKDIR_PREFIX: Final = "mme-local-"
LOGS: Final = "logs"
"""The folder in a local endpoint's ``workdir`` with a log for each container."""
_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - of Triton's python backend


def state_root() -> Path:
    """Return the folder of all local endpoints of this user (XDG base directory specification)."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "sagemaker-mme" / "local"


def is_running(pid: int, started: float) -> bool:
    """Return whether a process still runs.

    Args:
        pid: its process id, which may have been reused.
        started: its start time, in seconds since the epoch.
    """
    try:
        return _is_used(pid) and abs(psutil.Process(pid).create_time() - started) < 1
    except psutil.NoSuchProcess:
        return False


def _is_used(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@dataclass(frozen=True, slots=True)
class RunFile:
    """A local endpoint, as it recorded itself at its start.

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
        """The folder with the run file and the local endpoint's log."""
        return state_root() / str(self.port)

    def alive(self) -> bool:
        """Return whether the process still runs."""
        return is_running(self.pid, self.started)

    def write(self) -> None:
        """Write the file atomically. Raises MmeError if another user could change it."""
        make_folder(self.port)
        draft = self.folder / f"{FILE_NAME}.{os.getpid()}"
        draft.write_text(json.dumps(asdict(self)))
        draft.replace(self.folder / FILE_NAME)

    def remove(self) -> None:
        """Delete the local endpoint's files, and the run file unless another one has replaced it."""
        workdir = Path(self.workdir)
        if workdir.name.startswith(WORKDIR_PREFIX) and is_private(workdir):
            shutil.rmtree(workdir, ignore_errors=True)
        if not _is_used(self.pid):  # it was killed: its Tritons could not remove theirs
            for region in _SHARED_MEMORY.glob(f"mme_{self.pid}_*"):
                with contextlib.suppress(OSError):
                    region.unlink()
        current = read_run_file(self.port)
        if current is None or (current.pid, current.started) == (self.pid, self.started):
            forget(self.port)


def is_private(folder: Path) -> bool:
    """Return whether a path is a folder, not a link, that belongs to this user and no other can change."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def make_folder(port: int) -> Path:
    """Return the folder of a port, made if it is missing.

    Raises:
        MmeError: It can't be made, or another user has made it or could change it.
    """
    root = state_root()
    hint = "set XDG_STATE_HOME to a folder of your own"
    try:
        root.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_parent(root.parent.parent, hint)
        for folder in (root.parent, root, root / str(port)):
            folder.mkdir(mode=0o700, exist_ok=True)
            if not is_private(folder):
                raise MmeError(
                    f"{folder} is not a folder that only you can change", hint=f"delete it, or {hint}"
                )
    except OSError as error:
        raise MmeError(f"{root / str(port)} can't be made: {error.strerror}", hint=hint) from None
    return root / str(port)


def check_parent(folder: Path, hint: str) -> None:
    """Raise MmeError if another user could replace what this user makes in a folder.

    Args:
        folder: The folder.
        hint: How to use another one.
    """
    found = folder.stat()
    shared = found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX
    if shared or found.st_uid not in (os.geteuid(), 0):
        raise MmeError(f"other users can replace files in {folder}; it is theirs, or open to all", hint=hint)


def own_run_file(port: int, workdir: Path) -> RunFile:
    """Return the run file of this process, not written yet.

    Args:
        port: the port that it listens on.
        workdir: the folder of its temporary files.
    """
    process = psutil.Process()
    return RunFile(port, process.pid, process.create_time(), str(workdir))


def read_run_file(port: int) -> RunFile | None:
    """Return the run file of a port, whether its process runs or not; None if there is none of this user."""
    folder = state_root() / str(port)
    try:
        return RunFile(**json.loads((folder / FILE_NAME).read_text())) if is_private(folder) else None
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
    if is_private(state_root() / str(port)):
        shutil.rmtree(state_root() / str(port), ignore_errors=True)
    for folder in (state_root(), state_root().parent):
        with contextlib.suppress(OSError):
            folder.rmdir()  # only if it is empty


def running() -> list[RunFile]:
    """Return the running local endpoints of this user, by port; remove the files of killed ones."""
    alive = []
    for one in all_run_files():
        if one.alive():
            alive.append(one)
        else:
            one.remove()
    return alive
