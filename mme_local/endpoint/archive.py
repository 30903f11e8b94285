"""Download and unpack a published archive."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mme.archives.errors import UnreadableArchiveError
from mme.archives.unpacking import unpack as unpack_archive

__all__ = ["AbandonedError", "Artifact", "BadArchiveError", "unpack"]


class BadArchiveError(Exception):
    """The archive can't be unpacked safely; the message says why."""


class AbandonedError(Exception):
    """The download is not needed any more."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """An unpacked archive.

    Attributes:
        path: The folder with its files; named ``model``, as on SageMaker.
        unpacked_bytes: Bytes of all its files.
    """

    path: Path
    unpacked_bytes: int

    def remove(self) -> None:
        """Delete it and its parent folder."""
        shutil.rmtree(self.path.parent, ignore_errors=True)


def unpack(
    chunks: Iterable[bytes],
    folder: Path,
    *,
    max_bytes: int,
    abandoned: threading.Event | None = None,
    reserve: Callable[[int], None] = lambda _: None,
) -> Artifact:
    """Unpack a ``.tar.gz`` into ``folder/model`` as it arrives. A failure leaves no folder.

    Args:
        chunks: The compressed bytes.
        folder: Created; must not exist.
        max_bytes: Limit for all files together.
        abandoned: Set from another thread to stop.
        reserve: Called with the bytes of each file before it is written. What it raises ends the unpacking.

    Raises:
        BadArchiveError: The archive is damaged, unsafe or too large; see `mme.archives.unpacking`.
        AbandonedError: ``abandoned`` was set.
        OSError: The disk is full.
    """
    model = folder / "model"
    try:
        size = unpack_archive(_until(abandoned, chunks), model, max_bytes=max_bytes, reserve=reserve)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, UnreadableArchiveError):
            raise BadArchiveError(error.finding.message) from None
        raise
    return Artifact(model, size)


def _until(abandoned: threading.Event | None, chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        if abandoned is not None and abandoned.is_set():
            raise AbandonedError
        yield chunk
