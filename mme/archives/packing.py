"""Pack a model's directory into a model.tar.gz, the same bytes each time.

The identity of a model is the SHA-256 of the uncompressed tar, so that no compressor's version changes it.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from mme.archives.errors import ArchiveError
from mme.archives.model_directory import Member, ModelDirectory, open_file
from mme.findings import Finding

CHUNK_BYTES: Final = 1024 * 1024
"""Bytes read and passed on at a time."""

IN_MEMORY_BYTES: Final = 8 * 1024 * 1024
"""Tars up to this size are compressed in one call: threads cost more than they save there (measured)."""

_COMPRESSION_LEVEL: Final = 2
"""isal's default: 20 times as fast as tarfile's gzip level 9, for a few percent of size (measured)."""

_MTIME: Final = 315532800
"""1980-01-01 UTC, for every member. Not 0: GNU tar calls that implausibly old."""

_MAX_THREADS: Final = 4


@dataclass(frozen=True, slots=True)
class PackedArchive:
    """What was packed.

    Attributes:
        digest: SHA-256 of the uncompressed tar, in hex.
        unpacked_bytes: Sum of the files' contents.
        tar_bytes: Size of the uncompressed tar.
    """

    digest: str
    unpacked_bytes: int
    tar_bytes: int


class ByteSink(Protocol):
    """Where an archive is written to: a file, a socket, an upload."""

    def write(self, data: bytes, /) -> object:
        """Write all of the bytes."""

    def flush(self) -> None:
        """Pass on what is buffered."""


OnBytes = Callable[[int], None]
"""Called with the number of tar bytes just processed. What it raises stops the packing."""


def tar_size(directory: ModelDirectory) -> int:
    """Return the size in bytes of the uncompressed tar, without reading any file."""
    return _ended(sum(len(_header(member)) + _padded(member.size) for member in directory.members))


def digest_directory(directory: ModelDirectory, on_bytes: OnBytes | None = None) -> PackedArchive:
    """Return the identity that a directory's archive would have. Reads every file, compresses nothing.

    Args:
        directory: What would be packed.
        on_bytes: Receives the progress, in bytes of the uncompressed tar.

    Raises:
        ArchiveError: A file is gone, changed or can't be read.
    """
    return _run(directory, lambda _: None, on_bytes)


def write_archive(
    directory: ModelDirectory, out: ByteSink, *, on_bytes: OnBytes | None = None, threads: int | None = None
) -> PackedArchive:
    """Stream a directory's tar.gz, flat: config.pbtxt is at the archive's root.

    Args:
        directory: What to pack.
        out: Receives the archive; neither closed nor sought. Little is held in memory.
        on_bytes: Receives the progress, in bytes of the uncompressed tar.
        threads: Of compression; they change the speed, not the bytes. Default: the cores, at most 4.

    Raises:
        ArchiveError: A file is gone, changed or can't be read while packing.
    """
    from isal import igzip, igzip_threaded

    if tar_size(directory) <= IN_MEMORY_BYTES:
        buffer = io.BytesIO()
        packed = _run(directory, buffer.write, on_bytes)
        out.write(igzip.compress(buffer.getbuffer(), _COMPRESSION_LEVEL, mtime=0))
        return packed
    threads = threads or max(1, min(_MAX_THREADS, os.cpu_count() or 1))
    with igzip_threaded.open(  # type: ignore[no-untyped-call]
        out, "wb", compresslevel=_COMPRESSION_LEVEL, threads=threads, block_size=CHUNK_BYTES
    ) as compressed:
        return _run(directory, compressed.write, on_bytes)


def pack_directory(directory: ModelDirectory, on_bytes: OnBytes | None = None) -> tuple[PackedArchive, bytes]:
    """Return a small directory's archive, with what was packed.

    Args:
        directory: What to pack.
        on_bytes: Receives the progress, in bytes of the uncompressed tar.
    """
    buffer = io.BytesIO()
    packed = write_archive(directory, buffer, on_bytes=on_bytes)
    return packed, buffer.getvalue()


def _run(
    directory: ModelDirectory, write: Callable[[bytes], object], on_bytes: OnBytes | None
) -> PackedArchive:
    identity = hashlib.sha256()
    total = 0
    for block in _tar_blocks(directory):
        identity.update(block)
        write(block)
        total += len(block)
        if on_bytes:
            on_bytes(len(block))
    return PackedArchive(identity.hexdigest(), directory.unpacked_bytes, total)


def _tar_blocks(directory: ModelDirectory) -> Iterator[bytes]:
    size = 0
    for member in directory.members:
        header = _header(member)
        yield header
        size += len(header) + _padded(member.size)
        if not member.is_directory:
            yield from _content(directory, member)
            if padding := _padded(member.size) - member.size:
                yield bytes(padding)
    yield bytes(_ended(size) - size)


def _header(member: Member) -> bytes:
    info = tarfile.TarInfo(member.path)
    info.type = tarfile.DIRTYPE if member.is_directory else tarfile.REGTYPE
    info.size = member.size
    info.mtime = _MTIME
    # The packer's owner and permissions are no part of the model: 755 or 644, root, no names.
    info.mode = 0o755 if member.is_directory or member.executable else 0o644
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _content(directory: ModelDirectory, member: Member) -> Iterator[bytes]:
    try:
        opened = open_file(directory.root, member.file)
    except OSError as error:
        raise _changed(directory, member, (error.strerror or str(error)).lower()) from error
    with opened as file:
        status = os.fstat(file.fileno())
        if status.st_size != member.size:
            raise _changed(directory, member, f"its size was {member.size} and is {status.st_size} bytes")
        left = member.size
        while left:
            try:
                block = file.read(min(CHUNK_BYTES, left))
            except OSError as error:
                raise _changed(directory, member, (error.strerror or str(error)).lower()) from error
            if not block:
                raise _changed(directory, member, f"it ended {left} bytes early")
            left -= len(block)
            yield block


def _changed(directory: ModelDirectory, member: Member, reason: str) -> ArchiveError:
    text = f"{member.path} changed while it was packed: {reason}"
    hint = "let the program that writes it finish, then try again"
    return ArchiveError(directory.subject, [Finding.error("changed-while-packed", text, hint)])


def _padded(size: int) -> int:
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _ended(size: int) -> int:
    """Return a tar's size with its end mark of two empty blocks, filled up to a whole record."""
    return -(-(size + 2 * tarfile.BLOCKSIZE) // tarfile.RECORDSIZE) * tarfile.RECORDSIZE
