"""The connection pool against servers that respond in unusual ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from mme_local.containers.http_pool import ConnectionLostError, HttpPool
from tests.mme_local.addresses import run

EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[HttpPool]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    pool = HttpPool(server.sockets[0].getsockname()[1])
    try:
        yield pool
    finally:
        pool.close()
        server.close()


def responding(raw: bytes) -> Handler:
    """A server that sends these bytes to any request and closes the connection."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        writer.close()

    return handler


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


@pytest.mark.parametrize(
    ("raw", "status", "body"),
    [
        (b"HTTP/1.1 424 Failed Dependency\r\nContent-Length: 3\r\nX-A:  b \r\n\r\nabc", 424, b"abc"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", 200, b"abc"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + EMPTY, 200, b""),
    ],
)
async def test_responses(raw: bytes, status: int, body: bytes) -> None:
    async with served(responding(raw)) as pool:
        found = await pool.request("GET", "/", {})
        assert (found.status, found.body) == (status, body)
        assert "link" not in found.headers


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 O",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n123",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: a/b\rX-Evil: 1\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: a\0b\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_a_broken_response_is_a_lost_connection(raw: bytes) -> None:
    async with served(responding(raw)) as pool:
        with pytest.raises(ConnectionLostError):
            await pool.request("GET", "/", {})


async def test_connections_are_reused_but_not_shared() -> None:
    connections: list[int] = []
    may_answer = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(connections)
        connections.append(0)
        while request := await reader.readuntil(b"\r\n\r\n"):
            size = int(request.partition(b"Content-Length: ")[2].split()[0])
            await reader.readexactly(size)
            connections[number] += 1
            if b"/slow" in request:
                await may_answer.wait()
            writer.write(EMPTY)

    async with served(handler) as pool:
        for body in (b"", b"x", b"y" * 700_000):
            await pool.request("POST", "/", {}, body)
        slow = asyncio.create_task(pool.request("GET", "/slow", {}))
        while connections != [4]:
            await asyncio.sleep(0)
        await pool.request("GET", "/", {})
        may_answer.set()
        await slow
    assert connections == [4, 1]


async def test_a_connection_that_the_server_closed_is_not_reused() -> None:
    async with served(responding(EMPTY)) as pool:
        for _ in range(3):
            assert (await pool.request("GET", "/", {})).status == 200
            while pool._idle and pool._idle[0].reusable:
                await asyncio.sleep(0)


async def test_a_late_response_is_a_timeout_and_closes_its_connection() -> None:
    ended = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent(reader, writer)
        ended.set()

    async with served(handler) as pool:
        for seconds in (0.05, 0):
            with pytest.raises(TimeoutError):
                await pool.request("GET", "/", {}, seconds=seconds)
        await ended.wait()


async def test_closing_ends_requests_in_flight() -> None:
    async with served(silent) as pool:
        pending = asyncio.create_task(pool.request("GET", "/", {}))
        while not pool._open:
            await asyncio.sleep(0)
        pool.close()
        for request in (pending, pool.request("GET", "/", {})):
            with pytest.raises(ConnectionLostError, match="closed"):
                await request


def test_no_server() -> None:
    with pytest.raises(OSError, match="Connect"):
        run(HttpPool(1).request("GET", "/", {}))
