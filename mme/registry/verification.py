"""Does everything in a store still hold what was published, in a form that the container loads?"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from mme.errors import MmeError
from mme.registry.archive_contents import ArchiveContents, ByteStream, open_archive, read_contents
from mme.registry.model_store import ModelRecord, ModelStore
from mme.registry.removed_versions import RemovedVersions

_PARALLEL: Final = 4


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
    try:
        with open_archive(store, record.target_model) as stream:
            counted = _Counted(stream)
            contents = read_contents(counted, record.target_model, on_bytes)
    except MmeError as error:
        return Verified(record, (*problems, error.message.removeprefix(f"{record.target_model} is ")))
    if counted.size != record.size:
        problems.append(f"{counted.size} bytes came where S3 lists {record.size}")
    if record.digest is None:
        notes.append("it carries no digest: mme did not publish it")
    elif record.digest != contents.digest:
        problems.append(f"its digest is {contents.digest[:12]} where {record.digest[:12]} was published")
    unpacked = sum(file.size for file in contents.files.values())
    if record.unpacked_bytes not in (None, unpacked):
        problems.append(f"it unpacks to {unpacked} bytes where {record.unpacked_bytes} were published")
    problems += _layout_problems(contents)
    return Verified(record, tuple(problems), tuple(notes))


def _layout_problems(contents: ArchiveContents) -> list[str]:
    problems = [f"{name} is neither a file nor a directory" for name in contents.others]
    problems += [
        f"{name} would be written outside the model's directory"
        for name in contents.files
        if name.startswith("/") or ".." in name.split("/")
    ]
    if not contents.files:
        problems.append("it holds no file")
    return problems


class _Counted:
    """A stream that knows how much was read of it."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self.size = 0

    def read(self, size: int = -1, /) -> bytes:
        block = self._stream.read(size)
        self.size += len(block)
        return block
