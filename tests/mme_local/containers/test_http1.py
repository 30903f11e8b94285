"""The lean HTTP client against servers that answer in every way, in pieces of every size."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from mme_local.containers.http1 import AnswerLostError, Http1Client
from mme_local.containers.http1_answer import Answer, AnswerReader
from mme_local.containers.pieces import Pieces
from mme_local.server.event_loop import _factory

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(
    scope="module", autouse=True, params=[None, _factory()], ids=["asyncio", "the runtime's loop"]
)
def loop_of(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test runs on both loops."""

    def run(story: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(story)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "run", run)
        yield


@asynccontextmanager
async def a_server(handler: Handler) -> AsyncIterator[Http1Client]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    client = Http1Client("127.0.0.1", server.sockets[0].getsockname()[1])
    try:
        yield client
    finally:
        client.close()
        server.close()


@asynccontextmanager
async def aiohttp_server(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[Http1Client]:
    application = web.Application(client_max_size=0)
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    client = Http1Client("127.0.0.1", int(runner.addresses[0][1]))
    try:
        yield client
    finally:
        client.close()
        await runner.cleanup()


async def never_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server's side of a connection that takes everything and says nothing."""
    await reader.read()
    writer.close()


def whole(raw: bytes, cuts: list[int]) -> Answer | None:
    """What is read of an answer that comes in pieces."""
    reader = AnswerReader()
    edges = [0, *sorted({cut % (len(raw) + 1) for cut in cuts}), len(raw)]
    found = None
    for start, end in pairwise(edges):
        piece = raw[start:end]
        while piece:
            assert found is None, "the answer was whole before its last byte"
            # As a connection does it: a body goes to its place, the rest through `feed`.
            room = reader.room
            if room is None:
                found, piece = reader.feed(piece), b""
            else:
                size = min(len(room), len(piece))
                room[:size] = piece[:size]
                found, piece = reader.filled(size), piece[size:]
    return found


CUTS = st.lists(st.integers(0, 10_000), max_size=8)


@given(st.binary(max_size=300), CUTS)
def test_by_length(body: bytes, cuts: list[int]) -> None:
    raw = b"HTTP/1.1 424 Failed Dependency\r\nContent-Length: %d\r\nX-A:  b \r\n\r\n%b" % (len(body), body)
    found = whole(raw, cuts)
    assert found is not None
    assert (found.status, found.headers["x-a"], found.body) == (424, "b", body)


@given(st.integers(1, 60), CUTS)
def test_a_body_said_to_be_huge_takes_room_as_it_comes(come: int, cuts: list[int]) -> None:
    reader = AnswerReader()
    assert reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n" + bytes(come)) is None
    for cut in cuts:
        assert reader.room is None
        assert reader.feed(bytes(cut)) is None


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=6), CUTS, st.booleans())
def test_in_chunks(chunks: list[bytes], cuts: list[int], trailer: bool) -> None:
    coded = b"".join(b"%x;name=value\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    end = b"0\r\nX-Trailer: x\r\n\r\n" if trailer else b"0\r\n\r\n"
    found = whole(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + coded + end, cuts)
    assert found is not None
    assert found.body == b"".join(chunks)


@given(CUTS)
def test_an_interim_answer_is_none(cuts: list[int]) -> None:
    found = whole(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", cuts)
    assert found is not None
    assert (found.status, found.body) == (204, b"")


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: a/b\nX-Evil: 1\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: a/b\rX-Evil: 1\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: a\0b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nmore",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\nabcdefghij",
        b"HTTP/1.1 abc\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
    ],
)
def test_what_contradicts_itself_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        AnswerReader().feed(raw)


@given(st.binary(min_size=1, max_size=200))
@settings(max_examples=200)
def test_nonsense_is_refused_or_waited_for(data: bytes) -> None:
    try:
        AnswerReader().feed(data + b"\r\n\r\n")
    except ValueError:
        return


def test_one_connection_serves_many_requests_and_two_at_once_need_two() -> None:
    ports = []
    gate = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        ports.append(request.transport.get_extra_info("peername")[1])
        if request.path == "/slow":
            await gate.wait()
        return web.Response(body=request.method.encode() + b" " + await request.read())

    async def story() -> None:
        async with aiohttp_server(answer) as client:
            for body in (b"", b"x", b"y" * 700_000):
                got = await client.ask("POST", "/fast", {}, body)
                assert got.body == b"POST " + body
            slow = asyncio.create_task(client.ask("GET", "/slow", {}, b""))
            while len(ports) < 4:
                await asyncio.sleep(0)
            assert (await client.ask("DELETE", "/fast", {}, b"")).body == b"DELETE "
            gate.set()
            assert (await slow).body == b"GET "
            assert len(set(ports[:4])) == 1
            assert ports[4] != ports[0]

    asyncio.run(story())


