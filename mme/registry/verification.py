"""Check that archives in S3 have the content that was published, in a form that the container loads."""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Final, cast

from mme.archives.explain import explain
from mme.registry.archive_contents import ByteStream, open_archive
from mme.registry.model_store import ModelRecord, ModelStore
from mme.registry.versions import RemovedVersions

_PARALLEL: Final = 4
_BLOCK: Final = 1024 * 1024
_GZIP_WINDOW: Final = 31  # zlib's wbits for a gzip header and trailer


@dataclass(frozen=True, slots=True)
class Verified:
    """The result for one archive.

    Attributes:
        record: The archive.
        problems: What is wrong; empty if nothing is.
        notes: What could not be checked, or is only worth knowing.
    """

    record: ModelRecord
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()


class _VerificationStoppedError(Exception):
    """The user pressed Ctrl-C, or another archive could not be read."""


def verify(
    store: ModelStore,
    records: Sequence[ModelRecord] | None = None,
    *,
    on_bytes: Callable[[int], None] | None = None,
) -> list[Verified]:
    """Download each archive once, as a stream, and check all of it.

    Args:
        store: The store.
        records: Archives with their metadata. Default: all.
        on_bytes: Called with the number of bytes of each block, from several threads.

    Returns:
        One result per archive, in the order given.
    """
    chosen = store.records() if records is None else list(records)
    removed = RemovedVersions(store).all()
    stop = threading.Event()

    def count(size: int) -> None:
        if stop.is_set():
            raise _VerificationStoppedError
        if on_bytes:
            on_bytes(size)

    def check(record: ModelRecord) -> Verified:
        return _verified(store, record, removed.get(record.name, frozenset()), count)

    pool = ThreadPoolExecutor(_PARALLEL)
    try:
        return list(pool.map(check, chosen))
    finally:
        # On Ctrl-C the threads end at their next block.
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _verified(
    store: ModelStore, record: ModelRecord, removed: frozenset[int], on_bytes: Callable[[int], None]
) -> Verified:
    problems: list[str] = []
    notes: list[str] = []
    if record.version in removed:
        problems.append(
            f"version {record.version} was removed before; instances may serve another model of this name"
        )
    with open_archive(store, record.target_model) as stream:
        hashed = _HashedStream(stream, on_bytes)
        explanation = explain(cast("IO[bytes]", hashed), name=record.target_model)
        hashed.finish()
    if hashed.size != record.size:
        problems.append(f"S3 lists {record.size} bytes, {hashed.size} were received")
    if record.digest is None:
        notes.append("it has no digest; mme did not publish it")
    elif record.digest != hashed.digest:
        problems.append(f"its digest is {hashed.digest[:12]}, published was {record.digest[:12]}")
    if explanation.complete and record.unpacked_bytes not in (None, explanation.unpacked_bytes):
        problems.append(
            f"it unpacks to {explanation.unpacked_bytes} bytes, published were {record.unpacked_bytes}"
        )
    problems += [finding.message for finding in explanation.errors]
    notes += [finding.message for finding in explanation.warnings]
    return Verified(record, tuple(problems), tuple(notes))


class _HashedStream:
    """A tar.gz stream that hashes the uncompressed tar as it is read.

    Args:
        stream: The compressed bytes.
        on_bytes: Called with the number of bytes of each block.
    """

    def __init__(self, stream: ByteStream, on_bytes: Callable[[int], None]) -> None:
        self._stream = stream
        self._on_bytes = on_bytes
        self._gzip = zlib.decompressobj(_GZIP_WINDOW)
        self._digest = hashlib.sha256()
        self._damaged = False
        self.size = 0

    @property
    def digest(self) -> str:
        """SHA-256 of the uncompressed tar, or `damaged`."""
        return "damaged" if self._damaged else self._digest.hexdigest()

    def read(self, size: int = -1, /) -> bytes:
        """Return compressed bytes."""
        block = self._stream.read(_BLOCK if size < 0 else size)
        self.size += len(block)
        self._on_bytes(len(block))
        self._hash(block)
        return block

    def finish(self) -> None:
        """Read what is left."""
        while self.read(_BLOCK):
            pass

    def _hash(self, data: bytes) -> None:
        try:
            while data and not self._damaged:
                self._digest.update(self._gzip.decompress(data, _BLOCK))
                if self._gzip.eof:
                    # Compressors with several threads write several gzip members, one after the other.
                    data, self._gzip = self._gzip.unused_data, zlib.decompressobj(_GZIP_WINDOW)
                else:
                    data = self._gzip.unconsumed_tail
        except zlib.error:
            self._damaged = True
