"""The runtime's address: the front and, behind it, the gateway, on one socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast

from aiohttp import web

from mme_local.server.front import Front
from mme_local.server.invoke_endpoint import InvokeEndpoint

BACKLOG: Final = 256
"""Connections that wait to be accepted."""
_READ_BYTES: Final = 1 << 20
"""Of a request, before the gateway has the kernel hold the rest back, which costs two system calls."""
_SHUTDOWN_SECONDS: Final = 2.0
"""For the answers that are still on their way."""


@asynccontextmanager
async def serve(
    gateway: web.Application, invoke_endpoint: InvokeEndpoint, listener: socket.socket
) -> AsyncIterator[None]:
    """Answer on a socket while the block runs, and for a moment more what was asked until then.

    Args:
        gateway: answers all that the front does not.
        invoke_endpoint: answers plain invocations.
        listener: bound; closed at the end.
    """
    runner = web.AppRunner(
        gateway,
        access_log=None,
        shutdown_timeout=_SHUTDOWN_SECONDS,
        read_bufsize=_READ_BYTES,
        auto_decompress=False,  # an object in S3 is what was sent, and so is a container's payload
    )
    await runner.setup()
    front = Front(invoke_endpoint, cast("web.Server", runner.server))
    try:
        server = await asyncio.get_running_loop().create_server(front, sock=listener, backlog=BACKLOG)
        try:
            yield
        finally:
            server.close()
    finally:
        await front.close(_SHUTDOWN_SECONDS)
        await runner.cleanup()
