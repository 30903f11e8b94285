"""SageMaker's multi-model contract over HTTP, as any container speaks it.

Source: AWS developer guide, "mms-container-apis".
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from mme.local.container import (
    RETURNED_HEADERS,
    ContainerDiedError,
    ContainerReply,
    ContainerTimeoutError,
)
from mme.local.http1 import AnswerLostError, Http1Client
from mme.local.pieces import Body

_RETURNED = [(name, name.lower()) for name in RETURNED_HEADERS]
TARGET_MODEL_HEADER = "X-Amzn-SageMaker-Target-Model"
_UNLOAD_SECONDS = 360.0
"""SageMaker waits as long for an unload (triton-inference-server/server, ``sagemaker_server.cc``)."""


class ContractClient:
    """Talks to one container.

    Args:
        port: of 127.0.0.1, where it listens.
    """

    def __init__(self, port: int) -> None:
        self._http = Http1Client("127.0.0.1", port)

    async def ping(self, seconds: float) -> ContainerReply:
        """``GET /ping``.

        Raises:
            ContainerDiedError, ContainerTimeoutError: nothing answers.
        """
        return await self._ask("GET", "/ping", "", b"", {}, seconds)

    async def load(self, handle: str, target_model: str, path: str, seconds: float) -> ContainerReply:
        """``POST /models``: load the unpacked archive at ``path``, as the container sees it.

        Raises:
            ContainerDiedError, ContainerTimeoutError: it ended, or the load did not.
        """
        body = json.dumps({"model_name": handle, "url": path}).encode()
        # Triton reads it whatever it is called; other servers look at the type.
        return await self._ask(
            "POST", "/models", target_model, body, {"Content-Type": "application/json"}, seconds
        )

    async def unload(self, handle: str, target_model: str) -> ContainerReply:
        """``DELETE /models/{handle}``; Triton takes about 2 s.

        Raises:
            ContainerDiedError, ContainerTimeoutError: it ended, or did not answer.
        """
        return await self._ask("DELETE", f"/models/{handle}", target_model, b"", {}, _UNLOAD_SECONDS)

    async def invoke(
        self, handle: str, target_model: str, body: Body, headers: Mapping[str, str], seconds: float
    ) -> ContainerReply:
        """``POST /models/{handle}/invoke``.

        Raises:
            ContainerDiedError, ContainerTimeoutError: it ended, or did not answer in time.
        """
        return await self._ask("POST", f"/models/{handle}/invoke", target_model, body, headers, seconds)

    async def close(self) -> None:
        """Close its connections; requests under way end with ContainerDiedError."""
        self._http.close()

    async def _ask(
        self, method: str, path: str, target: str, body: Body, headers: Mapping[str, str], seconds: float
    ) -> ContainerReply:
        if self._http.closed:
            raise ContainerDiedError("the container is not running")
        sent = {**headers, TARGET_MODEL_HEADER: target} if target else headers
        try:
            answer = await self._http.ask(method, path, sent, body, seconds)
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
