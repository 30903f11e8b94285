"""TorchServe as a serving container: a Multi Model Server with two sockets, each with its key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from mme_local.containers.container import ContainerDiedError, ContainerReply
from mme_local.containers.contract import ContractContainer
from mme_local.containers.mms.container import MmsContainer
from mme_local.containers.mms.properties import MANAGEMENT

_KEYS: Final = "key_file.json"
"""The server writes it into its working directory before it listens."""


class TorchServeContainer(MmsContainer):
    """A server that starts the process of a model again by itself, as often as it ends."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._management = ContractContainer()

    async def ping(self, seconds: float) -> bool:
        """Whether both sockets answer within ``seconds`` each."""
        return await super().ping(seconds) and await self._answers("/models", seconds)

    async def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        seconds: float,
        *,
        blocking: bool = False,
    ) -> ContainerReply:
        """Send one request to the socket that it is for; see `ContractContainer.request`."""
        inference = path == "/ping" or path.endswith("/invoke")
        sent = {**headers, "Authorization": f"Bearer {self._key('inference' if inference else 'management')}"}
        send = super().request if inference else self._management.request
        return await send(method, path, sent, body, seconds, blocking=blocking)

    def _key(self, of: str) -> str:
        try:
            key: str = json.loads((self._folder / _KEYS).read_text("utf-8"))[of]["key"]
        except (OSError, ValueError, KeyError):
            raise ContainerDiedError("the container has not written its keys yet") from None
        return key

    def _connect(self, address: int | str) -> None:
        super()._connect(address)
        self._management._connect(f"{address}{MANAGEMENT}")

    def _disconnect(self) -> None:
        super()._disconnect()
        self._management._disconnect()

    def _end_without(self, handle: str) -> bool:  # noqa: ARG002
        return False
