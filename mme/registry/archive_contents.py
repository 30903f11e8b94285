"""The contents of a published archive, read as a stream: one digest per file, nothing on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from mme.archives.contents import ContentReader, Contents
from mme.archives.errors import UnreadableArchiveError
from mme.archives.gzip_stream import CHUNK_BYTES, GzipStream, Limits
from mme.archives.model_directory import Member
from mme.archives.tar_stream import TarStream, printable
from mme.errors import MmeError
from mme.registry.model_store import ModelStore
from mme.registry.names import object_key


class ByteStream(Protocol):
    """The compressed bytes of an archive."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes; none at the end."""


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """One file, link or special file.

    Attributes:
        size: In bytes; 0 for links and special files.
        digest: SHA-256 of its content, or what kind of link it is and to what.
    """

    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class ArchiveContents:
    """The files of an archive.

    Attributes:
        digest: SHA-256 of the uncompressed tar: the identity of published content.
        files: Everything but directories, by path.
        contents: Its files and directories with what their content says, as a container's rules read them.
    """

    digest: str
    files: dict[str, ArchivedFile]
    contents: Contents


@contextmanager
def open_archive(store: ModelStore, target_model: str) -> Iterator[ByteStream]:
    """Yield the bytes of an archive in S3 as a stream.

    Args:
        store: The store.
        target_model: The archive.

    Raises:
        MmeError: The bucket does not exist or access is denied.
    """
    with store.explained():
        answer = store.s3.get_object(Bucket=store.bucket, Key=object_key(store.prefix, target_model))
        body: Any = answer["Body"]
    try:
        yield body
    finally:
        body.close()


def read_contents(
    stream: ByteStream, name: str, on_bytes: Callable[[int], None] | None = None
) -> ArchiveContents:
    """Read a tar.gz to its end.

    Args:
        stream: The compressed bytes.
        name: The archive's name in messages.
        on_bytes: Called with the number of compressed bytes of each block.

    Raises:
        MmeError: It is damaged or not a tar.gz.
    """
    identity = hashlib.sha256()
    chunks = _counted(iter(partial(stream.read, CHUNK_BYTES), b""), on_bytes)
    limits = Limits()
    files: dict[str, ArchivedFile] = {}
    members: dict[str, Member] = {}
    unpacked = GzipStream(chunks, limits, identity)
    reader = ContentReader(lambda: unpacked.packed_bytes)
    try:
        entries = TarStream(unpacked, limits)
        for entry in entries:
            path = printable("/".join(entry.parts))
            if not entry.is_file:
                if entry.is_directory:
                    members[path] = Member(path, 0, is_directory=True)
                else:
                    files[path] = ArchivedFile(0, f"{entry.kind!r} to {entry.link}")
                continue
            content = _HashedContent(entries)
            if not entry.sparse and reader.wants(path, entry.size):
                reader.read(path, entry.size, content)
            content.skip(entry.size)
            files[path] = ArchivedFile(entry.size, content.digest)
            members[path] = Member(path, entry.size, is_directory=False)
    except UnreadableArchiveError as error:
        raise MmeError(
            f"{name} is damaged: {error}",
            hint="publish the model again, as a new version: mme models add PATH",
        ) from error
    return ArchiveContents(identity.hexdigest(), files, Contents(members.values(), reader.notes))


class _HashedContent:
    """The content of the current member, hashed as it is read or dropped."""

    def __init__(self, stream: TarStream) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()

    @property
    def digest(self) -> str:
        """SHA-256 of what was read and dropped."""
        return self._digest.hexdigest()

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`; none at the end."""
        block = self._stream.read(size)
        self._digest.update(block)
        return block

    def skip(self, size: int, /) -> int:
        """Drop the next bytes, at most `size`; return how many there were."""
        dropped = 0
        while block := self.read(min(CHUNK_BYTES, size - dropped)):
            dropped += len(block)
        return dropped


def _counted(chunks: Iterator[bytes], on_bytes: Callable[[int], None] | None) -> Iterator[bytes]:
    for chunk in chunks:
        if on_bytes:
            on_bytes(len(chunk))
        yield chunk
