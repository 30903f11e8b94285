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
from mme_local.faults.fault import FaultType


class FaultyContainer:
    """Wraps a container: `load` and `invoke` meet faults, the rest is passed through.

    Args:
        container: the container.
        board: the faults.
    """

    def __init__(self, container: ServingContainer, board: FaultBoard) -> None:
        self._container = container
        self._board = board
        self.start = container.start
        self.unload = container.unload
        self.wait_dead = container.wait_dead
        self.stop = container.stop
        self.log_tail = container.log_tail

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._container.pid

    async def load(self, handle: str, target_model: str, path: Path, seconds: float) -> ContainerReply:
        """See `ServingContainer.load`; 507 if that fault is set."""
        if self._board.take(FaultType.LOAD_507, target_model):
            return _short_of_memory(target_model)
        return await self._container.load(handle, target_model, path, seconds)

    async def invoke(
        self, handle: str, target_model: str, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> ContainerReply:
        """See `ServingContainer.invoke`.

        Raises:
            NotReadyError: The fault ``not-ready`` is set.
            ContainerDiedError: The fault ``triton-dies`` killed the server.
        """
        if self._board.take(FaultType.NOT_READY, target_model):
            raise NotReadyError(target_model)
        if self._board.take(FaultType.STUB_UNHEALTHY, target_model):
            return _stub_unhealthy(target_model)
        if self._board.take(FaultType.TRITON_DIES, target_model):
            await self._kill()
            raise ContainerDiedError("killed by the fault triton-dies", read=True)
        return await self._container.invoke(handle, target_model, body, headers, seconds)

    async def _kill(self) -> None:
        """Kill the server like a crash: requests in flight get no answer."""
        pid = self.pid
        try:
            if pid is None:
                raise ProcessLookupError
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # not our process, such as Docker's
            await self._container.stop()


def _short_of_memory(target_model: str) -> ContainerReply:
    error = (
        f"load failed for model '{target_model}': version 1 is at UNAVAILABLE state: "
        "Internal: CUDA out of memory;\n"
    )
    return ContainerReply(507, json.dumps({"error": error}).encode(), "application/json")


def _stub_unhealthy(target_model: str) -> ContainerReply:
    """Return the bytes that Triton 2.51 answers once a model's python process was killed."""
    error = json.dumps({"error": f"Stub process '{target_model}_0' is not healthy."}, separators=(",", ":"))
    return ContainerReply(400, error.encode(), "application/json")
