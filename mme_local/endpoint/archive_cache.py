"""The disk of one instance: unpacked models, kept after their unload until others need the room."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mme.fleet import EvictionOrder, ModelDisk
from mme_local.endpoint.archive import Artifact
from mme_local.trace import Step, StepTimed, unseen

_ABANDONED_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Order:
    """One download that is wanted.

    Attributes:
        model: the target model.
        folder: where its files are to go, in a folder named ``model``; does not exist yet.
        reserve: to be called with a number of bytes before they are written. DiskFullError where
            the disk has no room for them.
        abandoned: set once nobody wants it any more: stop, and leave nothing.
    """

    model: str
    folder: Path
    reserve: Callable[[int], None]
    abandoned: threading.Event


Fetch = Callable[[Order], Artifact]
"""Downloads the archive of a target model and unpacks it; runs in a thread."""


@dataclass(slots=True)
class _Coming:
    order: Order
    task: asyncio.Task[None] = field(init=False)


class ArtifactShelf:
    """Unpacked models by name. As on SageMaker, a model on disk is not downloaded again, even where
    its archive was replaced or deleted in S3 (AWS developer guide, "add-models-to-endpoint").

    Args:
        folder: where they go; made when needed.
        fetch: brings one.
        budget: bytes that all together may take; see `mme.fleet.ModelDisk`.
        order: which one leaves first.
        timed: told of every download.
    """

    def __init__(
        self,
        folder: Path,
        fetch: Fetch,
        budget: int,
        order: EvictionOrder = EvictionOrder.LEAST_RECENTLY_USED,
        timed: StepTimed = unseen,
    ) -> None:
        self._timed = timed
        self._folder = folder
        self._fetch = fetch
        self._disk = ModelDisk(budget, order)
        self._lock = threading.Lock()  # around the ledger and the files: downloads run in threads
        self._artifacts: dict[str, Artifact] = {}
        self._coming: dict[str, _Coming] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count()

    @property
    def used(self) -> int:
        """Bytes on the disk now."""
        with self._lock:
            return self._disk.used

    async def get(self, model: str, handle: str) -> Artifact:
        """The model's files, downloaded where they are not here. They stay until :meth:`release`.

        Requests for the same model share one download, which goes on where a request gives up.

        Args:
            model: the target model.
            handle: how the name of its folder begins.

        Raises:
            Exception: whatever the download raises; nothing is left of it then.
        """
        while True:
            with self._lock:
                if self._disk.pin(model):
                    return self._artifacts[model]
            coming = self._coming.get(model) or self._start(model, handle)
            await asyncio.shield(coming.task)

    def release(self, model: str) -> None:
        """Its files may be deleted when others need the room."""
        with self._lock:
            self._disk.unpin(model)

    def release_all(self) -> None:
        """As :meth:`release`, for every model."""
        with self._lock:
            for model in self._disk.models:
                self._disk.unpin(model)

    def forget(self, model: str) -> None:
        """Delete a model's files, where they are here or on their way."""
        coming = self._coming.pop(model, None)
        if coming:
            coming.order.abandoned.set()
        with self._lock:
            self._disk.drop(model)
            self._delete(model)

    async def clear(self) -> None:
        """Delete everything, what is on its way included."""
        tasks = list(self._tasks)
        with self._lock:
            models = self._disk.models
        for model in models:
            self.forget(model)
        if tasks:  # a download that hangs in its source ends with the process
            await asyncio.wait(tasks, timeout=_ABANDONED_SECONDS)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, model: str, handle: str) -> _Coming:
        abandoned = threading.Event()

        def reserve(more: int) -> None:
            with self._lock:
                if not abandoned.is_set():  # an abandoned one is not in the ledger any more
                    for name in self._disk.grow(model, more):
                        self._delete(name)

        # A folder of its own each time: an abandoned download may still be busy in its one.
        folder = self._folder / f"{handle}.{next(self._numbers)}"
        coming = _Coming(Order(model, folder, reserve, abandoned))
        with self._lock:
            self._disk.begin(model)
        coming.task = asyncio.create_task(self._bring(coming), name=f"download {model}")
        self._coming[model] = coming
        self._tasks.add(coming.task)
        coming.task.add_done_callback(self._arrived)
        return coming

    def _arrived(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # fetched: whoever asked may have gone

    async def _bring(self, coming: _Coming) -> None:
        order = coming.order
        began = time.perf_counter()
        try:
            artifact = await asyncio.to_thread(self._fetch, order)
            self._timed(Step.DOWNLOAD, time.perf_counter() - began)
        except BaseException:
            order.abandoned.set()
            if self._coming.get(order.model) is coming:
                del self._coming[order.model]
                with self._lock:
                    self._disk.drop(order.model)
            raise
        if self._coming.get(order.model) is not coming:
            artifact.remove()  # forgotten in its last moment
            return
        del self._coming[order.model]
        with self._lock:
            self._disk.complete(order.model)
            self._artifacts[order.model] = artifact

    def _delete(self, model: str) -> None:
        artifact = self._artifacts.pop(model, None)
        if artifact:
            artifact.remove()
