"""What is in a published archive, read as it streams by: nothing is kept but a line for each file."""

from __future__ import annotations

import hashlib
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, Final, Protocol

from mme.archives.triton.config import CONFIG_FILE, TritonConfig, parse_config
from mme.errors import MmeError
from mme.registry.model_store import ModelStore
from mme.registry.names import object_key

_BLOCK: Final = 1024 * 1024
_CONFIG_MAX_BYTES: Final = 1024 * 1024


class ByteStream(Protocol):
    """Where an archive comes from."""

    def read(self, size: int = -1, /) -> bytes:
        """At most so many bytes; none at the end."""


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """One regular file.

    Attributes:
        size: in bytes.
        digest: SHA-256 of its content.
    """

    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class ArchiveContents:
    """What an archive holds.

    Attributes:
        digest: SHA-256 of the uncompressed tar: the identity that publishing gave it.
        files: by path.
        others: what is neither a regular file nor a directory.
        config_text: of config.pbtxt at its root; empty where there is none.
    """

    digest: str
    files: dict[str, ArchivedFile]
    others: tuple[str, ...]
    config_text: str

    @property
    def config(self) -> TritonConfig | None:
        """The parsed config, or None where there is none that Triton would take."""
        parsed = parse_config(self.config_text.encode()) if self.config_text else None
        return parsed if isinstance(parsed, TritonConfig) else None


@contextmanager
def open_archive(store: ModelStore, target_model: str) -> Iterator[ByteStream]:
    """The bytes of an archive in S3, as they come.

    Raises:
        MmeError: S3 refuses.
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
    """Reads a tar.gz to its end.

    Args:
        stream: the compressed bytes.
        name: what messages call it.
        on_bytes: hears of the compressed bytes read.

    Raises:
        MmeError: it is damaged, or no tar.gz at all.
    """
    tar = _HashedTar(stream, on_bytes)
    files: dict[str, ArchivedFile] = {}
    others: list[str] = []
    config = b""
    source: IO[bytes] = tar  # type: ignore[assignment]
    try:
        with tarfile.open(fileobj=source, mode="r|", bufsize=_BLOCK) as archive:
            for member in archive:
                if member.isdir():
                    continue
                content = archive.extractfile(member) if member.isreg() else None
                if content is None:
                    others.append(member.name)
                    continue
                identity = hashlib.sha256()
                while block := content.read(_BLOCK):
                    identity.update(block)
                    if member.name.removeprefix("./") == CONFIG_FILE and len(config) < _CONFIG_MAX_BYTES:
                        config += block
                files[member.name.removeprefix("./")] = ArchivedFile(member.size, identity.hexdigest())
        tar.drain()
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise MmeError(
            f"{name} is damaged: {error or 'it ends too early'}",
            hint="publish the model again, as a new version: mme models add PATH",
        ) from error
    return ArchiveContents(tar.digest, files, tuple(others), config.decode("utf-8", "replace"))


class _HashedTar:
    """The uncompressed tar, hashed as it is read."""

    def __init__(self, stream: ByteStream, on_bytes: Callable[[int], None] | None) -> None:
        self._stream = stream
        self._on_bytes = on_bytes
        self._gzip = zlib.decompressobj(31)
        self._ready = b""
        self._identity = hashlib.sha256()
        self._ended = False

    @property
    def digest(self) -> str:
        return self._identity.hexdigest()

    def read(self, size: int) -> bytes:
        """`size` bytes; fewer at the end only, as tarfile's stream mode takes them."""
        pieces = []
        missing = size
        while missing and (piece := self._some(missing)):
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def drain(self) -> None:
        """Reads what tarfile leaves: the padding after the end of the tar."""
        while self._some(_BLOCK):
            pass

    def _some(self, size: int) -> bytes:
        while not self._ready and not self._ended:
            if self._gzip.eof:
                # Compressors with several threads write several gzip members, one after the other.
                rest = self._gzip.unused_data or self._more()
                if not rest:
                    self._ended = True
                    break
                self._gzip = zlib.decompressobj(31)
                self._ready = self._gzip.decompress(rest, _BLOCK)
                continue
            compressed = self._gzip.unconsumed_tail or self._more()
            if not compressed:
                raise EOFError
            self._ready = self._gzip.decompress(compressed, _BLOCK)
        block, self._ready = self._ready[:size], self._ready[size:]
        self._identity.update(block)
        return block

    def _more(self) -> bytes:
        block = self._stream.read(_BLOCK)
        if block and self._on_bytes:
            self._on_bytes(len(block))
        return block
