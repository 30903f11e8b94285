"""One instance of a variant: a container and the models in its memory and on its disk."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mme.aws.backoff import backoff_delays
from mme.fleet import InstanceView, ModelState
from mme_local.containers.container import ContainerDiedError, ContainerReply, ServingContainer
from mme_local.endpoint.archive_cache import ArchiveCache, Fetch
from mme_local.endpoint.in_flight import InFlight
from mme_local.endpoint.load import Lease, NotReadyError
from mme_local.endpoint.model_cache import INSUFFICIENT_STORAGE, ModelCache, handle
from mme_local.endpoint.restart import Restart
from mme_local.endpoint.trace import StepTimed, Trace
from mme_local.settings import LocalSettings

log = logging.getLogger(__name__)

_BAD_REQUEST: Final = 400
_RESTART_SECONDS: Final = (0.5, 10.0)
"""First and longest delay between two tries to start a container again."""
_UNKNOWN_MODEL_SECONDS: Final = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Delays between the tries of a request for a model that Triton does not know for a moment."""
_MEMORY_RETRIES: Final = 2
"""How often a request that gets a 507 evicts an idle model and is sent again: each time, its code runs."""
_NEVER_READ_SECONDS: Final = 0.5
"""A request that fails this soon after it was sent may have met a container that was ending."""


