"""Containers and downloads that meet faults."""

from __future__ import annotations

import errno
import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mme_local.containers.container import ContainerDiedError, ContainerReply, ServingContainer
from mme_local.containers.mms.container import MmsContainer
from mme_local.endpoint import errors
from mme_local.endpoint.archive_cache import AbandonedError, Download, Fetch, UnpackedArchive
from mme_local.endpoint.load import NotReadyError
from mme_local.faults.board import FaultBoard
from mme_local.faults.fault import FaultType

_WORKER_DIED: Final = (
    b'{\n  "code": 500,\n  "type": "InternalServerException",\n  "message": "Worker died."\n}\n'
)
"""What the Multi Model Server 1.1 answers if a model's process ends during a request."""


class FaultyContainer:
    """Wraps a container: `load` and `invoke` meet faults, the rest is passed through.

    Args:
        container: the container.
        board: the faults.
    """

    def __init__(self, container: ServingContainer, board: FaultBoard) -> None:
        self._container = container
        self._board = board
        self._mms = isinstance(container, MmsContainer)
        self.start = container.start
        self.unload = container.unload
        self.wait_dead = container.wait_dead
        self.stop = container.stop

    @property
    def title(self) -> str:
        """See `ServingContainer.title`."""
        return self._container.title

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._container.pid

    async def load(self, handle: str, target_model: str, path: Path, seconds: float) -> ContainerReply:
        """See `ServingContainer.load`; 507 if that fault is set."""
        if self._board.take(FaultType.LOAD_507, target_model):
            if self._mms:
                return ContainerReply(507, b"out of memory: MemoryError", "text/plain")
            text = f"load failed for model '{target_model}': version 1 is at UNAVAILABLE state: "
            return _error(507, f"{text}Internal: CUDA out of memory;\n")
        return await self._container.load(handle, target_model, path, seconds)

    async def invoke(
        self, handle: str, target_model: str, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> ContainerReply:
        """See `ServingContainer.invoke`.

        Raises:
            NotReadyError: The fault ``not-ready`` is set.
            ContainerDiedError: The fault ``server-dies`` killed the server.
        """
        if self._board.take(FaultType.NOT_READY, target_model):
            raise NotReadyError(target_model)
        if self._board.take(FaultType.WORKER_DEAD, target_model):
            if self._mms:
                return ContainerReply(500, _WORKER_DIED, "application/json")
            # As Triton 2.51 answers once a model's python process was killed.
            return _error(400, f"Stub process '{target_model}_0' is not healthy.")
        if self._board.take(FaultType.SERVER_DIES, target_model):
            await self._kill()
            raise ContainerDiedError("killed by the fault server-dies", read=True)
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


def faulty_fetch(board: FaultBoard, model_data_url: str, fetch: Fetch) -> Fetch:
    """Wrap a download so that it meets faults.

    Args:
        board: the faults.
        model_data_url: S3 URL of the models, for error messages.
        fetch: the download.
    """
    bucket, _, prefix = model_data_url.removeprefix("s3://").partition("/")

    def fetch_or_fail(download: Download) -> UnpackedArchive:
        slow = board.take(FaultType.S3_SLOW, download.model)
        if slow and download.abandoned.wait(slow.seconds):
            raise AbandonedError
        if board.take(FaultType.S3_FAILING, download.model):
            raise errors.artifact_unavailable(bucket, prefix + download.model)
        if board.take(FaultType.DISK_FULL, download.model):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return fetch(download)

    return fetch_or_fail


def _error(status: int, text: str) -> ContainerReply:
    body = json.dumps({"error": text}, separators=(",", ":")).encode()
    return ContainerReply(status, body, "application/json")
