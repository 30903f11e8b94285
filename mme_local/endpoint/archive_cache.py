"""The disk of one instance: unpacked archives, cached after their unload until others need the space."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mme.archives.unpacking import unpack
from mme.fleet import EvictionOrder, ModelDisk
from mme_local.endpoint.trace import Step, StepTimed

_ABANDONED_SECONDS = 5.0


class AbandonedError(Exception):
    """The download is not needed any more."""


@dataclass(frozen=True, slots=True)
class UnpackedArchive:
    """A model's files on the disk.

    Attributes:
        path: Their folder; named ``model``, as on SageMaker.
        unpacked_bytes: Bytes of all files.
    """

    path: Path
    unpacked_bytes: int

    def moved(self, folder: Path) -> UnpackedArchive:
        """Rename its parent folder and return it at its new place."""
        shutil.rmtree(folder, ignore_errors=True)
        self.path.parent.rename(folder)
        return UnpackedArchive(folder / self.path.name, self.unpacked_bytes)

    def remove(self) -> None:
        """Delete it and its parent folder."""
        shutil.rmtree(self.path.parent, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Download:
    """One download in progress.

    Attributes:
        model: The target model.
        folder: Gets the files, in a folder named ``model``; does not exist yet.
        reserve: Call it with a number of bytes before writing them. DiskFullError if the disk is full.
        abandoned: Set once it is not needed any more: stop, and leave nothing.
    """

    model: str
    folder: Path
    reserve: Callable[[int], None]
    abandoned: threading.Event

    def unpack(self, chunks: Iterable[bytes], max_bytes: int) -> UnpackedArchive:
        """Unpack a ``.tar.gz`` as it arrives. A failure leaves no folder.

        Args:
            chunks: The compressed bytes.
            max_bytes: Limit for all files together.

        Raises:
            UnreadableArchiveError: The archive is damaged, unsafe or too large; see `mme.archives.unpacking`.
            AbandonedError: ``abandoned`` was set.
            OSError: The disk of this machine is full.
        """
        path = self.folder / "model"
        try:
            size = unpack(self._until_abandoned(chunks), path, max_bytes=max_bytes, reserve=self.reserve)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        return UnpackedArchive(path, size)

    def _until_abandoned(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self.abandoned.is_set():
                raise AbandonedError
            yield chunk


Fetch = Callable[[Download], UnpackedArchive]
"""Downloads and unpacks the archive of a target model; runs in a thread."""


@dataclass(slots=True)
class _Pending:
    download: Download
    folder: Path
    task: asyncio.Task[None] = field(init=False)


class ArchiveCache:
    """Unpacked archives by target model.

    As on SageMaker, a model on disk is not downloaded again, even if its archive was replaced or deleted in
    S3 (AWS developer guide, "add-models-to-endpoint").

    Args:
        folder: Holds the archives; made when needed.
        fetch: Downloads one.
        budget: Bytes for all archives together; see `mme.fleet.ModelDisk`.
        order: Which one is evicted first.
        timed: Called after every download.
    """

    def __init__(
        self,
        folder: Path,
        fetch: Fetch,
        budget: int,
        order: EvictionOrder = EvictionOrder.LEAST_RECENTLY_USED,
        timed: StepTimed = lambda *_: None,
    ) -> None:
        self._timed = timed
        self._folder = folder
        self._fetch = fetch
        self._disk = ModelDisk(budget, order)
        self._lock = threading.Lock()  # around the disk's ledger and the files: downloads run in threads
        self._archives: dict[str, UnpackedArchive] = {}
        self._downloads: dict[str, _Pending] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count()

    @property
    def used(self) -> int:
        """Bytes on the disk now."""
        with self._lock:
            return self._disk.used

    async def get(self, model: str, handle: str) -> UnpackedArchive:
        """Return the model's files, downloaded if needed. They are pinned until :meth:`release`.

        Requests for the same model share one download, which continues if a request gives up.

        Args:
            model: The target model.
            handle: Name of its folder, the same for every download as on SageMaker: Triton takes two folders
                for two models of one name.

        Raises:
            Exception: What the download raises; it leaves nothing then.
        """
        while True:
            with self._lock:
                if self._disk.pin(model):
                    return self._archives[model]
            pending = self._downloads.get(model) or self._start(model, handle)
            await asyncio.shield(pending.task)

    def release(self, model: str) -> None:
        """Allow its eviction."""
        with self._lock:
            self._disk.unpin(model)

    def release_all(self) -> None:
        """Allow the eviction of every model."""
        with self._lock:
            for model in self._disk.models:
                self._disk.unpin(model)

    def forget(self, model: str) -> None:
        """Delete a model's files and abandon its download."""
        pending = self._downloads.pop(model, None)
        if pending:
            pending.download.abandoned.set()
        with self._lock:
            self._disk.drop(model)
            self._delete(model)

    async def clear(self) -> None:
        """Delete everything and abandon all downloads."""
        tasks = list(self._tasks)
        with self._lock:
            models = self._disk.models
        for model in models:
            self.forget(model)
        if tasks:  # a download that hangs in its source ends with the process
            await asyncio.wait(tasks, timeout=_ABANDONED_SECONDS)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, model: str, handle: str) -> _Pending:
        abandoned = threading.Event()

        def reserve(more: int) -> None:
            with self._lock:
                if not abandoned.is_set():  # an abandoned one is not in the ledger any more
                    for name in self._disk.grow(model, more):
                        self._delete(name)

        # Another folder each time: an abandoned download may still write to its own.
        folder = self._folder / f"{handle}.{next(self._numbers)}"
        pending = _Pending(Download(model, folder, reserve, abandoned), self._folder / handle)
        with self._lock:
            self._disk.begin(model)
        pending.task = asyncio.create_task(self._download(pending), name=f"download {model}")
        self._downloads[model] = pending
        self._tasks.add(pending.task)
        pending.task.add_done_callback(self._download_done)
        return pending

    def _download_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved here, as all requests may have given up

    async def _download(self, pending: _Pending) -> None:
        model = pending.download.model
        began = time.perf_counter()
        try:
            archive = await asyncio.to_thread(self._fetch, pending.download)
            self._timed(Step.DOWNLOAD, time.perf_counter() - began)
        except BaseException:
            pending.download.abandoned.set()
            if self._downloads.get(model) is pending:
                del self._downloads[model]
                with self._lock:
                    self._disk.drop(model)
            raise
        if self._downloads.get(model) is not pending:
            archive.remove()  # abandoned at the last moment
            return
        del self._downloads[model]
        with self._lock:
            self._disk.complete(model)
            self._archives[model] = archive.moved(pending.folder)

    def _delete(self, model: str) -> None:
        archive = self._archives.pop(model, None)
        if archive:
            archive.remove()
