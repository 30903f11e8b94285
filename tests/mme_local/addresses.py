"""A runtime's address in a test: its real HTTP server, with any data plane behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import uvloop
from aiohttp import web

from mme_local.runtime import listening_socket
from mme_local.server.access.gatekeeper import Gatekeeper
from mme_local.server.gateway import build_gateway
from mme_local.server.http_server import serve
from mme_local.server.invoke_endpoint import InvokeEndpoint
from mme_local.server.wsgi import WsgiApplication


def not_found(_: Any, start_response: Any) -> list[bytes]:
    """An embedded AWS without any resource."""
    start_response("404 Not Found", [])
    return [b"embedded AWS"]


@asynccontextmanager
async def address(
    plane: Any = None,
    embedded_aws: WsgiApplication = not_found,
    gatekeeper: Gatekeeper | None = None,
    *,
    routes: tuple[web.RouteDef, ...] = (),
    other_users: bool = False,
) -> AsyncIterator[int]:
    """Serve the gateway and yield its port."""
    with ThreadPoolExecutor(2) as executor, listening_socket(0) as listener:
        gateway = build_gateway(
            InvokeEndpoint(plane, gatekeeper),
            embedded_aws,
            executor,
            dict,
            pages=routes,
            other_users=other_users,
        )
        port = int(listener.getsockname()[1])
        async with serve(gateway, listener):
            yield port


def run(story: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on the runtime's kind of event loop, for at most a minute."""
    return uvloop.run(asyncio.wait_for(story, 60))
