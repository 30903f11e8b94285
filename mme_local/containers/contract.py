"""SageMaker's multi-model contract over HTTP, which every container kind shares.

Source: AWS developer guide, "mms-container-apis".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mme_local.containers.container import (
    RETURNED_HEADERS,
    ContainerDiedError,
    ContainerReply,
    ContainerTimeoutError,
)
from mme_local.containers.http_pool import ConnectionLostError, HttpPool

TARGET_MODEL_HEADER: Final = "X-Amzn-SageMaker-Target-Model"
_RETURNED: Final = [(name, name.lower()) for name in RETURNED_HEADERS]
_UNLOAD_SECONDS: Final = 360.0
"""SageMaker waits as long for an unload (triton-inference-server/server, ``sagemaker_server.cc``)."""


class ContractContainer:
    """A serving container that answers over HTTP.

    Subclasses start and stop it: they call `_connect` with its address, and `_disconnect`.
    """

    def __init__(self) -> None:
        self._pool: HttpPool | None = None

    async def ping(self, seconds: float) -> bool:
        """Whether ``GET /ping`` is answered with 2xx within ``seconds``."""
        return await self._answers("/ping", seconds)

    async def _answers(self, path: str, seconds: float) -> bool:
        try:
            return (await self.request("GET", path, {}, b"", seconds)).ok
        except (ContainerDiedError, ContainerTimeoutError):
            return False

    async def load(self, handle: str, target_model: str, path: Path, seconds: float) -> ContainerReply:
        """Implement `ServingContainer.load`."""
        body = json.dumps({"model_name": handle, "url": self._path_inside(path)}).encode()
        headers = {"Content-Type": "application/json", TARGET_MODEL_HEADER: target_model}
        return await self.request("POST", "/models", headers, body, seconds, blocking=True)

    async def unload(self, handle: str, target_model: str) -> ContainerReply:
        """Implement `ServingContainer.unload`; Triton takes about 2 s."""
        headers = {TARGET_MODEL_HEADER: target_model}
        path = f"/models/{handle}"
        return await self.request("DELETE", path, headers, b"", _UNLOAD_SECONDS, blocking=True)

    async def invoke(
        self, handle: str, target_model: str, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> ContainerReply:
        """Implement `ServingContainer.invoke`."""
        sent = {**headers, TARGET_MODEL_HEADER: target_model}
        return await self.request("POST", f"/models/{handle}/invoke", sent, body, seconds)

    def _path_inside(self, path: Path) -> str:
        """Return the container's name for a path of this machine."""
        return str(path)

    def _connect(self, address: int | str) -> None:
        """Send requests to this port of 127.0.0.1, or Unix socket, from now on."""
        self._pool = HttpPool(address)

    def _disconnect(self) -> None:
        """Close all connections; requests in flight end with ContainerDiedError. Safe to call twice."""
        pool, self._pool = self._pool, None
        if pool:
            pool.close()

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
        """Send one request.

        Args:
            method: Upper case.
            path: Escaped, with its query.
            headers: Added to Host and Content-Length.
            body: The payload.
            seconds: Time limit.
            blocking: The server may block a thread until it answers.

        Raises:
            ContainerDiedError: The connection ended first, or the response is not HTTP.
            ContainerTimeoutError: No response within ``seconds``.
        """
        if self._pool is None:
            raise ContainerDiedError("the container is not running")
        try:
            response = await self._pool.request(
                method, path, headers, body, seconds=seconds, blocking=blocking
            )
        except TimeoutError:
            raise ContainerTimeoutError(f"no response within {seconds:g} s") from None
        except (ConnectionLostError, OSError) as error:
            raise ContainerDiedError(str(error) or type(error).__name__) from None
        got = response.headers
        return ContainerReply(
            response.status,
            response.body,
            got.get("content-type", "application/octet-stream"),
            {name: got[lower] for name, lower in _RETURNED if lower in got},
        )
