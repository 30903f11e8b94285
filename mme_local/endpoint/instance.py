"""One instance of a variant: a container, the models in its memory, and everybody who waits for one."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path

from mme.fleet import InstanceView, ModelState
from mme_local.containers.container import (
    ContainerDiedError,
    ContainerReply,
    ContainerTimeoutError,
    ServingContainer,
)
from mme_local.endpoint.archive_cache import ArtifactShelf, Fetch
from mme_local.endpoint.in_flight import InFlight
from mme_local.endpoint.load import Lease, NotReadyError
from mme_local.endpoint.model_cache import INSUFFICIENT_STORAGE, ModelKeeper, handle
from mme_local.settings import LocalSettings
from mme_local.trace import StepTimed, Trace, unseen

log = logging.getLogger(__name__)

_BAD_REQUEST = 400
_RESTART_PAUSES_SECONDS = (0.5, 10.0)
"""The first pause between two tries to start a container again, and the longest."""
_FORGOTTEN_PAUSES_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Between the tries of a request for a model that Triton does not know for a moment."""
_NEVER_READ_SECONDS = 0.5
"""A request that fails this soon after it was sent may have met a container already dying."""


class Instance:
    """Serves any model of the store through one container; safe for concurrent requests.

    A container that ends is started again with an empty memory; what it was answering fails,
    nothing later does.

    Args:
        name: for the log, such as ``mme-local/AllTraffic/0``.
        container: started and stopped by this instance.
        fetch: brings a target model's files.
        folder: its own, for unpacked models and the container; deleted by :meth:`stop`.
        settings: budgets and time limits.
        keep_loaded: ModelCacheSetting; where False, a model goes right after its last use.
        timed: told of every download, load and unload.
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
        timed: StepTimed = unseen,
    ) -> None:
        self.name = name
        self.restarts = 0
        self._container = container
        self._folder = folder
        self._settings = settings
        self._shelf = ArtifactShelf(
            folder / "models", fetch, settings.disk_bytes, settings.disk_eviction, timed
        )
        self._models = ModelKeeper(
            name, container, self._shelf, settings, self._kill, keep_loaded=keep_loaded, timed=timed
        )
        self._in_flight = InFlight()
        self._sitter: asyncio.Task[None] | None = None
        self._up = False

    @property
    def id(self) -> str:
        """As EC2's: of this very instance, also where another one has its name later."""
        return f"i-{hashlib.sha256(str(self._folder).encode()).hexdigest()[:17]}"

    @property
    def pid(self) -> int | None:
        """The container's process id while it runs."""
        return self._container.pid

    async def start(self) -> None:
        """Start the container, and watch over it from now on. MmeError where it does not come up."""
        await self._container.start()
        self._up = True
        self._sitter = asyncio.create_task(self._watch(), name=f"watch {self.name}")

    async def stop(self) -> None:
        """End the container, forget all models, delete the folder. Safe to call where it never started."""
        self._up = False
        if self._sitter:
            self._sitter.cancel()
            await asyncio.gather(self._sitter, return_exceptions=True)
        try:
            await self._models.close()
        finally:
            try:
                await self._container.stop()
            finally:
                await self._shelf.clear()
                shutil.rmtree(self._folder, ignore_errors=True)

    async def drained(self) -> None:
        """Return once no request is in flight."""
        await self._in_flight.none()

    async def unload_idle(self, model: str) -> None:
        """Let a model go from memory and disk, unless it is in use or on its way."""
        await self._models.unload_idle(model)

    def view(self, target_model: str) -> InstanceView:
        """What routing may know of this instance for one model. The index is the caller's to set."""
        ledger = self._models.ledger
        holds = ledger.state(target_model) not in (None, ModelState.UNLOADING)
        return InstanceView(
            index=0,
            holds=holds,
            model_in_flight=self._in_flight.of(target_model),
            in_flight=self._in_flight.count,
            free=ledger.budget - ledger.booked,
            available=self._up,
        )

    def describe(self) -> dict[str, object]:
        """The instance for people and scripts: memory and models, most recently used first."""
        ledger = self._models.ledger
        return {
            "name": self.name,
            "id": self.id,
            "pid": self.pid,
            "folder": str(self._folder),
            "restarts": self.restarts,
            "in_flight": self._in_flight.count,
            "longest_in_flight_seconds": round(self._in_flight.longest, 3),
            "memory_bytes": ledger.budget,
            "memory_used_bytes": ledger.used,
            "disk_bytes": self._settings.disk_bytes,
            "disk_used_bytes": self._shelf.used,
            "models": [
                {
                    "name": model,
                    "state": state.value,
                    "weight_bytes": ledger.weight(model),
                    "hits": ledger.hits(model),
                    "loaded_at": self._models.since.get(model),
                }
                for model in reversed(ledger.models)
                if (state := ledger.state(model)) is not None
            ],
        }

    async def invoke(
        self, target_model: str, body: bytes, headers: Mapping[str, str], trace: Trace | None = None
    ) -> ContainerReply:
        """Answer one request within ``invoke_seconds``, loading the model first where it is not in memory.

        A request that a dying container never read is sent once more, to the new one. The trace, where
        there is one, is told how it went.

        Raises:
            NotReadyError: it is still loading, or was for so long that no time was left to answer; the
                load goes on.
            LoadFailedError: it can't be loaded.
            BadArchiveError: its archive can't be unpacked.
            ContainerDiedError: the container ended under this request.
            ContainerTimeoutError: the container did not answer in time.
        """
        with self._in_flight.one(target_model):
            loop = asyncio.get_running_loop()
            deadline = loop.time() + self._settings.invoke_seconds
            deaths = 0
            pauses = iter(_FORGOTTEN_PAUSES_SECONDS)
            trace = trace or Trace()
            while True:
                lease = await self._use(target_model, deadline, trace)
                sent = loop.time()
                try:
                    reply = await self._container.invoke(
                        handle(target_model), target_model, body, headers, max(0.0, deadline - sent)
                    )
                except ContainerTimeoutError:
                    if lease.waited:
                        raise NotReadyError(target_model) from None
                    raise
                except ContainerDiedError as error:
                    deaths += 1
                    if error.read or deaths > 1 or loop.time() - sent > _NEVER_READ_SECONDS:
                        raise
                    await self._models.death_seen(lease.ledger)
                    continue
                finally:
                    trace.model_seconds += loop.time() - sent
                    self._models.give_back(lease)
                if reply.status == INSUFFICIENT_STORAGE and await self._models.make_room(lease, deadline):
                    continue
                if _forgotten(reply, target_model) and (pause := next(pauses, None)) is not None:
                    await asyncio.sleep(min(pause, max(0.0, deadline - loop.time())))
                    continue
                return reply

    async def _use(self, model: str, deadline: float, trace: Trace) -> Lease:
        clock = asyncio.get_running_loop().time
        began = clock()
        if trace.cache_hit is None:  # told apart at the first look only: a second one is no new request
            trace.cache_hit = self._models.ledger.state(model) is ModelState.READY
        try:
            return await self._models.use(model, deadline)
        finally:
            trace.waited_seconds += clock() - began

    async def _watch(self) -> None:
        """Start the container again whenever it ends by itself."""
        while True:
            status = await self._container.wait_dead()
            self._up = False
            log.warning("%s: the container ended with status %s; starting it again", self.name, status)
            await self._models.container_ended()
            await self._start_again()
            self.restarts += 1
            self._up = True
            self._models.container_up()

    async def _start_again(self) -> None:
        pause, longest = _RESTART_PAUSES_SECONDS
        while True:
            try:
                await self._container.stop()
                await self._container.start()
                return
            except Exception as error:
                log.error("%s: the container does not start: %s", self.name, error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)

    async def _kill(self) -> None:
        """End a container that hangs; the watch starts it again."""
        self._up = False
        self._models.container_down()
        await self._container.stop()


def _forgotten(reply: ContainerReply, target_model: str) -> bool:
    """Whether Triton says not to know a model that is in its memory.

    Triton 2.51 does so for a moment, seldom, while other models come and go; it has run nothing then.
    """
    if reply.status != _BAD_REQUEST:
        return False
    return reply.text.startswith(f'{{"error":"Request for unknown model: \'{target_model}\' is not found')
