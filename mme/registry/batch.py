"""Publishing many models at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from typing import Final, Protocol

from mme.archives.packing import IN_MEMORY_BYTES
from mme.archives.triton.check import TritonModel
from mme.errors import MmeError
from mme.registry.candidates import Candidate
from mme.registry.journal import Journal
from mme.registry.model_store import ModelStore
from mme.registry.outcome import Published
from mme.registry.publication import Publication
from mme.registry.removed_versions import RemovedVersions
from mme.registry.store_index import StoreIndex

PARALLEL: Final = 16
"""Models under way at once: far more wait for S3 than are packed."""

MEMORY_BYTES: Final = 96 * 1024 * 1024
"""What all models under way may hold in memory together, at most."""

_LARGE_BYTES: Final = 48 * 1024 * 1024
"""What an upload in parts holds: four parts of 8 MiB on their way, one being filled, and the packer's own."""


_FEW: Final = 4
"""Models whose removed versions are listed one by one."""


class PublishListener(Protocol):
    """Hears how the publishing goes, from the publishing threads."""

    def advanced(self, model: str, done: int, total: int) -> None:
        """`done` of `total` bytes of work on one model."""

    def finished(self, outcome: Published) -> None:
        """One model is there."""

    def retried(self, reason: str) -> None:
        """S3 failed for a reason that may pass, and is asked again in a moment."""


class _Silent:
    def advanced(self, model: str, done: int, total: int) -> None:
        """Nobody listens."""

    def finished(self, outcome: Published) -> None:
        """Nobody listens."""

    def retried(self, reason: str) -> None:
        """Nobody listens."""


class _StoppedError(Exception):
    """Another model failed, or the user pressed Ctrl-C."""


class _MemoryBudget:
    """Lets work begin only while what it needs fits beside what is under way."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._free = size
        self._changed = threading.Condition()

    @contextmanager
    def share(self, wanted: int) -> Iterator[None]:
        """Waits for `wanted` bytes; for all of them where it wants more than there are."""
        wanted = min(wanted, self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= wanted)
            self._free -= wanted
        try:
            yield
        finally:
            with self._changed:
                self._free += wanted
                self._changed.notify_all()


def publish_all(
    store: ModelStore,
    models: Sequence[Candidate | TritonModel],
    listener: PublishListener | None = None,
    *,
    name: str | None = None,
    journal: Journal | None = None,
) -> list[Published]:
    """Publishes checked models, many at a time, in bounded memory.

    The first failure stops the others at their next block; what they had sent so far is aborted. Models that
    were done by then stay published: each is whole, and publishing it again changes nothing. So the same call
    once more goes on where this one ended.

    Args:
        store: where to.
        models: from `find_models`.
        listener: hears of progress.
        name: what to call it, where there is one model only. Default: its directory's name.
        journal: what was published before; it is added to and saved, also after a failure.

    Returns:
        what came of each, in the order given.

    Raises:
        MmeError: as `publish` does.
    """
    if name is not None and len(models) != 1:
        raise MmeError(
            f"{len(models)} models can't all be called {name}", hint="give --name with one model's directory"
        )
    candidates = [
        Candidate.checked_already(model) if isinstance(model, TritonModel) else model for model in models
    ]
    if not candidates:
        return []
    journal = journal or Journal()
    try:
        batch = _Batch(store, candidates, listener or _Silent(), name, journal)
        return batch.run()
    finally:
        journal.save()


class _Batch:
    def __init__(
        self,
        store: ModelStore,
        candidates: Sequence[Candidate],
        listener: PublishListener,
        name: str | None,
        journal: Journal,
    ) -> None:
        self._store = store
        self._listener = listener
        self._journal = journal
        self._stop = threading.Event()
        self._memory = _MemoryBudget(MEMORY_BYTES)
        index = StoreIndex(store, [name or candidate.directory.name for candidate in candidates])
        self._publications = [
            Publication(
                store,
                candidate,
                name=name,
                index=index,
                journal=journal,
                on_progress=partial(self._advanced, candidate.directory.name),
            )
            for candidate in candidates
        ]

    def run(self) -> list[Published]:
        with self._store.objects.retries_told(self._retried):
            # Of a run before that was killed: this one may be its second try.
            self._journal.uploads.abort_abandoned(self._store.s3, self._store.bucket)
            outcomes = self._run_all()
            if not any(outcome.created for outcome in outcomes):
                return outcomes
            removed = RemovedVersions(self._store).of_each({one.name for one in outcomes if one.created})
            return [
                publication.settled(outcome, removed.get(outcome.name, frozenset()))
                for publication, outcome in zip(self._publications, outcomes, strict=True)
            ]

    def _run_all(self) -> list[Published]:
        # A thread for each is more work than to see that it did not change.
        known = [publication.unchanged() for publication in self._publications]
        for outcome in known:
            if outcome:
                self._listener.finished(outcome)
        changed = [number for number, outcome in enumerate(known) if outcome is None]
        published = dict(zip(changed, self._run_changed(changed), strict=True))
        return [outcome or published[number] for number, outcome in enumerate(known)]

    def _run_changed(self, numbers: Sequence[int]) -> list[Published]:
        if not numbers:
            return []
        pool = ThreadPoolExecutor(min(PARALLEL, len(numbers)))
        futures: list[Future[Published]] = []
        try:
            futures = [pool.submit(self._run_one, number) for number in numbers]
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            # Also on Ctrl-C: the threads then end at their next block and abort what they had begun.
            if not all(future.done() and not future.exception() for future in futures):
                self._stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
        for future in futures:
            error = None if future.cancelled() else future.exception()
            if error and not isinstance(error, _StoppedError):
                raise error
        return [future.result() for future in futures]

    def _run_one(self, number: int) -> Published:
        publication = self._publications[number]
        with self._memory.share(_memory_of(publication.tar_bytes)):
            self._raise_if_stopped()
            outcome = publication.run()
        self._listener.finished(outcome)
        return outcome

    def _advanced(self, model: str, done: int, total: int) -> None:
        self._raise_if_stopped()
        self._listener.advanced(model, done, total)

    def _retried(self, reason: str) -> None:
        self._raise_if_stopped()
        self._listener.retried(reason)

    def _raise_if_stopped(self) -> None:
        if self._stop.is_set():
            raise _StoppedError


def _memory_of(tar_bytes: int) -> int:
    # The tar and its archive.
    return 2 * tar_bytes if tar_bytes <= IN_MEMORY_BYTES else _LARGE_BYTES