def test_a_body_until_the_connection_ends() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nall of it")
        writer.close()

    async def story() -> None:
        async with a_server(handler) as client:
            for _ in range(2):
                assert (await client.ask("GET", "/", {}, b"")).body == b"all of it"

    asyncio.run(story())


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n123", b"HTTP/1.1 200 O", b"nonsense\r\n\r\n"]
)
def test_a_connection_that_ends_first(said: bytes) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    async def story() -> None:
        async with a_server(handler) as client:
            with pytest.raises(AnswerLostError):
                await client.ask("GET", "/", {}, b"")

    asyncio.run(story())


def test_a_kept_connection_that_the_server_closed_is_not_used_again() -> None:
    closed = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        closed.set()

    async def story() -> None:
        async with a_server(handler) as client:
            for _ in range(3):
                closed.clear()
                assert (await client.ask("GET", "/", {}, b"")).status == 200
                await closed.wait()
                while client._all:
                    await asyncio.sleep(0)

    asyncio.run(story())


def test_what_a_time_of_many_requests_leaves_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/many":
            await gate.wait()
        return web.Response()

    async def story() -> None:
        async with aiohttp_server(answer) as client:
            many = [asyncio.create_task(client.ask("GET", "/many", {}, b"")) for _ in range(20)]
            while len(client._all) < 20:
                await asyncio.sleep(0)
            gate.set()
            await asyncio.gather(*many)
            assert len(client._all) == 20
            monkeypatch.setattr("mme_local.containers.http1._IDLE_SECONDS", 0.05)
            while len(client._all) > 1:
                await client.ask("GET", "/one", {}, b"")

    asyncio.run(story())


def test_closing_ends_what_is_under_way() -> None:
    async def story() -> None:
        async with a_server(never_answers) as client:
            asked = asyncio.create_task(client.ask("GET", "/", {}, b""))
            while not client._all:
                await asyncio.sleep(0)
            client.close()
            with pytest.raises(AnswerLostError):
                await asked
            with pytest.raises(AnswerLostError, match="closed"):
                await client.ask("GET", "/", {}, b"")

    asyncio.run(story())


def test_closing_makes_no_answer_whole() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nhalf of")
        await reader.read()
        writer.close()

    async def story() -> None:
        async with a_server(handler) as client:
            asked = asyncio.create_task(client.ask("GET", "/", {}, b""))
            while not any(connection._reader._pieces for connection in client._all):
                await asyncio.sleep(0)
            client.close()
            with pytest.raises(AnswerLostError):
                await asked

    asyncio.run(story())


def test_a_request_that_is_cancelled_takes_its_connection_along() -> None:
    async def story() -> None:
        async with a_server(never_answers) as client:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.ask("GET", "/", {}, b""), 0.05)
            while client._all:
                await asyncio.sleep(0)

    asyncio.run(story())


@pytest.mark.parametrize("sizes", [[], [1], [1, 2], [70_000], [70_000, 0, 1, 600_000, 0]])
def test_a_body_in_pieces_arrives_whole(sizes: list[int]) -> None:
    body = Pieces([bytes([number + 1]) * size for number, size in enumerate(sizes)])

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    async def story() -> None:
        async with aiohttp_server(answer) as client:
            for _ in range(2):  # by the same connection
                assert (await client.ask("POST", "/", {}, body)).body == bytes(body)
            assert len(client._all) == 1

    asyncio.run(story())
    assert len(body) == len(bytes(body)) == sum(sizes)


def test_an_answer_that_is_late_is_a_timeout_and_ends_its_connection() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET /quick"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await reader.read()
        writer.close()

    async def story() -> None:
        async with a_server(handler) as client:
            with pytest.raises(TimeoutError):
                await client.ask("GET", "/slow", {}, b"", 0.05)
            while client._all:
                await asyncio.sleep(0)
            assert (await client.ask("GET", "/quick", {}, b"", 60)).status == 200

    asyncio.run(story())


def test_no_time_at_all_is_a_timeout() -> None:
    async def story() -> None:
        async with a_server(never_answers) as client:
            with pytest.raises(TimeoutError):
                await client.ask("GET", "/", {}, b"", 0)

    asyncio.run(story())


@pytest.mark.parametrize("value", ["a\r\nX-Other: b", "a\nb", "a\0b"])
def test_a_header_stays_in_its_line(value: str) -> None:
    with pytest.raises(ValueError, match="line end"):
        asyncio.run(Http1Client("127.0.0.1", 1).ask("GET", "/", {"X": value}, b""))


def test_nobody_there() -> None:
    with pytest.raises(OSError, match="Connect"):
        asyncio.run(Http1Client("127.0.0.1", 1).ask("GET", "/", {}, b""))


def test_requests_that_end_before_they_are_connected_leave_nothing() -> None:
    async def story() -> None:
        async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while await reader.readuntil(b"\r\n\r\n"):
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            writer.close()

        async with a_server(answers) as client:
            for turns in range(12):
                asked = [asyncio.create_task(client.ask("GET", "/x", {}, b"")) for _ in range(12)]
                for _ in range(turns):
                    await asyncio.sleep(0)
                for one in asked[::2]:
                    one.cancel()
                await asyncio.gather(*asked, return_exceptions=True)
            async with asyncio.timeout(10):
                while len(client._all) > len(client._idle):
                    await asyncio.sleep(0)

    asyncio.run(story())
