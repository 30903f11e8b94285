"""One instance of a variant: a container, the models in its memory, and everybody who waits for one."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path

from mme.fleet import Admission, InstanceView, ModelMemory, ModelState, NoRoomError, TooLargeError
from mme.local.container import (
    ContainerDiedError,
    ContainerReply,
    ContainerTimeoutError,
    ServingContainer,
)
from mme.local.in_flight import InFlight
from mme.local.load import Load, LoadFailedError, NotReadyError
from mme.local.settings import LocalSettings
from mme.local.shelf import ArtifactShelf, Fetch

log = logging.getLogger(__name__)

INSUFFICIENT_STORAGE = 507
_RESTART_PAUSE_SECONDS = 0.5
_NEVER_READ_SECONDS = 0.5
"""A request that fails this soon after it was sent may have met a container already dying: a dead
process closes its connections some milliseconds before anybody can see that it is dead."""
_NO_MODEL = 404


class Instance:
    """Serves any model of the store through one container; safe for concurrent requests.

    Requests for a model on its way in share one load. A model in use is never unloaded. A container
    that ends is started again with an empty memory; what it was answering fails, nothing later does.

    Args:
        name: for the log, such as ``mme-local/AllTraffic/0``.
        container: started and stopped by this instance.
        fetch: brings a target model's files.
        folder: where unpacked models go.
        settings: budgets and time limits.
        keep_loaded: ModelCacheSetting; where False, a model goes right after its last use.
    """

    def __init__(
        self,
        name: str,
        container: ServingContainer,
        fetch: Fetch,
        folder: Path,
        settings: LocalSettings,
        *,
        keep_loaded: bool = True,
    ) -> None:
        self.name = name
        self.restarts = 0
        self._container = container
        self._settings = settings
        self._keep_loaded = keep_loaded
        self._memory = ModelMemory(settings.memory_bytes)
        self._loads: dict[str, Load] = {}
        self._unloads: set[asyncio.Task[None]] = set()
        self._shelf = ArtifactShelf(folder / "models", fetch, settings.disk_bytes)
        self._changed = asyncio.Condition()
        self._up = asyncio.Event()
        self._in_flight = InFlight()
        self._sitter: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """The container's process id while it runs."""
        return self._container.pid

    async def start(self) -> None:
        """Start the container, and watch over it from now on. MmeError where it does not come up."""
        await self._container.start()
        self._up.set()
        self._sitter = asyncio.create_task(self._watch(), name=f"watch {self.name}")

    async def stop(self) -> None:
        """End the container and forget all models."""
        self._stopping = True
        tasks = [
            *(load.task for load in self._loads.values()),
            *self._unloads,
            *([self._sitter] if self._sitter else []),
        ]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._container.stop()
        self._shelf.clear()

    async def drained(self) -> None:
        """Return once no request is in flight."""
        await self._in_flight.none()

    def view(self, target_model: str) -> InstanceView:
        """What routing may know of this instance for one model. The index is the caller's to set."""
        state = self._memory.state(target_model)
        holds = state in (ModelState.LOADING, ModelState.READY)
        users = self._memory.users(target_model) if holds else 0
        return InstanceView(0, holds, users, self._in_flight.count, self._memory.budget - self._memory.used)

    def holds(self, target_model: str) -> bool:
        """Whether the model is loaded or on its way in."""
        return self.view(target_model).holds

    def describe(self) -> dict[str, object]:
        """The instance for people and scripts: memory and models, most recently used first."""
        return {
            "name": self.name,
            "pid": self.pid,
            "restarts": self.restarts,
            "in_flight": self._in_flight.count,
            "longest_in_flight_seconds": round(self._in_flight.longest, 3),
            "memory_bytes": self._memory.budget,
            "memory_used_bytes": self._memory.used,
            "models": [
                {
                    "name": model,
                    "state": state.value,
                    "weight_bytes": self._memory.weight(model),
                    "hits": self._memory.hits(model),
                }
                for model in reversed(self._memory.models)
                if (state := self._memory.state(model)) is not None
            ],
        }

    async def invoke(self, target_model: str, body: bytes, headers: Mapping[str, str]) -> ContainerReply:
        """Answer one request, loading the model first where it is not in memory.

        A request that a dying container never read is sent once more, to the new one.

        Raises:
            NotReadyError: it is still loading; the load goes on.
            LoadFailedError: it can't be loaded.
            BadArchiveError: its archive can't be unpacked.
            ContainerDiedError: the container ended under this request.
            ContainerTimeoutError: the container did not answer in time.
        """
        with self._in_flight.one():
            loop = asyncio.get_running_loop()
            deadline = loop.time() + self._settings.invoke_seconds
            tries = 0
            while True:
                memory = await self._use(target_model, deadline)
                sent = loop.time()
                tries += 1
                try:
                    reply = await self._container.invoke(
                        _handle(target_model), target_model, body, headers, self._settings.invoke_seconds
                    )
                except ContainerDiedError:
                    if tries > 1 or loop.time() - sent > _NEVER_READ_SECONDS:
                        raise
                    await self._death_seen(memory)
                    continue
                finally:
                    self._release(memory, target_model)
                    await self._tell()
                if reply.status == INSUFFICIENT_STORAGE and self._memory is memory:
                    victim = memory.evict_one(sparing=target_model)
                    if victim is not None:
                        await self._unload(victim)
                        continue
                return reply

    async def _use(self, model: str, deadline: float) -> ModelMemory:
        """Start to use the model, loading it where it is not READY; gives the ledger to release it on."""
        loop = asyncio.get_running_loop()
        deaths = 0
        while not self._memory.acquire(model):
            if not self._up.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._up.wait(), max(0.0, deadline - loop.time()))
                if not self._up.is_set():
                    raise ContainerDiedError("the container has not come back yet")
                continue
            load = self._loads.get(model) or self._start_load(model)
            load.waiting += 1
            try:
                done, _ = await asyncio.wait({load.task}, timeout=max(0.0, deadline - loop.time()))
            except asyncio.CancelledError:
                self._leave(load, model)
                raise
            if not done:
                self._leave(load, model)
                raise NotReadyError(model)
            if load.died():
                # Nothing was asked of the model yet: load it into the next container, but once only,
                # since the model itself may be what ends containers.
                deaths += 1
                if deaths > 1:
                    raise ContainerDiedError("the container ended while it loaded the model")
                await self._death_seen(load.began_on)
                continue
            load.task.result()
            if load.handed_on is not None:
                return load.handed_on
        return self._memory

    async def _death_seen(self, memory: ModelMemory) -> None:
        """Return once the watch has noticed that the container of this ledger is gone."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_NEVER_READ_SECONDS), self._changed:
                await self._changed.wait_for(lambda: self._memory is not memory)

    def _leave(self, load: Load, model: str) -> None:
        """A request gives up on a load: it waits no more, or lets go of the use it was handed."""
        if load.handed_on is None:
            load.waiting -= 1
        else:
            self._release(load.handed_on, model)

    def _release(self, memory: ModelMemory, model: str) -> None:
        if memory is not self._memory:
            return  # a restart gave a new ledger, which knows nothing of this use
        memory.release(model)
        if not self._keep_loaded and memory.evict(model):
            self._start_unload(model)

    def _start_load(self, model: str) -> Load:
        load = Load(self._memory)
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
            log.warning("%s: loading %s took over %g s", self.name, model, self._settings.load_seconds)
            raise LoadFailedError(
                0, f"the model did not load within {self._settings.load_seconds:g} s"
            ) from None

    async def _load_in_time(self, model: str, load: Load) -> None:
        await self._leaving(model)
        artifact = await self._shelf.get(model, _handle(model), sparing=self._in_memory())
        weight = self._settings.weigh(artifact.unpacked_bytes)
        await self._book(model, weight)
        memory = self._memory
        loaded = False
        asked = False
        try:
            while True:
                asked = True
                reply = await self._container.load(
                    _handle(model), model, artifact.path, self._settings.load_seconds
                )
                asked = False
                if reply.ok:
                    loaded = True
                    return
                victim = memory.evict_one() if reply.status == INSUFFICIENT_STORAGE else None
                if victim is None:
                    raise LoadFailedError(reply.status, _container_message(reply))
                await self._unload(victim)
        finally:
            if memory is self._memory:
                if loaded:
                    memory.loaded(model)
                    # Everybody who waited gets its use now: the next load must not evict it first.
                    for _ in range(load.waiting):
                        memory.acquire(model)
                    load.handed_on = memory
                else:
                    memory.load_failed(model)
            if not loaded:
                self._shelf.forget(model)
                if asked and not self._stopping and self._up.is_set() and self._container.pid is not None:
                    await self._kill()
            await self._tell()

    async def _leaving(self, model: str) -> None:
        """A model on its way out must be gone before it can come back."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._memory.state(model) is not ModelState.UNLOADING)

    async def _book(self, model: str, weight: int) -> None:
        """Book room, unloading who must leave, waiting while everybody is in use."""
        try:
            async with self._changed:
                while (admission := self._admit(model, weight)) is None:
                    await self._changed.wait()
        except TooLargeError as error:
            raise LoadFailedError(
                INSUFFICIENT_STORAGE,
                f"the model weighs {weight:,} bytes, the instance has {error.budget:,} for all models; "
                "set MME_LOCAL_MEMORY_MIB or MME_LOCAL_WEIGHT_FACTOR",
            ) from None
        memory = self._memory
        try:
            # One after the other costs Triton's 2 s each: let them go together.
            await asyncio.gather(*(self._unload(name) for name in admission.evicted))
        except BaseException:
            if memory is self._memory:
                memory.load_failed(model)
            raise

    def _in_memory(self) -> set[str]:
        """Models whose files the container may still read."""
        return {*self._memory.models, *self._loads}

    def _admit(self, model: str, weight: int) -> Admission | None:
        try:
            return self._memory.admit(model, weight)
        except NoRoomError:
            return None

    async def _unload(self, model: str) -> None:
        """Let a model go; it goes on where the request that wanted the room gives up."""
        await asyncio.shield(self._start_unload(model))

    def _start_unload(self, model: str) -> asyncio.Task[None]:
        task = asyncio.create_task(self._unload_now(model, self._memory), name=f"unload {model}")
        self._unloads.add(task)
        task.add_done_callback(self._unloads.discard)
        return task

    async def _unload_now(self, model: str, memory: ModelMemory) -> None:
        try:
            reply = await self._container.unload(_handle(model), model)
            if not reply.ok and reply.status != _NO_MODEL:
                log.warning("%s: unloading %s: %s %s", self.name, model, reply.status, reply.text)
        except (ContainerDiedError, ContainerTimeoutError) as error:
            log.warning("%s: unloading %s: %s", self.name, model, error)
        finally:
            if memory is self._memory:
                memory.unloaded(model)
                if not self._keep_loaded:
                    self._shelf.forget(model)
            await self._tell()

    async def _watch(self) -> None:
        """Start the container again whenever it ends by itself."""
        while True:
            status = await self._container.wait_dead()
            self._up.clear()
            log.warning("%s: the container ended with status %s; starting it again", self.name, status)
            loads = [load.task for load in self._loads.values()]
            self._loads.clear()
            for task in loads:
                task.cancel()
            self._memory = ModelMemory(self._settings.memory_bytes)
            await self._tell()
            await asyncio.gather(*loads, return_exceptions=True)
            await self._container.stop()
            while True:
                try:
                    await self._container.start()
                    break
                except Exception:
                    log.exception("%s: the container does not start", self.name)
                    await asyncio.sleep(_RESTART_PAUSE_SECONDS)
            self.restarts += 1
            self._up.set()
            await self._tell()

    async def _kill(self) -> None:
        """End a container that hangs; the watch starts it again."""
        self._up.clear()
        mine = asyncio.current_task()  # the watch is to cancel the other loads, not the one that found out
        self._loads = {name: load for name, load in self._loads.items() if load.task is not mine}
        await self._container.stop()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _handle(target_model: str) -> str:
    """The opaque name for the container: hex, since Triton's path rule takes no dash."""
    return hashlib.sha256(target_model.encode()).hexdigest()[:32]


def _container_message(reply: ContainerReply) -> str:
    return reply.text or f"the container answered {reply.status} without a text"
