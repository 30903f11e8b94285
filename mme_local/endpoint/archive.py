"""A published archive on its way to a container: downloaded, checked, unpacked."""

from __future__ import annotations

import errno
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Self, cast

from mme_local.endpoint.gunzip import AbandonedError, Gunzip, GunzipError, TooMuchError

__all__ = ["AbandonedError", "Artifact", "BadArchiveError", "unpack"]

CHUNK = 1024 * 1024
MOST_MEMBERS = 100_000
"""A model has some dozens of files; a million empty ones would use up the disk's inodes, not its bytes."""
MOST_DEPTH = 100
"""Folders within folders; deleting them takes a call within a call of Python's, too."""
_MOST_HEADER_BYTES = 1024 * 1024  # tarfile holds an extended header in memory, whatever size it claims
_TAR_OVERHEAD = 32 * 1024 * 1024  # headers and padding, over what the files themselves take
_EXTENDED = frozenset(
    {
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    }
)


class BadArchiveError(Exception):
    """The archive can't be unpacked safely; the message says why in plain words."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """An unpacked archive.

    Attributes:
        path: the folder that holds its files; named ``model``, as on SageMaker.
        unpacked_bytes: bytes of all its files.
    """

    path: Path
    unpacked_bytes: int

    def remove(self) -> None:
        """Delete it, its parent folder included."""
        shutil.rmtree(self.path.parent, ignore_errors=True)


class _Member(tarfile.TarInfo):
    """A header that is looked at before tarfile acts on it."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str | None, errors: str) -> Self:
        """The header in these 512 bytes. BadArchiveError where its size is a trap."""
        member = super().frombuf(buf, cast(str, encoding), errors)
        if member.size < 0:
            raise BadArchiveError(f"the archive's member {member.name!r} has a negative size")
        if member.type == tarfile.GNUTYPE_SPARSE:
            member._proc_gnusparse_10()
        if member.type in _EXTENDED and member.size > _MOST_HEADER_BYTES:
            raise BadArchiveError(f"the archive has a header of {member.size:,} bytes")
        return member

    def _proc_gnusparse_10(self, *_: object) -> None:
        """tarfile would hold a sparse file's map in memory, which is as long as the file says."""
        raise BadArchiveError("the archive holds a sparse file; pack it without `tar --sparse`")

    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10


def unpack(
    chunks: Iterable[bytes],
    folder: Path,
    *,
    most_bytes: int,
    abandoned: threading.Event | None = None,
    reserve: Callable[[int], None] = lambda _: None,
) -> Artifact:
    """Unpack a ``.tar.gz`` given in pieces into ``folder/model``, as it arrives.

    Nothing is left behind where it fails. Links, devices, sparse files, and names that lead out of
    the folder are refused, and so is an archive that unpacks to more than ``most_bytes``, has a hundred
    thousand members or a hundred folders within each other, or does not come to its proper end.

    Args:
        chunks: the compressed bytes.
        folder: made; must not exist.
        most_bytes: most bytes of all files together.
        abandoned: set from another thread to stop.
        reserve: called with the bytes of each file before it is written; what it raises ends it all.

    Raises:
        BadArchiveError: it is no gzipped tar, or one of the above.
        AbandonedError: ``abandoned`` was set.
        OSError: the disk is full, or another fault of this machine.
    """
    model = folder / "model"
    model.mkdir(parents=True)
    total = 0
    try:
        content = Gunzip(chunks, most_bytes + _TAR_OVERHEAD, abandoned)
        with tarfile.open(fileobj=cast(IO[bytes], content), mode="r|", tarinfo=_Member) as archive:
            for count, member in enumerate(archive, 1):
                if count > MOST_MEMBERS:
                    raise BadArchiveError(f"the archive has more than {MOST_MEMBERS:,} members")
                total += _unpack_member(archive, member, model, most_bytes - total, reserve)
                archive.members = []  # type: ignore[attr-defined]  # it remembers each; nobody asks
        content.finish()
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, TooMuchError):
            raise BadArchiveError("the archive unpacks to more than the disk limit") from None
        if isinstance(error, RecursionError):  # of headers that announce headers
            raise BadArchiveError("the archive has too many headers before a member") from None
        if isinstance(error, (tarfile.TarError, GunzipError, ValueError)):
            raise BadArchiveError(f"the artifact is not a gzipped tar archive: {error}") from None
        raise
    return Artifact(model, total)


def _unpack_member(
    archive: tarfile.TarFile,
    member: tarfile.TarInfo,
    root: Path,
    room: int,
    reserve: Callable[[int], None],
) -> int:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts:
        raise BadArchiveError(f"the archive's member {member.name!r} leads out of its folder")
    if not (member.isdir() or member.isfile()):
        raise BadArchiveError(f"the archive's member {member.name!r} is a link or a special file")
    if len(name.parts) > MOST_DEPTH:
        raise BadArchiveError(
            f"the archive's member {_short(member.name)!r} is in more than {MOST_DEPTH} folders"
        )
    if member.size < 0:  # as an extended header may say
        raise BadArchiveError(f"the archive's member {member.name!r} has a negative size")
    if member.isfile() and not name.parts:
        raise BadArchiveError("the archive holds a file without a name")
    if member.isfile() and member.size > room:
        raise BadArchiveError(f"the archive unpacks to more than the disk limit at {member.name!r}")
    reserve(0 if member.isdir() else member.size)
    try:
        return _write(archive, member, root.joinpath(*name.parts))
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        # A file where a folder is, a name longer than the file system takes, a NUL in a name.
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BadArchiveError(
            f"the archive's member {_short(member.name)!r} can't be written: {reason}"
        ) from None


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> int:
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return 0
    target.parent.mkdir(parents=True, exist_ok=True)
    source = archive.extractfile(member)
    if source is None:
        raise BadArchiveError(f"the archive's member {member.name!r} has no content")
    with source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink, CHUNK)
    return member.size


def _short(name: str) -> str:
    return name if len(name) <= 80 else f"{name[:77]}..."
