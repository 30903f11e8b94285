"""The page over plain HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aiohttp import ClientError, ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from mme_local.observe.page import server
from mme_local.server.gateway import build_gateway
from mme_local.server.invoke_endpoint import InvokeEndpoint
from tools.sample_runtime import SampleRuntime, sample_request

Scenario = Callable[[TestClient], Awaitable[None]]  # type: ignore[type-arg]


class NoCancelServer(TestServer):
    """Like the runtime's server, it does not cancel the handler when a client disconnects."""

    async def _make_runner(self, **settings: Any) -> web.BaseRunner:
        return await super()._make_runner(**{**settings, "handler_cancellation": False})


def serve(runtime: SampleRuntime, scenario: Scenario) -> None:
    """Run a scenario with a client of the page at a gateway."""

    async def run() -> None:
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
                await scenario(client)
                await page.close()

    asyncio.run(asyncio.wait_for(run(), 60))


def embedded_aws(_: Any, start_response: Any) -> list[bytes]:
    start_response("404 Not Found", [])
    return [b"embedded AWS"]


async def next_event(response: ClientResponse) -> str:
    """The page's part of the next event; comments are passed over."""
    while line := await response.content.readline():
        if line.startswith(b"data: "):
            return str(json.loads(line[6:]))
    raise AssertionError("the stream ended")


def test_the_page_loads_no_other_resources() -> None:
    async def scenario(client: TestClient) -> None:  # type: ignore[type-arg]
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

    serve(SampleRuntime(), scenario)


def test_each_page_has_its_own_nonce() -> None:
    async def scenario(client: TestClient) -> None:  # type: ignore[type-arg]
        policies = {(await client.get("/_mme/")).headers["Content-Security-Policy"] for _ in range(3)}
        assert len(policies) == 3

    serve(SampleRuntime(), scenario)


def test_other_paths_go_to_embedded_aws() -> None:
    async def scenario(client: TestClient) -> None:  # type: ignore[type-arg]
        answer = await client.get("/_mme", allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (301, "/_mme/")
        assert await (await client.get("/_mme-bucket")).text() == "embedded AWS"

    serve(SampleRuntime(), scenario)


def test_events_are_sent_on_change() -> None:
    runtime = SampleRuntime()

    async def scenario(client: TestClient) -> None:  # type: ignore[type-arg]
        async with client.get("/_mme/events") as answer:
            assert answer.content_type == "text/event-stream"
            assert "No requests yet." in await next_event(answer)
            runtime.history.count([sample_request("fresh_v1.tar.gz")])
            runtime.now += 1
            assert "fresh_v1.tar.gz" in await next_event(answer)

    serve(runtime, scenario)


def test_the_number_of_viewers_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_MAX_VIEWERS", 2)

    async def scenario(client: TestClient) -> None:  # type: ignore[type-arg]
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

    serve(SampleRuntime(), scenario)


def test_close_disconnects_viewers() -> None:
    runtime = SampleRuntime()

    async def run() -> None:
        page = runtime.page()
        with ThreadPoolExecutor(1) as executor:
            gateway = build_gateway(InvokeEndpoint(None), lambda *_: [], executor, dict, pages=page.routes())  # type: ignore[arg-type]
            async with TestClient(TestServer(gateway)) as client, client.get("/_mme/events") as answer:
                await next_event(answer)
                await page.close()
                with contextlib.suppress(ClientError):  # it may end or break off
                    while await answer.content.readline():
                        pass
                assert answer.content.at_eof() or answer.content.exception()

    asyncio.run(asyncio.wait_for(run(), 60))
