"""The models of one container: brought in when asked for, let go when others need the room."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from mme.fleet import Admission, DiskFullError, ModelMemory, ModelState, NoRoomError, TooLargeError
from mme_local.containers.container import (
    ContainerDiedError,
    ContainerReply,
    ContainerTimeoutError,
    ServingContainer,
)
from mme_local.endpoint.archive import Artifact
from mme_local.endpoint.archive_cache import ArtifactShelf
from mme_local.endpoint.condition import Changes
from mme_local.endpoint.load import Lease, Load, LoadFailedError, NotReadyError
from mme_local.settings import LocalSettings
from mme_local.trace import Step, StepTimed, unseen

log = logging.getLogger(__name__)

INSUFFICIENT_STORAGE = 507
_CONFLICT = 409
_NO_MODEL = 404
_DEATH_SEEN_SECONDS = 0.5
"""A dead process closes its connections some milliseconds before anybody can see that it is dead."""


class ModelKeeper:
    """Requests for a model on its way in share one load; a model in use is never unloaded.

    Args:
        name: of the instance, for the log.
        container: loads and unloads; it may end at any time, which :meth:`container_ended` tells.
        shelf: the models' files.
        settings: budgets and time limits.
        kill: ends a container that hangs.
        keep_loaded: ModelCacheSetting; where False, a model goes right after its last use.
        timed: told of every load and unload.

    Attributes:
        ledger: what is in the memory.
        since: when each model in it was loaded, in seconds since the epoch.
    """

    def __init__(
        self,
        name: str,
        container: ServingContainer,
        shelf: ArtifactShelf,
        settings: LocalSettings,
        kill: Callable[[], Awaitable[None]],
        *,
        keep_loaded: bool = True,
        timed: StepTimed = unseen,
    ) -> None:
        self.since: dict[str, float] = {}
        self._timed = timed
        self.ledger = ModelMemory(settings.memory_bytes, keep_loaded, settings.eviction)
        self._name = name
        self._container = container
        self._shelf = shelf
        self._settings = settings
        self._kill = kill
        self._keep_loaded = keep_loaded
        self._loads: dict[str, Load] = {}
        self._unloads: set[asyncio.Task[None]] = set()
        self._changes = Changes()
        self._up = True
        self._closed = False

    async def use(self, model: str, deadline: float) -> Lease:
        """Start to use a model, loading it where it is not in memory.

        Args:
            model: the target model.
            deadline: until when to wait, in the event loop's time.

        Raises:
            NotReadyError: it is still loading; the load goes on.
            LoadFailedError: it can't be loaded.
            ContainerDiedError: the container is gone and did not come back in time.
            Exception: whatever its download raises.
        """
        waited = False
        deaths = 0
        while not (self._up and self.ledger.acquire(model)):
            if not self._up:
                await self._until_up(deadline)
                continue
            load = self._loads.get(model) or self._start_load(model)
            waited = True
            if await self._wait(load, model, deadline):
                # Nothing was asked of the model yet: load it into the next container, but once only,
                # since the model itself may be what ends containers.
                deaths += 1
                if deaths > 1:
                    raise ContainerDiedError("the container ended while it loaded the model")
                await self.death_seen(load.began_on)
            elif load.handed_on is not None:
                return Lease(model, load.handed_on, waited)
        return Lease(model, self.ledger, waited)

    def give_back(self, lease: Lease) -> None:
        """Stop using a model."""
        must_leave = lease.ledger.release(lease.model)
        if lease.ledger is not self.ledger:
            return  # its container is gone
        if must_leave:
            self._start_unload(lease.model)
        self._changes.announce()

    async def make_room(self, lease: Lease, deadline: float) -> bool:
        """Let one idle model go, for a container that answered 507. False where none could go in time."""
        victim = self.ledger.evict_one(sparing=lease.model) if lease.ledger is self.ledger else None
        if victim is None:
            return False
        left = max(0.0, deadline - asyncio.get_running_loop().time())
        done, _ = await asyncio.wait({self._start_unload(victim)}, timeout=left)
        return bool(done)

    async def unload_idle(self, model: str) -> None:
        """Let a model go from memory and disk, unless it is in use or on its way."""
        if self.ledger.evict(model):
            await asyncio.shield(self._start_unload(model))
        if self.ledger.state(model) is None and model not in self._loads:
            self._shelf.forget(model)

    async def death_seen(self, ledger: ModelMemory) -> None:
        """Return once it is noticed that the container of this ledger is gone, or soon anyway."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DEATH_SEEN_SECONDS):
                await self._changes.until(lambda: self.ledger is not ledger or self._closed)

    def container_down(self) -> None:
        """The container can't be asked from now on."""
        self._up = False

    async def container_ended(self) -> None:
        """The container's memory is gone, and with it every load into it."""
        self._up = False
        loads = [load.task for load in self._loads.values()]
        self._loads.clear()
        self.since.clear()
        for task in loads:
            task.cancel()
        self.ledger = ModelMemory(self.ledger.budget, self._keep_loaded, self.ledger.order)
        self._changes.announce()
        await asyncio.gather(*loads, return_exceptions=True)
        self._shelf.release_all()

    def container_up(self) -> None:
        """There is a new container, with an empty memory."""
        self._up = True
        self._changes.announce()

    async def close(self) -> None:
        """End every load and unload; whoever waits gets ContainerDiedError, now and later."""
        self._closed = True
        tasks = [*(load.task for load in self._loads.values()), *self._unloads]
        for task in tasks:
            task.cancel()
        self._changes.announce()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _until_up(self, deadline: float) -> None:
        left = max(0.0, deadline - asyncio.get_running_loop().time())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left):
                await self._changes.until(lambda: self._up or self._closed)
        self._check_open()
        if not self._up:
            raise ContainerDiedError("the container has not come back yet")

    def _check_open(self) -> None:
        if self._closed:
            raise ContainerDiedError("the instance is being stopped")

    async def _wait(self, load: Load, model: str, deadline: float) -> bool:
        """Wait for a load, raising what it raised; True where it ended because its container did."""
        left = max(0.0, deadline - asyncio.get_running_loop().time())
        load.waiting += 1
        try:
            done, _ = await asyncio.wait({load.task}, timeout=left)
        except asyncio.CancelledError:
            self._leave(load, model)
            raise
        if not done:
            self._leave(load, model)
            raise NotReadyError(model)
        if load.died():
            return True
        load.task.result()
        return False

    def _leave(self, load: Load, model: str) -> None:
        """A request gives up on a load: it waits no more, or lets go of the use it was handed."""
        if load.handed_on is None:
            load.waiting -= 1
        else:
            self.give_back(Lease(model, load.handed_on, waited=True))

    def _start_load(self, model: str) -> Load:
        self._check_open()
        load = Load(self.ledger)
        self._loads[model] = load
        load.task = asyncio.create_task(self._load(model, load), name=f"load {model}")
        load.task.add_done_callback(functools.partial(self._load_done, model))
        return load

    def _load_done(self, model: str, task: asyncio.Task[None]) -> None:
        if model in self._loads and self._loads[model].task is task:
            del self._loads[model]
        if not task.cancelled():
            task.exception()  # fetched: waiters may all have gone

    async def _load(self, model: str, load: Load) -> None:
        """Download, make room, load. The time limit is for all three."""
        try:
            async with asyncio.timeout(self._settings.load_seconds):
                await self._load_in_time(model, load)
        except (TimeoutError, ContainerTimeoutError):
            # Triton whose python process can't start never answers: only a new one helps.
            log.warning("%s: loading %s took over %g s", self._name, model, self._settings.load_seconds)
            if load.began_on is self.ledger:
                self._shelf.forget(model)  # a download that hangs would hang the next load too
            raise LoadFailedError(
                0, f"the model did not load within {self._settings.load_seconds:g} s"
            ) from None

    async def _load_in_time(self, model: str, load: Load) -> None:
        ledger = load.began_on
        await self._changes.until(lambda: ledger.state(model) is not ModelState.UNLOADING)
        try:
            artifact = await self._on_disk(model)
            await self._book(model, self._settings.weigh(artifact.unpacked_bytes))
            await self._ask_to_load(model, artifact.path, load)
        finally:
            if load.handed_on is None and ledger is self.ledger:
                if ledger.state(model) in (ModelState.WAITING, ModelState.LOADING):
                    ledger.load_failed(model)
                self._shelf.release(model)
            self._changes.announce()

    async def _on_disk(self, model: str) -> Artifact:
        """Have the model's files on the disk, where they stay until they are released."""
        while True:
            try:
                return await self._shelf.get(model, handle(model))
            except DiskFullError as error:
                # What is in memory stays on the disk: let an idle one go from both.
                victim = self.ledger.evict_one()
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
                raise LoadFailedError(
                    INSUFFICIENT_STORAGE, f"the disk of this machine: {error.strerror}"
                ) from None

    async def _book(self, model: str, weight: int) -> None:
        """Get room: those who must leave leave, and while everybody is in use, wait."""
        admission: Admission | None = None

        def admitted() -> bool:
            nonlocal admission
            with contextlib.suppress(NoRoomError):
                admission = self.ledger.admit(model, weight)
            return admission is not None

        try:
            await self._changes.until(admitted)
        except TooLargeError as error:
            raise LoadFailedError(
                INSUFFICIENT_STORAGE,
                f"the model weighs {weight:,} bytes, the instance has {error.budget:,} for all models; "
                "set MME_LOCAL_MEMORY_MIB or MME_LOCAL_WEIGHT_FACTOR",
            ) from None
        # One after the other would cost Triton's 2 s each: let them go together.
        for name in admission.evicted if admission else ():
            self._start_unload(name)
        await self._changes.until(lambda: self.ledger.begin_load(model))

    async def _ask_to_load(self, model: str, path: Path, load: Load) -> None:
        ledger = load.began_on
        answered = False
        try:
            while True:
                answered = False
                began = time.perf_counter()
                reply = await self._container.load(handle(model), model, path, self._settings.load_seconds)
                answered = True
                if reply.ok:
                    self._timed(Step.LOAD, time.perf_counter() - began)
                    break
                await self._mend(reply, model)
        except BaseException:
            # The container refused these files, or may be loading them still.
            self._shelf.forget(model)
            if not answered and ledger is self.ledger and self._up and not self._closed:
                self._loads.pop(model, None)  # its waiters are to hear this error, not of a death
                await self._kill()
            raise
        ledger.loaded(model)
        if ledger is self.ledger:
            self.since[model] = time.time()
        # Everybody who waited gets its use now: the next load must not evict it first.
        for _ in range(load.waiting):
            ledger.acquire(model)
        load.handed_on = ledger

    async def _mend(self, reply: ContainerReply, model: str) -> None:
        """Do something about a refused load, so that it can be asked again, or raise."""
        if reply.status == _CONFLICT:
            # It has a model that we believe gone, since an unload came to a bad end.
            again = await self._container.unload(handle(model), model)
            if again.ok:
                return
        victim = self.ledger.evict_one() if reply.status == INSUFFICIENT_STORAGE else None
        if victim is None:
            raise LoadFailedError(
                reply.status, reply.text or f"the container answered {reply.status} without a text"
            )
        await asyncio.shield(self._start_unload(victim))

    def _start_unload(self, model: str) -> asyncio.Task[None]:
        """Let a model go; it goes on where the request that wanted the room gives up."""
        task = asyncio.create_task(self._unload(model, self.ledger), name=f"unload {model}")
        self._unloads.add(task)
        task.add_done_callback(self._unloads.discard)
        return task

    async def _unload(self, model: str, ledger: ModelMemory) -> None:
        hangs = False
        began = time.perf_counter()
        try:
            reply = await self._container.unload(handle(model), model)
            if reply.ok:
                self._timed(Step.UNLOAD, time.perf_counter() - began)
            elif reply.status != _NO_MODEL:
                log.warning("%s: unloading %s: %s %s", self._name, model, reply.status, reply.text)
        except (ContainerDiedError, ContainerTimeoutError) as error:
            log.warning("%s: unloading %s: %s", self._name, model, error)
            hangs = isinstance(error, ContainerTimeoutError)
        finally:
            if ledger is self.ledger:
                ledger.unloaded(model)
                self.since.pop(model, None)
                self._shelf.release(model)
                if not self._keep_loaded:
                    self._shelf.forget(model)
            self._changes.announce()
        if hangs and ledger is self.ledger and self._up:
            await self._kill()


@functools.lru_cache(4096)
def handle(target_model: str) -> str:
    """The opaque name for the container: hex, since Triton's path rule takes no dash."""
    return hashlib.sha256(target_model.encode()).hexdigest()[:32]
