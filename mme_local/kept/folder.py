"""The folder of one runtime below ``--folder``, which one runtime has at a time."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Final

from mme.errors import MmeError

STATE: Final = "state"
LOCK: Final = "lock"
_LOCK_SECONDS: Final = 1.0
_LOCK_POLL_SECONDS: Final = 0.05


class FolderLock:
    """The lock of a folder. The system lets go of it when its process ends, however that ends.

    Args:
        folder: must be there.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK
        self._file: int | None = None

    def take(self) -> bool:
        """Whether it is ours from now on; False where another process, or another lock here, has it.

        Raises:
            OSError: the folder can't be used.
        """
        import fcntl  # not on Windows, where a runtime can't run, but its commands say so

        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        os.ftruncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode(), 0)
        self._file = file
        return True

    def holder(self) -> str:
        """The process that has it, as far as it said so."""
        try:
            return self._path.read_text() or "unknown"
        except OSError:
            return "unknown"

    def release(self) -> None:
        """Let go; the file stays, as another process may have opened it already."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class RuntimeFolder:
    """``DIR/port-N``: a state that stays, and all else of a runtime, which does not.

    Args:
        folder: ``DIR``.
        port: ``N``.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self._given = folder
        self.path = folder.expanduser().absolute() / f"port-{port}"
        self._lock = FolderLock(self.path)

    @property
    def state(self) -> Path:
        """Where the state lies."""
        return self.path / STATE

    def open(self, *, fresh: bool = False) -> None:
        """Have the folder for ourselves, with nothing in it but the state.

        Args:
            fresh: not even that.

        Raises:
            MmeError: it can't be used, or another runtime has it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not self._take():
                raise MmeError(
                    f"the folder {self.path} is in use by another local runtime "
                    f"(process {self._lock.holder()})",
                    hint="stop that one, or take another folder or port: mme local up --folder DIR --port N",
                )
            self._clear({LOCK} if fresh else {LOCK, STATE})
            self.state.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            self._lock.release()
            raise MmeError(
                f"the folder {self._given} can't be used: {error.strerror}",
                hint="take another one by --folder or MME_LOCAL_FOLDER",
            ) from None

    def close(self) -> None:
        """Let others have it."""
        self._lock.release()

    def _take(self) -> bool:
        """The system may take a moment to let go of the lock of a runtime that was killed."""
        deadline = time.monotonic() + _LOCK_SECONDS
        while not self._lock.take():
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOCK_POLL_SECONDS)
        return True

    def _clear(self, kept: set[str]) -> None:
        for path in self.path.iterdir():
            if path.name in kept:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
