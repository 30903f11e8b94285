"""Does everything in a store still hold what was published, in a form that the container loads?"""

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
from mme.registry.removed_versions import RemovedVersions

_PARALLEL: Final = 4
_BLOCK: Final = 1024 * 1024
_GZIP: Final = 31
"""zlib's number for gzip with its header."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of looking at one archive.

    Attributes:
        record: the archive.
        problems: what is wrong with it; none where all is well.
        notes: what could not be looked at, or is only worth knowing.
    """

    record: ModelRecord
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()


class _StoppedError(Exception):
    """The user pressed Ctrl-C, or another archive could not be read."""


OnVerified = Callable[[Verified], None]


def verify(
    store: ModelStore,
    records: Sequence[ModelRecord] | None = None,
    *,
    on_verified: OnVerified | None = None,
    on_bytes: Callable[[int], None] | None = None,
) -> list[Verified]:
    """Downloads each archive once, as a stream, and looks at all of it.

    Args:
        store: where.
        records: which, with their metadata. Default: all.
        on_verified: hears of each when it is done.
        on_bytes: hears of bytes read, from several threads.

    Returns:
        one for each, in the order given.
    """
    chosen = store.records() if records is None else list(records)
    removed = RemovedVersions(store).all()

    def look(record: ModelRecord) -> Verified:
        outcome = _verified(store, record, removed.get(record.name, frozenset()), read)
        if on_verified:
            on_verified(outcome)
        return outcome

    stop = threading.Event()

    def read(count: int) -> None:
        if stop.is_set():
            raise _StoppedError
        if on_bytes:
            on_bytes(count)

    pool = ThreadPoolExecutor(_PARALLEL)
    try:
        return list(pool.map(look, chosen))
    finally:
        # On Ctrl-C the threads end at their next block.
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _verified(
    store: ModelStore,
    record: ModelRecord,
    removed: frozenset[int],
    on_bytes: Callable[[int], None],
) -> Verified:
    problems: list[str] = []
    notes: list[str] = []
    if record.version in removed:
        problems.append(
            f"version {record.version} was removed once: instances may serve another model under this name"
        )
    with open_archive(store, record.target_model) as stream:
        hashed = _Hashed(stream, on_bytes)
        # Whatever reads it only asks it to read.
        explanation = explain(cast("IO[bytes]", hashed), name=record.target_model)
        hashed.finish()
    if hashed.size != record.size:
        problems.append(f"{hashed.size} bytes came where S3 lists {record.size}")
    if record.digest is None:
        notes.append("it carries no digest: mme did not publish it")
    elif record.digest != hashed.digest:
        problems.append(f"its digest is {hashed.digest[:12]} where {record.digest[:12]} was published")
    if explanation.complete and record.unpacked_bytes not in (None, explanation.unpacked_bytes):
        problems.append(
            f"it unpacks to {explanation.unpacked_bytes} bytes where {record.unpacked_bytes} were published"
        )
    problems += [finding.message for finding in explanation.errors]
    notes += [finding.message for finding in explanation.warnings]
    return Verified(record, tuple(problems), tuple(notes))


class _Hashed:
    """A stream of a tar.gz that hashes the tar in it as it is read.

    Args:
        stream: the compressed bytes.
        on_bytes: hears of them.
    """

    def __init__(self, stream: ByteStream, on_bytes: Callable[[int], None]) -> None:
        self._stream = stream
        self._on_bytes = on_bytes
        self._gzip = zlib.decompressobj(_GZIP)
        self._identity = hashlib.sha256()
        self._damaged = False
        self.size = 0

    @property
    def digest(self) -> str:
        """SHA-256 of what was unpacked; no digest at all where it can't be."""
        return "damaged" if self._damaged else self._identity.hexdigest()

    def read(self, size: int = -1, /) -> bytes:
        block = self._stream.read(_BLOCK if size < 0 else size)
        self.size += len(block)
        self._on_bytes(len(block))
        self._hash(block)
        return block

    def finish(self) -> None:
        """Reads what nobody read."""
        while self.read(_BLOCK):
            pass

    def _hash(self, data: bytes) -> None:
        try:
            while data and not self._damaged:
                self._identity.update(self._gzip.decompress(data, _BLOCK))
                if self._gzip.eof:
                    # Compressors with several threads write several gzip members, one after the other.
                    data, self._gzip = self._gzip.unused_data, zlib.decompressobj(_GZIP)
                else:
                    data = self._gzip.unconsumed_tail
        except zlib.error:
            self._damaged = True
