"""A serving container that meets faults."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path

from mme_local.containers.container import ContainerDiedError, ContainerReply, ServingContainer
from mme_local.endpoint.load import NotReadyError
from mme_local.faults.board import FaultBoard
from mme_local.faults.fault import FaultKind

_JSON = "application/json"


class FaultyContainer:
    """Asks another container, unless a fault is in the way.

    Args:
        container: what answers where nothing goes wrong.
        board: the faults.
    """

    def __init__(self, container: ServingContainer, board: FaultBoard) -> None:
        self._container = container
        self._board = board

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._container.pid

    async def start(self) -> None:
        """As `ServingContainer.start`."""
        await self._container.start()

    async def load(self, handle: str, target_model: str, path: Path, seconds: float) -> ContainerReply:
        """As `ServingContainer.load`; 507 where that is set."""
        if self._board.take(FaultKind.LOAD_507, target_model):
            return short_of_memory(target_model)
        return await self._container.load(handle, target_model, path, seconds)

    async def unload(self, handle: str, target_model: str) -> ContainerReply:
        """As `ServingContainer.unload`."""
        return await self._container.unload(handle, target_model)

    async def invoke(
        self, handle: str, target_model: str, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> ContainerReply:
        """As `ServingContainer.invoke`, less what is set to go wrong.

        Raises:
            NotReadyError: the model is to be not ready.
            ContainerDiedError: the server was killed.
        """
        if self._board.take(FaultKind.NOT_READY, target_model):
            raise NotReadyError(target_model)
        if self._board.take(FaultKind.STUB_UNHEALTHY, target_model):
            return stub_unhealthy(target_model)
        if self._board.take(FaultKind.TRITON_DIES, target_model):
            await self._die()
            raise ContainerDiedError("it was killed, as a fault asked for", read=True)
        return await self._container.invoke(handle, target_model, body, headers, seconds)

    async def wait_dead(self) -> int:
        """As `ServingContainer.wait_dead`."""
        return await self._container.wait_dead()

    async def stop(self) -> None:
        """As `ServingContainer.stop`."""
        await self._container.stop()

    def log_tail(self) -> str:
        """As `ServingContainer.log_tail`."""
        return self._container.log_tail()

    async def _die(self) -> None:
        """End the server as a crash would: nobody is told, and what it was answering is lost."""
        pid = self.pid
        try:
            if pid is None:
                raise ProcessLookupError
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # it is no process of ours, such as Docker's
            await self._container.stop()


def short_of_memory(target_model: str) -> ContainerReply:
    """As Triton answers a load that is short of memory."""
    error = (
        f"load failed for model '{target_model}': version 1 is at UNAVAILABLE state: "
        "Internal: CUDA out of memory;\n"
    )
    return ContainerReply(507, json.dumps({"error": error}).encode(), _JSON)


def stub_unhealthy(target_model: str) -> ContainerReply:
    """Byte for byte what Triton 2.51 answers from the moment on when a model's python process was killed."""
    error = f"Stub process '{target_model}_0' is not healthy."
    return ContainerReply(400, json.dumps({"error": error}, separators=(",", ":")).encode(), _JSON)
