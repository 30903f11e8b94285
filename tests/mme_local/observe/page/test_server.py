"""The page over plain HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientError, ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from mme_local.observe.page import server
from mme_local.server.gateway import build_gateway
from mme_local.server.invoke_endpoint import InvokeEndpoint
from tools.sample_runtime import SampleRuntime, sample_request


class NoCancelServer(TestServer):
    """Like the runtime's server, it does not cancel the handler when a client disconnects."""

    async def _make_runner(self, **settings: Any) -> web.BaseRunner:
        return await super()._make_runner(**{**settings, "handler_cancellation": False})


@asynccontextmanager
async def page_of(runtime: SampleRuntime) -> AsyncIterator[Any]:
    """A client of the page at a gateway."""
    page = runtime.page()
    with ThreadPoolExecutor(1) as executor:
        gateway = build_gateway(
            InvokeEndpoint(None),  # type: ignore[arg-type] # nothing is invoked
            embedded_aws,
            executor,
            dict,
            pages=page.routes(),
        )
        async with TestClient(NoCancelServer(gateway)) as client:
            yield client
            await page.close()


def embedded_aws(_: Any, start_response: Any) -> list[bytes]:
    start_response("404 Not Found", [])
    return [b"embedded AWS"]


async def next_event(response: ClientResponse) -> str:
    """The page's part of the next event; comments are passed over."""
    while line := await response.content.readline():
        if line.startswith(b"data: "):
            return str(json.loads(line[6:]))
    raise AssertionError("the stream ended")


async def test_the_page_loads_no_other_resources() -> None:
    async with page_of(SampleRuntime()) as client:
        answer = await client.get("/_mme/")
        text = await answer.text()
        assert (answer.status, answer.content_type) == (200, "text/html")
        assert text.startswith("<!doctype html>\n<html lang=")
        assert not re.search(r"(src|href)=\"(?!#|data:)", text)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        (nonce,) = set(re.findall(r"'nonce-([^']+)'", policy))
        assert set(re.findall(r'nonce="([^"]+)"', text)) == {nonce}
        assert answer.headers["Cache-Control"] == "no-store"


async def test_other_paths_go_to_embedded_aws() -> None:
    async with page_of(SampleRuntime()) as client:
        answer = await client.get("/_mme", allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (301, "/_mme/")
        assert await (await client.get("/_mme-bucket")).text() == "embedded AWS"


async def test_events_are_sent_on_change() -> None:
    runtime = SampleRuntime()
    async with page_of(runtime) as client, client.get("/_mme/events") as answer:
        assert answer.content_type == "text/event-stream"
        assert "No requests yet." in await next_event(answer)
        runtime.history.count([sample_request("fresh_v1.tar.gz")])
        runtime.now += 1
        assert "fresh_v1.tar.gz" in await next_event(answer)


async def test_the_number_of_viewers_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_MAX_VIEWERS", 2)
    async with page_of(SampleRuntime()) as client:
        async with client.get("/_mme/events") as one, client.get("/_mme/events") as other:
            await next_event(one)
            await next_event(other)
            refused = await client.get("/_mme/events")
            assert refused.status == 503
            assert "close one" in await refused.text()
        async with asyncio.timeout(server._KEEP_ALIVE_SECONDS / 2):  # before a write fails
            while (answer := await client.get("/_mme/events")).status == 503:
                await asyncio.sleep(0.01)  # until the server has seen that they left
        assert answer.status == 200
        answer.close()


async def test_close_disconnects_viewers() -> None:
    async with page_of(SampleRuntime()) as client:
        answer = await client.get("/_mme/events")
        await next_event(answer)
    with contextlib.suppress(ClientError):  # it may end or break off
        while await answer.content.readline():
            pass
    assert answer.content.at_eof() or answer.content.exception()