class Instance:
    """Serves any model of the store through one container; safe for concurrent requests.

    A container that ends is started again with an empty memory. The requests that it was answering fail.

    Args:
        name: For the log, such as ``mme-local/AllTraffic/0``.
        container: Started and stopped by this instance.
        fetch: Downloads a target model's files.
        folder: For unpacked models and the container; deleted by :meth:`stop`.
        settings: Budgets and time limits.
        keep_loaded: ModelCacheSetting; if False, a model is unloaded right after its last use.
        timed: Called after every download, load and unload.
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
        timed: StepTimed = lambda *_: None,
    ) -> None:
        self.name = name
        self.restarts = 0
        self.last_restart: Restart | None = None
        self._ending = ""  # why the container is being ended
        self._container = container
        self._folder = folder
        self._settings = settings
        self._archives = ArchiveCache(folder / "models", fetch, settings.disk_bytes, settings.eviction, timed)
        self._models = ModelCache(
            name, container, self._archives, settings, self._kill, keep_loaded=keep_loaded, timed=timed
        )
        self._in_flight = InFlight()
        self._watchdog: asyncio.Task[None] | None = None

    @property
    def id(self) -> str:
        """An instance id as EC2 has it, unique even if a later instance has the same name."""
        return f"i-{hashlib.sha256(str(self._folder).encode()).hexdigest()[:17]}"

    @property
    def pid(self) -> int | None:
        """The container's process id while it runs."""
        return self._container.pid

    async def start(self) -> None:
        """Start the container, and restart it whenever it ends. Raises MmeError if it does not start."""
        await self._container.start()
        self._models.container_up()
        self._watchdog = asyncio.create_task(self._watch(), name=f"watch {self.name}")

    async def stop(self) -> None:
        """End the container, unload all models, delete the folder. Safe to call if it never started."""
        if self._watchdog:
            self._watchdog.cancel()
            await asyncio.gather(self._watchdog, return_exceptions=True)
        try:
            await self._models.close()
        finally:
            try:
                await self._container.stop()
            finally:
                await self._archives.clear()
                shutil.rmtree(self._folder, ignore_errors=True)

    async def load(self, target_model: str) -> None:
        """Load a model now. Raises as :meth:`invoke` does."""
        deadline = asyncio.get_running_loop().time() + self._settings.load_seconds
        self._models.release(await self._models.acquire(target_model, deadline))

    async def wait_idle(self) -> None:
        """Return once no request is in flight."""
        await self._in_flight.wait_idle()

    async def unload_idle(self, model: str) -> None:
        """Evict a model from memory and disk, unless it is in use or being loaded."""
        await self._models.unload_idle(model)

    def view(self, target_model: str, index: int = 0) -> InstanceView:
        """Return what routing may know of this instance for one model.

        Args:
            target_model: The model of the request.
            index: The instance's position in its variant.
        """
        memory = self._models.memory
        return InstanceView(
            index=index,
            holds=memory.state(target_model) not in (None, ModelState.UNLOADING),
            model_in_flight=self._in_flight.count_of(target_model),
            in_flight=self._in_flight.count,
            free=memory.budget - memory.reserved,
            available=self._models.up,
        )

    def describe(self) -> dict[str, object]:
        """Return memory, disk and models, most recently used first, as JSON."""
        memory = self._models.memory
        return {
            "name": self.name,
            "id": self.id,
            "server": self._container.title,
            "pid": self.pid,
            "folder": str(self._folder),
            "restarts": self.restarts,
            "last_restart": self.last_restart.describe() if self.last_restart else None,
            "in_flight": self._in_flight.count,
            "longest_in_flight_seconds": round(self._in_flight.longest, 3),
            "memory_bytes": memory.budget,
            "memory_used_bytes": memory.used,
            "disk_bytes": self._settings.disk_bytes,
            "disk_used_bytes": self._archives.used,
            "models": [
                {
                    "name": model,
                    "state": state.value,
                    "weight_bytes": memory.weight(model),
                    "hits": memory.hits(model),
                    "loaded_at": self._models.since.get(model),
                }
                for model in reversed(memory.models)
                if (state := memory.state(model)) is not None
            ],
        }

    async def invoke(
        self, target_model: str, body: bytes, headers: Mapping[str, str], trace: Trace | None = None
    ) -> ContainerReply:
        """Answer one request within ``invoke_seconds``, loading the model first if needed.

        A request that a dying container never read is sent once more, to its successor.

        Args:
            target_model: The model.
            body: The payload.
            headers: For the container.
            trace: Gets cache hit and times.

        Raises:
            NotReadyError: The model is still loading, or no time is left after its load; the load goes on.
            LoadFailedError: It can't be loaded.
            UnreadableArchiveError: Its archive can't be unpacked.
            ContainerDiedError: The container ended during this request.
            ContainerTimeoutError: The container did not answer in time.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.invoke_seconds
        deaths = evictions = 0
        delays = iter(_UNKNOWN_MODEL_SECONDS)
        trace = trace or Trace()
        with self._in_flight.track(target_model):
            while True:
                lease = await self._acquire(target_model, deadline, trace)
                sent = loop.time()
                try:
                    if lease.waited and sent >= deadline:
                        raise NotReadyError(target_model)
                    reply = await self._container.invoke(
                        handle(target_model), target_model, body, headers, max(0.0, deadline - sent)
                    )
                except ContainerDiedError as error:
                    deaths += 1
                    if error.read or deaths > 1 or loop.time() - sent > _NEVER_READ_SECONDS:
                        raise
                    await self._models.death_noticed(lease.memory)
                    continue
                finally:
                    trace.model_seconds += loop.time() - sent
                    self._models.release(lease)
                self._ending = reply.fatal or self._ending
                if reply.status == INSUFFICIENT_STORAGE and evictions < _MEMORY_RETRIES:
                    evictions += 1
                    if await self._models.make_room(lease, deadline):
                        continue
                if _unknown_model(reply, target_model) and (delay := next(delays, None)) is not None:
                    await asyncio.sleep(min(delay, max(0.0, deadline - loop.time())))
                    continue
                return reply

    async def _acquire(self, model: str, deadline: float, trace: Trace) -> Lease:
        clock = asyncio.get_running_loop().time
        began = clock()
        if trace.cache_hit is None:  # a retry is not a new request
            trace.cache_hit = self._models.memory.state(model) is ModelState.READY
        try:
            return await self._models.acquire(model, deadline)
        finally:
            trace.waited_seconds += clock() - began

    async def _watch(self) -> None:
        """Start the container again whenever it ends."""
        while True:
            status = await self._container.wait_dead()
            models = len(self._models.memory.models)
            self.last_restart = Restart(time.time(), status, self._ending, models)
            self._ending = ""
            log.warning("%s: the container ended: %s; starting it again", self.name, self.last_restart)
            await self._models.container_ended()
            await self._start_again()
            self.restarts += 1
            self._models.container_up()

    async def _start_again(self) -> None:
        for delay in backoff_delays(*_RESTART_SECONDS, floor=0.5):
            try:
                await self._container.stop()
                await self._container.start()
                return
            except Exception as error:
                log.error("%s: the container does not start: %s", self.name, error)
            await asyncio.sleep(delay)

    async def _kill(self, reason: str) -> None:
        """End a container that can't go on; the watchdog starts it again."""
        self._models.up = False
        self._ending = reason
        await self._container.stop()


def _unknown_model(reply: ContainerReply, target_model: str) -> bool:
    """Whether Triton answers that it does not know a model that is in its memory.

    Triton 2.51 does so for a moment, seldom, while it loads and unloads others. The request did not run then.
    """
    if reply.status != _BAD_REQUEST:
        return False
    return reply.text.startswith(f'{{"error":"Request for unknown model: \'{target_model}\' is not found')
