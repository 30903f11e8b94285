"""A runtime's address in a test: its real front and gateway, with whatever answers behind them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from mme_local.runtime import listening_socket
from mme_local.server.access.gatekeeper import Gatekeeper
from mme_local.server.address import serve
from mme_local.server.gateway import build_gateway
from mme_local.server.invoke_endpoint import InvokeEndpoint
from mme_local.server.wsgi import WsgiApplication

Loop = Callable[[], asyncio.AbstractEventLoop]


def nothing(_: Any, start_response: Any) -> list[bytes]:
    """An embedded AWS that has nothing."""
    start_response("404 Not Found", [])
    return [b"embedded AWS"]


@asynccontextmanager
async def address(
    plane: Any = None,
    embedded_aws: WsgiApplication = nothing,
    gatekeeper: Gatekeeper | None = None,
    *,
    routes: tuple[web.RouteDef, ...] = (),
) -> AsyncIterator[int]:
    """The port of 127.0.0.1 on which it answers."""
    invoke_endpoint = InvokeEndpoint(plane, gatekeeper)
    with ThreadPoolExecutor(2) as executor, listening_socket(0) as listener:
        gateway = build_gateway(invoke_endpoint, embedded_aws, executor, dict, pages=routes)
        port = int(listener.getsockname()[1])
        async with serve(gateway, invoke_endpoint, listener):
            yield port


def run(story: Coroutine[Any, Any, Any], loop: Loop | None = None) -> Any:
    """Run a story on a loop of its own, with an end."""
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(asyncio.wait_for(story, 60))
