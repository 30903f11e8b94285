"""A published archive on its way to a container: downloaded, checked, unpacked."""

from __future__ import annotations

import shutil
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

CHUNK = 1024 * 1024


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


def unpack(chunks: Iterable[bytes], folder: Path, *, most_bytes: int) -> Artifact:
    """Unpack a ``.tar.gz`` given in pieces into ``folder/model``, as it arrives.

    Nothing is left behind where it fails. Links, devices, and names that lead out of the folder
    are refused, and so is an archive that unpacks to more than ``most_bytes``.

    Raises:
        BadArchiveError: it is no gzipped tar, or one of the above.
    """
    model = folder / "model"
    model.mkdir(parents=True)
    total = 0
    try:
        with tarfile.open(fileobj=cast(IO[bytes], _Pieces(chunks)), mode="r|gz") as archive:
            for member in archive:
                total += _unpack_member(archive, member, model, most_bytes - total)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise BadArchiveError(f"the artifact is not a gzipped tar archive: {error}") from None
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Artifact(model, total)


def _unpack_member(archive: tarfile.TarFile, member: tarfile.TarInfo, root: Path, room: int) -> int:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts:
        raise BadArchiveError(f"the archive's member {member.name!r} leads out of its folder")
    target = root.joinpath(*name.parts)
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return 0
    if not member.isfile():
        raise BadArchiveError(f"the archive's member {member.name!r} is a link or a special file")
    if not name.parts:
        raise BadArchiveError("the archive holds a file without a name")
    if member.size > room:
        raise BadArchiveError(f"the archive unpacks to more than the disk limit at {member.name!r}")
    target.parent.mkdir(parents=True, exist_ok=True)
    source = archive.extractfile(member)
    if source is None:
        raise BadArchiveError(f"the archive's member {member.name!r} has no content")
    with source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink, CHUNK)
    return member.size


class _Pieces:
    """A readable file over an iterator of bytes: what tarfile's stream mode asks for."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks: Iterator[bytes] = iter(chunks)
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; empty at the end."""
        while len(self._rest) < size:
            piece = next(self._chunks, None)
            if piece is None:
                break
            self._rest += piece
        given, self._rest = self._rest[:size], self._rest[size:]
        return given
