"""The models in one container's memory: loaded on request, evicted when others need the memory."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

from mme.fleet import Admission, DiskFullError, ModelMemory, ModelState, NoRoomError, TooLargeError
from mme_local.containers.container import (
    ContainerDiedError,
    ContainerReply,
    ContainerTimeoutError,
    ServingContainer,
)
from mme_local.endpoint.archive_cache import ArchiveCache, UnpackedArchive
from mme_local.endpoint.condition import Condition
from mme_local.endpoint.load import Lease, Load, LoadFailedError, NotReadyError
from mme_local.endpoint.trace import Step, StepTimed
from mme_local.endpoint.weight import weigh
from mme_local.settings import LocalSettings

log = logging.getLogger(__name__)

INSUFFICIENT_STORAGE: Final = 507
_CONFLICT: Final = 409
_NOT_FOUND: Final = 404
_LOAD_EVICTIONS: Final = (1, 2, 4, 8)
"""Idle models to evict before each further try of a load that gets a 507: each try runs the model's code."""
_DEATH_NOTICED_SECONDS: Final = 0.5
"""A dead process closes its connections some milliseconds before its exit status can be read."""


class ModelCache:
    """Requests for the same model share one load; a model in use is never unloaded.

    Args:
        name: The instance's name, for the log.
        container: Loads and unloads; when it ends, call :meth:`container_ended`.
        archives: The models' files.
        settings: Budgets and time limits.
        kill: Ends a container that hangs, for the reason given.
        keep_loaded: ModelCacheSetting; if False, a model is unloaded right after its last use.
        timed: Called after every load and unload.

    Attributes:
        memory: What is loaded, being loaded or being unloaded.
        up: Whether the container takes requests.
        since: When each model was loaded, in seconds since the epoch.
    """

    def __init__(
        self,
        name: str,
        container: ServingContainer,
        archives: ArchiveCache,
        settings: LocalSettings,
        kill: Callable[[str], Awaitable[None]],
        *,
        keep_loaded: bool = True,
        timed: StepTimed = lambda *_: None,
    ) -> None:
        self.memory = ModelMemory(settings.memory_bytes, keep_loaded, settings.eviction)
        self.up = False
        self.since: dict[str, float] = {}
        self._name = name
        self._container = container
        self._archives = archives
        self._settings = settings
        self._kill = kill
        self._keep_loaded = keep_loaded
        self._timed = timed
        self._loads: dict[str, Load] = {}
        self._unloads: set[asyncio.Task[None]] = set()
        self._changed = Condition()
        self._closed = False

    async def acquire(self, model: str, deadline: float) -> Lease:
        """Start to use a model, loading it if needed.

        Args:
            model: The target model.
            deadline: How long to wait, in the event loop's time.

        Raises:
            NotReadyError: It is still loading; the load goes on.
            LoadFailedError: It can't be loaded.
            ContainerDiedError: The container ended and is not back in time.
            Exception: What its download raises.
        """
        waited = False
        deaths = 0
        while not (self.up and self.memory.acquire(model)):
            if not self.up:
                await self._until_up(deadline)
                continue
            load = self._loads.get(model) or self._start_load(model)
            waited = True
            if await self._wait(load, model, deadline):
                # Load it into the next container, but only once: the model itself may be the cause.
                deaths += 1
                if deaths > 1:
                    raise ContainerDiedError("the container ended while it loaded the model")
                await self.death_noticed(load.memory)
            elif load.done:
                return Lease(model, load.memory, waited)
        return Lease(model, self.memory, waited)

    def release(self, lease: Lease) -> None:
        """Stop using a model."""
        evict = lease.memory.release(lease.model)
        if lease.memory is not self.memory:
            return  # its container is gone
        if evict:
            self._start_unload(lease.model)
        self._changed.notify_all()

    async def make_room(self, lease: Lease, deadline: float) -> bool:
        """Unload one idle model for a container that answered 507; return whether that succeeded.

        Args:
            lease: Of the request that got the 507; its model stays.
            deadline: How long to wait, in the event loop's time.
        """
        victim = self.memory.evict_one(sparing=lease.model) if lease.memory is self.memory else None
        if victim is None:
            return False
        done, _ = await asyncio.wait({self._start_unload(victim)}, timeout=_left(deadline))
        return bool(done)

    async def unload_idle(self, model: str) -> None:
        """Evict a model from memory and disk, unless it is in use or being loaded."""
        if self.memory.evict(model):
            await asyncio.shield(self._start_unload(model))
        if self.memory.state(model) is None and model not in self._loads:
            self._archives.forget(model)

    async def death_noticed(self, memory: ModelMemory) -> None:
        """Return once the end of the container with this memory was noticed, or after half a second."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DEATH_NOTICED_SECONDS):
                await self._changed.wait_for(lambda: self.memory is not memory or self._closed)

    async def container_ended(self) -> None:
        """Forget the container's memory and cancel every load into it."""
        self.up = False
        loads = [load.task for load in self._loads.values()]
        self._loads.clear()
        self.since.clear()
        for task in loads:
            task.cancel()
        self.memory = ModelMemory(self.memory.budget, self._keep_loaded, self.memory.order)
        self._changed.notify_all()
        await asyncio.gather(*loads, return_exceptions=True)
        self._archives.release_all()

    def container_up(self) -> None:
        """Use the container, whose memory is empty, from now on."""
        self.up = True
        self._changed.notify_all()

    async def close(self) -> None:
        """Cancel every load and unload; requests that wait get ContainerDiedError, now and later."""
        self._closed = True
        self.up = False
        tasks = [*(load.task for load in self._loads.values()), *self._unloads]
        for task in tasks:
            task.cancel()
        self._changed.notify_all()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _until_up(self, deadline: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_left(deadline)):
                await self._changed.wait_for(lambda: self.up or self._closed)
        self._check_open()
        if not self.up:
            raise ContainerDiedError("the container has not come back yet")

    def _check_open(self) -> None:
        if self._closed:
            raise ContainerDiedError("the instance is being stopped")

    async def _wait(self, load: Load, model: str, deadline: float) -> bool:
        """Wait for a load and raise what it raised; return whether it failed because its container ended."""
        load.waiting += 1
        try:
            done, _ = await asyncio.wait({load.task}, timeout=_left(deadline))
        except asyncio.CancelledError:
            self._stop_waiting(load, model)
            raise
        if not done:
            self._stop_waiting(load, model)
            raise NotReadyError(model)
        if load.died():
            return True
        load.task.result()
        return False

    def _stop_waiting(self, load: Load, model: str) -> None:
        if load.done:
            self.release(Lease(model, load.memory, waited=True))
        else:
            load.waiting -= 1

    def _start_load(self, model: str) -> Load:
        self._check_open()
        load = Load(self.memory)
        self._loads[model] = load
        load.task = asyncio.create_task(self._load(model, load), name=f"load {model}")
        load.task.add_done_callback(functools.partial(self._load_done, model))
        return load

    def _load_done(self, model: str, task: asyncio.Task[None]) -> None:
        if model in self._loads and self._loads[model].task is task:
            del self._loads[model]
        if not task.cancelled():
            task.exception()  # retrieved here, as all requests may have given up

    async def _load(self, model: str, load: Load) -> None:
        """Download, reserve memory and load, all within one time limit."""
        seconds = self._settings.load_seconds
        try:
            async with asyncio.timeout(seconds):
                await self._load_in_time(model, load)
        except (TimeoutError, ContainerTimeoutError):
            # A Triton whose python process can't start never answers.
            log.warning("%s: loading %s took over %g s", self._name, model, seconds)
            if load.memory is self.memory:
                self._archives.forget(model)  # a download that hangs would hang the next load too
            raise LoadFailedError(0, f"the model did not load within {seconds:g} s") from None

    async def _load_in_time(self, model: str, load: Load) -> None:
        memory = load.memory
        await self._changed.wait_for(lambda: memory.state(model) is not ModelState.UNLOADING)
        try:
            archive = await self._archive(model)
            await self._reserve(model, weigh(archive, self._settings))
            await self._load_into_container(model, archive.path, load)
        finally:
            if not load.done and memory is self.memory:
                if memory.state(model) in (ModelState.WAITING, ModelState.LOADING):
                    memory.load_failed(model)
                self._archives.release(model)
            self._changed.notify_all()

    async def _archive(self, model: str) -> UnpackedArchive:
        """Return the model's files, pinned on the disk."""
        while True:
            try:
                return await self._archives.get(model, handle(model))
            except DiskFullError as error:
                # The files of loaded models are pinned: unload an idle one.
                victim = self.memory.evict_one()
                if victim is None:
                    raise LoadFailedError(
                        INSUFFICIENT_STORAGE,
                        f"the model takes {error.wanted:,} bytes of disk or more, and models in use leave "
                        f"too little of {error.budget:,}; set MME_LOCAL_DISK_MIB",
                    ) from None
                await asyncio.shield(self._start_unload(victim))
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                reason = f"the disk of this machine: {error.strerror}"
                raise LoadFailedError(INSUFFICIENT_STORAGE, reason) from None

    async def _reserve(self, model: str, weight: int) -> None:
        """Reserve memory: evict idle models, or wait while all are in use."""
        admission: Admission | None = None

        def admitted() -> bool:
            nonlocal admission
            with contextlib.suppress(NoRoomError):
                admission = self.memory.admit(model, weight)
            return admission is not None

        try:
            await self._changed.wait_for(admitted)
        except TooLargeError as error:
            raise LoadFailedError(
                INSUFFICIENT_STORAGE,
                f"the model weighs {weight:,} bytes, the instance has {error.budget:,} for all models; "
                "set MME_LOCAL_MEMORY_MIB or MME_LOCAL_WEIGHT_FACTOR",
            ) from None
        # At the same time, as each takes Triton about 2 s.
        for name in admission.evicted if admission else ():
            self._start_unload(name)
        await self._changed.wait_for(lambda: self.memory.begin_load(model))

    async def _load_into_container(self, model: str, path: Path, load: Load) -> None:
        memory = load.memory
        answered = False
        evictions = iter(_LOAD_EVICTIONS)
        try:
            while True:
                answered = False
                began = time.perf_counter()
                reply = await self._container.load(handle(model), model, path, self._settings.load_seconds)
                answered = True
                if reply.ok:
                    self._timed(Step.LOAD, time.perf_counter() - began)
                    break
                await self._resolve_refusal(reply, model, evictions)
        except BaseException as error:
            self._archives.forget(model)
            if not answered and memory is self.memory and self.up and not self._closed:
                # The container may be loading it still; its waiters get this error instead of the death's.
                self._loads.pop(model, None)
                hangs = not isinstance(error, ContainerDiedError)
                await self._kill(f"the load of {model} {'did not end' if hangs else f'failed: {error}'}")
            raise
        memory.loaded(model)
        if memory is self.memory:
            self.since[model] = time.time()
        # Each waiting request acquires it now, so that the next load can't evict it first.
        for _ in range(load.waiting):
            memory.acquire(model)
        load.done = True

    async def _resolve_refusal(self, reply: ContainerReply, model: str, evictions: Iterator[int]) -> None:
        """Make another try of a refused load possible, or raise LoadFailedError.

        Args:
            reply: The container's refusal.
            model: The target model.
            evictions: How many idle models to evict for this try, and for the next ones.
        """
        if reply.status == _CONFLICT:
            # The container still has a model whose unload failed.
            unloaded = await self._container.unload(handle(model), model)
            if unloaded.ok:
                return
        most = next(evictions, 0) if reply.status == INSUFFICIENT_STORAGE else 0
        victims = [victim for _ in range(most) if (victim := self.memory.evict_one())]
        if not victims:
            message = reply.text or f"the container answered {reply.status} without a message"
            raise LoadFailedError(reply.status, message)
        await asyncio.wait([self._start_unload(victim) for victim in victims])

    def _start_unload(self, model: str) -> asyncio.Task[None]:
        """Unload a model; it continues if the request that needs the memory gives up."""
        task = asyncio.create_task(self._unload(model, self.memory), name=f"unload {model}")
        self._unloads.add(task)
        task.add_done_callback(self._unloads.discard)
        return task

    async def _unload(self, model: str, memory: ModelMemory) -> None:
        hangs = False
        began = time.perf_counter()
        try:
            reply = await self._container.unload(handle(model), model)
            if reply.ok:
                self._timed(Step.UNLOAD, time.perf_counter() - began)
            elif reply.status != _NOT_FOUND:
                log.warning("%s: unloading %s: %s %s", self._name, model, reply.status, reply.text)
        except (ContainerDiedError, ContainerTimeoutError) as error:
            log.warning("%s: unloading %s: %s", self._name, model, error)
            hangs = isinstance(error, ContainerTimeoutError)
        finally:
            if memory is self.memory:
                memory.unloaded(model)
                self.since.pop(model, None)
                self._archives.release(model)
                if not self._keep_loaded:
                    self._archives.forget(model)
            self._changed.notify_all()
        if hangs and memory is self.memory and self.up:
            await self._kill(f"the unload of {model} did not end")


def _left(deadline: float) -> float:
    return max(0.0, deadline - asyncio.get_running_loop().time())


@functools.lru_cache(4096)
def handle(target_model: str) -> str:
    """Return the opaque name for the container: hex, since Triton's path rule takes no dash."""
    return hashlib.sha256(target_model.encode()).hexdigest()[:32]
