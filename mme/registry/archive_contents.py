"""The contents of a published archive, read as a stream: one digest per file, nothing on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from mme.archives.errors import UnreadableArchiveError
from mme.archives.gzip_stream import CHUNK_BYTES, GzipStream, Limits
from mme.archives.tar_stream import TarStream, printable
from mme.archives.triton.config import CONFIG_FILE, TritonConfig, parse_config
from mme.errors import MmeError
from mme.registry.model_store import ModelStore
from mme.registry.names import object_key

_CONFIG_MAX_BYTES: Final = 1024 * 1024


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
        config_text: The config.pbtxt at its root; empty if there is none.
    """

    digest: str
    files: dict[str, ArchivedFile]
    config_text: str

    @property
    def config(self) -> TritonConfig | None:
        """The parsed config, or None if there is none that Triton accepts."""
        parsed = parse_config(self.config_text.encode()) if self.config_text else None
        return parsed if isinstance(parsed, TritonConfig) else None


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
    config = b""
    try:
        members = TarStream(GzipStream(chunks, limits, identity), limits)
        for member in members:
            path = printable("/".join(member.parts))
            if not member.is_file:
                if not member.is_directory:
                    files[path] = ArchivedFile(0, f"{member.kind!r} to {member.link}")
                continue
            digest = hashlib.sha256()
            while block := members.read(CHUNK_BYTES):
                digest.update(block)
                if path == CONFIG_FILE and len(config) < _CONFIG_MAX_BYTES:
                    config += block
            files[path] = ArchivedFile(member.size, digest.hexdigest())
    except UnreadableArchiveError as error:
        raise MmeError(
            f"{name} is damaged: {error}",
            hint="publish the model again, as a new version: mme models add PATH",
        ) from error
    return ArchiveContents(identity.hexdigest(), files, config.decode("utf-8", "replace"))


def _counted(chunks: Iterator[bytes], on_bytes: Callable[[int], None] | None) -> Iterator[bytes]:
    for chunk in chunks:
        if on_bytes:
            on_bytes(len(chunk))
        yield chunk
