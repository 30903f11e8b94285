"""SageMaker's multi-model contract over HTTP, as any container speaks it.

Source: AWS developer guide, "mms-container-apis".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Mapping

from mme_local.containers.container import (
    RETURNED_HEADERS,
    ContainerDiedError,
    ContainerReply,
    ContainerTimeoutError,
)
from mme_local.containers.http1 import AnswerLostError, Http1Client
from mme_local.containers.http1_answer import Answer
from mme_local.containers.pieces import Body

_RETURNED = [(name, name.lower()) for name in RETURNED_HEADERS]
TARGET_MODEL_HEADER = "X-Amzn-SageMaker-Target-Model"
_UNLOAD_SECONDS = 360.0
"""SageMaker waits as long for an unload (triton-inference-server/server, ``sagemaker_server.cc``)."""
_LATE_SECONDS = 0.2
"""An answer that took so long may have waited for a load or an unload; a new connection costs far less."""


class ContractClient:
    """Talks to one container.

    Triton has a few threads, gives each connection to one of them for good, and has that thread wait for a
    model to be loaded or unloaded: whatever else comes on its connections waits too (seen in 2.51). So loads
    and unloads have connections of their own, each on a thread that waits for no other. While there are any,
    an inference takes a connection that is looked at, and one that had to wait is not used again.

    Args:
        port: of 127.0.0.1, where it listens.
    """

    def __init__(self, port: int) -> None:
        self._quick = Http1Client("127.0.0.1", port, late=_LATE_SECONDS)
        self._slow = Http1Client("127.0.0.1", port)
        self._waiting = 0
        # One by one: a thread that waits takes no new connection.
        self._turn = asyncio.Lock()

    async def ping(self, seconds: float) -> ContainerReply:
        """``GET /ping``.

        Raises:
            ContainerDiedError, ContainerTimeoutError: nothing answers.
        """
        return await self._quickly("GET", "/ping", {}, b"", seconds)

    async def load(self, handle: str, target_model: str, path: str, seconds: float) -> ContainerReply:
        """``POST /models``: load the unpacked archive at ``path``, as the container sees it.

        Raises:
            ContainerDiedError, ContainerTimeoutError: it ended, or the load did not.
        """
        body = json.dumps({"model_name": handle, "url": path}).encode()
        # Triton reads it whatever it is called; other servers look at the type.
        headers = {"Content-Type": "application/json", TARGET_MODEL_HEADER: target_model}
        return await self._slowly("POST", "/models", headers, body, seconds)

    async def unload(self, handle: str, target_model: str) -> ContainerReply:
        """``DELETE /models/{handle}``; Triton takes about 2 s.

        Raises:
            ContainerDiedError, ContainerTimeoutError: it ended, or did not answer.
        """
        headers = {TARGET_MODEL_HEADER: target_model}
        return await self._slowly("DELETE", f"/models/{handle}", headers, b"", _UNLOAD_SECONDS)

    async def invoke(
        self, handle: str, target_model: str, body: Body, headers: Mapping[str, str], seconds: float
    ) -> ContainerReply:
        """``POST /models/{handle}/invoke``.

        Raises:
            ContainerDiedError, ContainerTimeoutError: it ended, or did not answer in time.
        """
        sent = {**headers, TARGET_MODEL_HEADER: target_model}
        return await self._quickly("POST", f"/models/{handle}/invoke", sent, body, seconds)

    async def close(self) -> None:
        """Close its connections; requests under way end with ContainerDiedError."""
        self._quick.close()
        self._slow.close()

    async def _quickly(
        self, method: str, path: str, headers: Mapping[str, str], body: Body, seconds: float
    ) -> ContainerReply:
        return await _reply(
            self._quick.ask(method, path, headers, body, seconds, tried=self._waiting > 0), seconds
        )

    async def _slowly(
        self, method: str, path: str, headers: Mapping[str, str], body: Body, seconds: float
    ) -> ContainerReply:
        self._waiting += 1
        try:
            return await _reply(
                self._slow.ask(method, path, headers, body, seconds, tried=True, turn=self._turn), seconds
            )
        finally:
            self._waiting -= 1


async def _reply(asked: Awaitable[Answer], seconds: float) -> ContainerReply:
    try:
        answer = await asked
    except TimeoutError:
        raise ContainerTimeoutError(f"no answer within {seconds:g} s") from None
    except (AnswerLostError, OSError) as error:
        raise ContainerDiedError(str(error) or type(error).__name__) from None
    got = answer.headers
    return ContainerReply(
        answer.status,
        answer.body,
        got.get("content-type", "application/octet-stream"),
        {name: got[lower] for name, lower in _RETURNED if lower in got},
    )
