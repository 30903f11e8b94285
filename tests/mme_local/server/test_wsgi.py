from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from mme_local.server.wsgi import serve_wsgi


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Tells what it was given."""
    content = environ["wsgi.input"].read()
    start_response(
        "202 Fine",
        [
            ("X-Method", environ["REQUEST_METHOD"]),
            ("X-Path", environ["PATH_INFO"].encode("latin-1").decode()),
            ("X-Raw", environ["RAW_URI"]),
            ("X-Query", environ["QUERY_STRING"]),
            ("X-Length", environ["CONTENT_LENGTH"]),
            ("X-Host", environ["HTTP_HOST"]),
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2"),
            ("Content-Length", str(len(content))),
        ],
    )
    return [content[:5], content[5:]]


def ask(method: str, path: str, body: Any = None) -> tuple[web.StreamResponse | Any, bytes]:
    async def story() -> tuple[Any, bytes]:
        with ThreadPoolExecutor(1) as executor:
            application = web.Application()

            async def handle(request: web.Request) -> web.StreamResponse:
                return await serve_wsgi(echo, executor, request)

            application.router.add_route("*", "/{path:.*}", handle)
            async with TestClient(TestServer(application)) as client:
                from yarl import URL

                reply = await client.request(method, URL(path, encoded=True), data=body)
                return reply, await reply.read()

    return asyncio.run(story())


def test_a_request_arrives_as_it_was_sent() -> None:
    reply, content = ask("PUT", "/bucket/a%20b%2Fc%C3%A9?x=1&y=%2F", b"hello world")
    assert (reply.status, reply.reason, content) == (202, "Fine", b"hello world")
    assert reply.headers["X-Method"] == "PUT"
    assert reply.headers["X-Path"] == "/bucket/a b/cé"
    assert reply.headers["X-Raw"] == "/bucket/a%20b%2Fc%C3%A9?x=1&y=%2F"
    assert reply.headers["X-Query"] == "x=1&y=%2F"
    assert reply.headers.getall("Set-Cookie") == ["a=1", "b=2"]


def test_a_chunked_body_gets_its_length() -> None:
    async def pieces() -> Any:
        for _ in range(3):
            yield b"x" * 1000

    reply, content = ask("POST", "/", pieces())
    assert reply.headers["X-Length"] == "3000"
    assert content == b"x" * 3000


def test_head_keeps_the_length_and_sends_no_body() -> None:
    reply, content = ask("HEAD", "/bucket/key")
    assert reply.headers["Content-Length"] == "0"
    assert content == b""
