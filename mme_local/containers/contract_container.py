"""What all containers have in common that speak SageMaker's contract over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mme_local.containers.container import ContainerDiedError, ContainerReply
from mme_local.containers.contract import ContractClient
from mme_local.containers.pieces import Body


class ContractContainer:
    """A serving container that is asked on a port of 127.0.0.1.

    Subclasses start and end it: they call `_ask_at` once the port is known and `_hang_up` at the end.
    """

    def __init__(self) -> None:
        self._client: ContractClient | None = None

    async def load(self, handle: str, target_model: str, path: Path, seconds: float) -> ContainerReply:
        """Load the unpacked archive at ``path``.

        Raises:
            ContainerDiedError, ContainerTimeoutError: it ended, or the load did not.
        """
        return await self._running().load(handle, target_model, self._path_inside(path), seconds)

    async def unload(self, handle: str, target_model: str) -> ContainerReply:
        """Unload a model; Triton takes about 2 s.

        Raises:
            ContainerDiedError, ContainerTimeoutError: it ended, or did not answer.
        """
        return await self._running().unload(handle, target_model)

    async def invoke(
        self, handle: str, target_model: str, body: Body, headers: Mapping[str, str], seconds: float
    ) -> ContainerReply:
        """Run one inference.

        Raises:
            ContainerDiedError, ContainerTimeoutError: it ended, or did not answer in time.
        """
        return await self._running().invoke(handle, target_model, body, headers, seconds)

    def _path_inside(self, path: Path) -> str:
        """What the container calls a path of this machine."""
        return str(path)

    def _ask_at(self, port: int) -> None:
        """From now on ask it on this port."""
        self._client = ContractClient(port)

    async def _hang_up(self) -> None:
        """Ask it no more; requests under way end with ContainerDiedError. Safe to call twice."""
        client, self._client = self._client, None
        if client:
            await client.close()

    def _running(self) -> ContractClient:
        if self._client is None:
            raise ContainerDiedError("the container is not running")
        return self._client
