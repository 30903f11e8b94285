"""Check that archives in S3 have the content that was published, in a form that the container loads."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Final, cast

from mme.archives.explain import explain
from mme.errors import MmeError
from mme.registry.archive_contents import ByteStream, open_archive
from mme.registry.model_store import ModelRecord, ModelStore
from mme.registry.names import is_unusable_key
from mme.registry.versions import RemovedVersions

_PARALLEL: Final = 4


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
    if is_unusable_key(record.target_model):
        return Verified(record, ("its key can't be a TargetModel; upload it again under another name",))
    from botocore.exceptions import ClientError

    problems: list[str] = []
    notes: list[str] = []
    if record.version in removed:
        problems.append(
            f"version {record.version} was removed before; instances may serve another model of this name"
        )
    digest = hashlib.sha256()
    try:
        with open_archive(store, record.target_model) as stream:
            counted = _CountedStream(stream, on_bytes)
            explanation = explain(cast("IO[bytes]", counted), name=record.target_model, digest=digest)
    except (ClientError, MmeError) as error:
        # Removed meanwhile, or encrypted with a key that these credentials may not use: the others go on.
        return Verified(record, (f"it can't be read: {error}",))
    if record.digest is None:
        notes.append("it has no digest; mme did not publish it")
    if explanation.complete:
        if counted.size != record.size:
            problems.append(f"S3 lists {record.size} bytes, {counted.size} were received")
        if record.digest not in (None, digest.hexdigest()):
            problems.append(f"its digest is {digest.hexdigest()[:12]}, published was {record.digest[:12]}")
        if record.unpacked_bytes not in (None, explanation.unpacked_bytes):
            problems.append(
                f"it unpacks to {explanation.unpacked_bytes} bytes, published were {record.unpacked_bytes}"
            )
    problems += [finding.message for finding in explanation.errors]
    notes += [finding.message for finding in explanation.warnings]
    return Verified(record, tuple(problems), tuple(notes))


class _CountedStream:
    """The compressed bytes of an archive, counted as they are read."""

    def __init__(self, stream: ByteStream, on_bytes: Callable[[int], None]) -> None:
        self._stream = stream
        self._on_bytes = on_bytes
        self.size = 0

    def read(self, size: int = -1, /) -> bytes:
        """Return compressed bytes."""
        block = self._stream.read(size)
        self.size += len(block)
        self._on_bytes(len(block))
        return block
