"""The local endpoint's HTTP server: aiohttp on one socket, on uvloop's event loop."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import web

BACKLOG: Final = 256
"""Connections that may wait to be accepted."""
_READ_BYTES: Final = 1 << 20
"""Request bytes to buffer before the kernel must hold back the rest."""
_PAUSE_SECONDS: Final = 30.0
"""Longest pause of a body, so that callers which announce one and send nothing don't stay."""
_BODY_SECONDS: Final = 600.0
"""Longest time of a whole body, so that a few bytes now and then don't hold a connection for ever."""
_SHUTDOWN_SECONDS: Final = 2.0
"""Time for requests in flight to finish."""


async def body_pieces(request: web.Request) -> AsyncIterator[bytes]:
    """Yield a request's body as it arrives.

    Raises:
        HTTPRequestTimeout: Nothing arrives for a while, or the body as a whole takes too long.
    """
    clock = asyncio.get_running_loop().time
    end = clock() + _BODY_SECONDS
    while not request.content.at_eof():
        pause_end = clock() + _PAUSE_SECONDS
        try:
            async with asyncio.timeout_at(min(pause_end, end)):
                piece = await request.content.readany()
        except TimeoutError:
            fault = (
                f"no byte of the body in {_PAUSE_SECONDS:g} s"
                if pause_end < end
                else f"the body did not end within {_BODY_SECONDS:g} s"
            )
            raise web.HTTPRequestTimeout(text=fault) from None
        yield piece


@asynccontextmanager
async def serve(gateway: web.Application, listener: socket.socket) -> AsyncIterator[None]:
    """Serve HTTP while the block runs, then let requests in flight finish.

    Args:
        gateway: Answers every request.
        listener: Bound; closed at the end.
    """
    runner = web.AppRunner(
        gateway,
        access_log=None,
        shutdown_timeout=_SHUTDOWN_SECONDS,
        read_bufsize=_READ_BYTES,
        auto_decompress=False,  # S3 objects and payloads are stored and passed on as they were sent
    )
    await runner.setup()
    try:
        await web.SockSite(runner, listener, backlog=BACKLOG).start()
        yield
    finally:
        await runner.cleanup()


def run_event_loop(runtime: Coroutine[Any, Any, None]) -> None:
    """Run a local endpoint to its end on uvloop; Windows, which has no uvloop, uses asyncio's own loop."""
    if sys.platform == "win32":
        asyncio.run(runtime)
        return
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(runtime)
