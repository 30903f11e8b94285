"""Bodies of S3 objects as files: written once, read where they lie, removed when nothing needs them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

from mme_local.kept.disk import sync_folder

_CHUNK_BYTES: Final = 1024 * 1024


class BodyVanishedError(Exception):
    """The object was deleted before its body was written."""


class BodyMissingError(Exception):
    """A body's file is not there, or is not as long as it was.

    Attributes:
        path: of the file.
        reason: in words.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class KeptBody:
    """A body in a file, with the methods that moto and the data plane use of theirs.

    The file is open only while it is read: there may be more objects than a process can have open files.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.closed = False
        self._position = 0

    def seek(self, position: int) -> int:
        """Read from there next."""
        self._check()
        self._position = position
        return position

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes from the position on; all of them by default."""
        self._check()
        with self.path.open("rb", buffering=0) as file:
            file.seek(self._position)
            content = file.readall() if size < 0 else file.read(size)
        self._position += len(content)
        return content

    def close(self) -> None:
        """Let nobody read any more, as of a deleted object. The file goes when no snapshot names it."""
        self.closed = True

    def _check(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")


class Bodies:
    """The files of one folder. For one thread at a time, but for reading.

    Args:
        folder: made when the first body is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: WeakKeyDictionary[Any, str] = WeakKeyDictionary()

    def name_of(self, buffer: object) -> str | None:
        """The file that holds what a buffer holds; None where none does yet."""
        return self._names.get(buffer)

    def open(self, name: str) -> KeptBody:
        """A body by its file's name."""
        body = KeptBody(self._folder / name)
        self._names[body] = name
        return body

    def check(self, name: str, size: int) -> None:
        """Make sure of a file.

        Raises:
            BodyMissingError: it is not there, or not of that size in bytes.
        """
        path = self._folder / name
        try:
            found = path.stat().st_size
        except OSError as error:
            raise BodyMissingError(path, error.strerror or "it can't be read") from None
        if found != size:
            raise BodyMissingError(path, f"it has {found} of {size} bytes")

    @staticmethod
    def new_name() -> str:
        """A name that no file has."""
        return uuid.uuid4().hex

    def write(self, name: str, chunks: Iterator[bytes]) -> None:
        """Write a body, through to the disk; of one that can't be written whole nothing stays."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._folder / name
        try:
            with path.open("xb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def sync(self) -> None:
        """Have the disk know of the files that were written, and not of their content only."""
        sync_folder(self._folder)

    def assign(self, buffer: object, name: str) -> None:
        """Say that a file holds what a buffer holds."""
        self._names[buffer] = name

    def sweep(self, needed: Collection[str]) -> None:
        """Remove every file that is not needed."""
        with suppress(OSError):  # the next one does it
            for path in self._folder.iterdir():
                if path.name not in needed:
                    path.unlink(missing_ok=True)


def chunks_of(buffer: Any, lock: Any) -> Iterator[bytes]:
    """What moto holds of a body, piece by piece; others read the same buffer, so each piece is looked up.

    Raises:
        BodyVanishedError: the object is deleted meanwhile.
    """
    position = 0
    while True:
        with lock:
            if buffer.closed:
                raise BodyVanishedError
            buffer.seek(position)
            chunk = buffer.read(_CHUNK_BYTES)
        if not chunk:
            return
        position += len(chunk)
        yield chunk
