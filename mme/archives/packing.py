"""From a model's directory to the bytes of its model.tar.gz: the same bytes each time.

The identity of a model is the SHA-256 of the uncompressed tar, so no compressor's version changes it.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, Protocol

from mme.archives.errors import ArchiveError
from mme.archives.model_directory import Member, ModelDirectory
from mme.findings import Finding

CHUNK_BYTES: Final = 1024 * 1024
"""Read and handed on at a time."""

IN_MEMORY_BYTES: Final = 8 * 1024 * 1024
"""Tars up to this size are compressed in one go: threads cost more than they give there (measured)."""

_COMPRESSION_LEVEL: Final = 2
"""isal's own default: 20 times as fast as tarfile's gzip level 9, for a few percent of size (measured)."""

_MTIME: Final = 315532800
"""1980-01-01 UTC, the same for every member. Not 0: GNU tar calls that implausibly old."""

_MAX_THREADS: Final = 4

_PLAIN_NAME_CHARS: Final = 100
_PLAIN_SIZE: Final = 8**11
"""Below these, a member's name and size stand in ustar's own fields (POSIX.1-1988)."""

_SIZE_FIELD: Final = slice(124, 136)
_SUM_FIELD: Final = slice(148, 156)
"""Where size and checksum stand in a header (POSIX.1-1988, "ustar Interchange Format")."""


@dataclass(frozen=True, slots=True)
class PackedArchive:
    """What was packed.

    Attributes:
        digest: SHA-256 of the uncompressed tar, in hex.
        unpacked_bytes: sum of the files' contents.
        tar_bytes: size of the uncompressed tar.
    """

    digest: str
    unpacked_bytes: int
    tar_bytes: int


class ByteSink(Protocol):
    """Where an archive goes: a file, a socket, an upload."""

    def write(self, data: bytes, /) -> object:
        """Takes all of the bytes."""

    def flush(self) -> None:
        """Passes on what it holds back, if anything."""


OnBytes = Callable[[int], None]
"""Called with the number of tar bytes just handled. What it raises stops the packing."""


def tar_size(directory: ModelDirectory) -> int:
    """Size in bytes of the uncompressed tar, without reading any file."""
    size = sum(_header_size(member) + _padded(member.size) for member in directory.members)
    return _ended(size)


def digest_directory(directory: ModelDirectory, on_bytes: OnBytes | None = None) -> PackedArchive:
    """The identity a directory's archive would have. Reads every file, compresses nothing.

    Raises:
        ArchiveError: a file vanished, changed or can't be read.
    """
    return _run(directory, lambda _: None, on_bytes)


def write_archive(
    directory: ModelDirectory, out: ByteSink, *, on_bytes: OnBytes | None = None, threads: int | None = None
) -> PackedArchive:
    """Streams a directory's tar.gz into `out`, flat: config.pbtxt lies at the archive's root.

    Args:
        directory: what to pack.
        out: it is neither closed nor asked to seek, and little is held in memory.
        on_bytes: hears of progress, in bytes of the uncompressed tar.
        threads: of compression; they change the speed, not one byte. Default: the cores, at most 4.

    Raises:
        ArchiveError: a file vanished, changed or can't be read while packing.
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
    """A small directory's archive, in memory."""
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
            padding = _padded(member.size) - member.size
            if padding:
                yield bytes(padding)
    yield bytes(_ended(size) - size)


def _header(member: Member) -> bytes:
    executable = member.is_directory or member.executable
    if not _is_plain(member):
        return _built_header(member.path, member.size, executable=executable, folder=member.is_directory)
    # All but name and size is the same in every header of a kind: filling these in is a tenth of the work.
    header = bytearray(_template(executable, member.is_directory))
    name = member.path.encode() + (b"/" if member.is_directory else b"")
    header[: len(name)] = name
    header[_SIZE_FIELD] = b"%011o\0" % member.size
    header[_SUM_FIELD] = b"%06o\0 " % sum(header)
    return bytes(header)


@cache
def _template(executable: bool, folder: bool) -> bytes:
    """A header without a name, and with what stands for a checksum while it is computed: spaces."""
    header = bytearray(_built_header("", 0, executable=executable, folder=folder))
    header[:_PLAIN_NAME_CHARS] = bytes(_PLAIN_NAME_CHARS)
    header[_SUM_FIELD] = b" " * 8
    return bytes(header)


def _built_header(path: str, size: int, *, executable: bool, folder: bool) -> bytes:
    info = tarfile.TarInfo(path)
    info.type = tarfile.DIRTYPE if folder else tarfile.REGTYPE
    info.size = size
    info.mtime = _MTIME
    # Owner and permissions of whoever packs say nothing about the model: 755 or 644, root, no names.
    info.mode = 0o755 if executable else 0o644
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _is_plain(member: Member) -> bool:
    """Whether its name and size stand in the header itself; else an extended one comes before it."""
    return member.path.isascii() and len(member.path) < _PLAIN_NAME_CHARS and member.size < _PLAIN_SIZE


def _header_size(member: Member) -> int:
    return tarfile.BLOCKSIZE if _is_plain(member) else len(_header(member))


def _content(directory: ModelDirectory, member: Member) -> Iterator[bytes]:
    try:
        # No following of links: a file swapped for one after the scan must not be packed.
        handle = os.open(f"{directory.root}/{member.path}", os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError as error:
        raise _changed(directory, member, (error.strerror or str(error)).lower()) from error
    with os.fdopen(handle, "rb", buffering=0) as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size != member.size:
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
    finding = Finding.error(
        "changed-while-packed",
        f"{member.path} changed while it was packed: {reason}",
        "let the program that writes it finish, then try again",
    )
    return ArchiveError(directory.subject, [finding])


def _padded(size: int) -> int:
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _ended(size: int) -> int:
    """With the two empty blocks of the end, filled up to a whole record."""
    return -(-(size + 2 * tarfile.BLOCKSIZE) // tarfile.RECORDSIZE) * tarfile.RECORDSIZE
