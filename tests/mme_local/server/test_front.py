"""The front: plain invocations, and all that it leaves to the gateway behind it, on both kinds of loop."""

from __future__ import annotations

import asyncio
import json
from email.utils import parsedate_to_datetime
from typing import Any, cast

import pytest
from aiohttp import ClientSession, web
from hypothesis import given, settings
from hypothesis import strategies as st

from mme_local.server.front import Front
from mme_local.server.invoke_endpoint import InvokeEndpoint
from tests.mme_local.addresses import Loop, address, run
from tests.mme_local.raw_caller import Echo, answer, connect, written


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 64 * 1024 + 1, 3_000_000])
def test_a_plain_invocation_is_answered(loop: Loop, size: int) -> None:
    sent = (bytes(range(251)) * (size // 251 + 1))[:size]

    async def story() -> None:
        plane = Echo()
        async with address(plane) as port:
            reader, writer = await connect(port)
            for _ in range(3):
                writer.write(written(sent))
                found = await answer(reader)
                assert (found.status, bytes(found.body)) == (200, sent)
                assert found.headers["content-type"] == "application/x-test"
                assert found.headers["x-amzn-invoked-production-variant"] == "AllTraffic"
                assert parsedate_to_datetime(found.headers["date"]).tzinfo is not None
                assert "server" not in found.headers, "the gateway answered it, not the front"
            writer.close()
        assert [len(call.body) for call in plane.asked] == [size] * 3
        assert len({call.request_id for call in plane.asked}) == 3

    run(story(), loop)


@pytest.mark.parametrize(
    ("model", "status", "name"), [("bad", 429, "ModelNotReadyException"), ("worse", 500, "InternalFailure")]
)
def test_errors_are_answers_too(loop: Loop, model: str, status: int, name: str) -> None:
    async def story() -> None:
        async with address(Echo()) as port:
            reader, writer = await connect(port)
            writer.write(written(model=model) + written(b"next"))
            found = await answer(reader)
            assert (found.status, found.headers["x-amzn-errortype"]) == (status, name)
            assert json.loads(found.body)["ErrorCode"] == name
            assert (await answer(reader)).body == b"next"
            writer.close()

    run(story(), loop)


ODD = {
    "chunks": (
        b"POST /endpoints/shop/invocations HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"4\r\nbody\r\n0\r\n\r\n",
        200,
    ),
    "HTTP/1.0": (written(b"body").replace(b"HTTP/1.1", b"HTTP/1.0"), 200),
    "closing": (written(b"body", "Connection: close"), 200),
    "an escaped name": (written(b"body").replace(b"shop", b"sh%6Fp"), 200),
    "lines that end in a feed": (b"POST /endpoints/shop/invocations HTTP/1.1\nHost: localhost\n\n", 400),
    "no site": (written(b"body", "Origin: "), 403),
    "going on, and closing": (written(b"body", "Connection: keep-alive", "Connection: close"), 200),
    "a large head": (written(b"body", f"A: {'a' * 7000}", f"B: {'b' * 7000}"), 200),
    "a header twice": (written(b"body", "Accept: a", "Accept: b"), 200),
    "two lengths": (written(b"body", "Content-Length: 9"), 400),
    "a broken header": (written(b"body", "no colon"), 400),
    "no HTTP": (b"\x16\x03\x01\x00\x00\r\n\r\n", 400),
    "a page of another site": (written(b"body", "Origin: https://evil.example"), 403),
    "too much": (written().replace(b"Content-Length: 0", b"Content-Length: 25000001"), 413),
    "a head without end": (b"POST /endpoints/shop/invocations HTTP/1.1\r\nA: " + b"a" * 20_000, 400),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("at_once", [True, False])
def test_what_is_odd_the_gateway_answers(loop: Loop, odd: str, at_once: bool) -> None:
    request, status = ODD[odd]

    async def story() -> None:
        plane = Echo()
        async with address(plane) as port:
            reader, writer = await connect(port)
            if at_once:
                writer.write(written(b"first") + request)
            else:
                writer.write(written(b"first"))
            assert (await answer(reader)).body == b"first"
            if not at_once:
                writer.write(request[:30])
                await writer.drain()
                writer.write(request[30:])
            found = await answer(reader)
            assert found.status == status
            assert "server" in found.headers, "the front answered it, not the gateway"
            if status == 200:
                assert found.body == b"body"
                assert plane.asked[-1].endpoint == "shop"
            writer.close()

    run(story(), loop)


def test_one_that_waits_to_be_told_to_go_on_is_told(loop: Loop) -> None:
    async def story() -> None:
        async with address(Echo()) as port:
            reader, writer = await connect(port)
            head, _, body = written(b"body", "Expect: 100-continue").partition(b"\r\n\r\n")
            writer.write(head + b"\r\n\r\n")
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(body)
            assert (await answer(reader)).body == b"body"
            writer.close()

    run(story(), loop)


def test_a_bucket_that_is_called_endpoints_is_no_endpoint(loop: Loop) -> None:
    def embedded_aws(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [f"S3 {environ['PATH_INFO']}".encode()]

    scope = "AWS4-HMAC-SHA256 Credential=a/20261121/us-east-1/s3/aws4_request, SignedHeaders=host"

    async def story() -> None:
        async with address(Echo(), embedded_aws) as port:
            reader, writer = await connect(port)
            writer.write(written(b"", f"Authorization: {scope}"))
            assert (await answer(reader)).body == b"S3 /endpoints/shop/invocations"
            writer.close()

    run(story(), loop)


def test_a_connection_may_ask_for_anything_in_turn(loop: Loop) -> None:
    async def story() -> None:
        async with address(Echo()) as port, ClientSession(f"http://127.0.0.1:{port}") as client:
            for _ in range(3):
                async with client.post("/endpoints/shop/invocations", data=b"x" * 200_000) as reply:
                    assert await reply.read() == b"x" * 200_000
                async with client.get("/_mme/status") as reply:
                    assert reply.status == 200
                async with client.put("/bucket/model", data=b"y" * 2_000_000) as reply:
                    assert (reply.status, await reply.text()) == (404, "embedded AWS")

    run(story(), loop)


def test_a_large_request_behind_one_that_is_answered_waits_outside(loop: Loop) -> None:
    async def story() -> None:
        plane = Echo()
        async with address(plane) as port:
            plane.may.clear()
            reader, writer = await connect(port)
            large = bytes(5_000_000)
            writer.write(written(b"first") + written(large) + written(b"last"))
            await plane.begun.wait()
            plane.may.set()
            assert [len((await answer(reader)).body) for _ in range(3)] == [5, len(large), 4]
            writer.close()

    run(story(), loop)


@settings(max_examples=40)
@given(
    st.lists(st.binary(max_size=300), min_size=1, max_size=5),
    st.lists(st.integers(1, 400), min_size=1, max_size=30),
)
def test_it_does_not_matter_how_requests_are_cut_on_their_way(bodies: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(written(body) for body in bodies)

    async def story() -> None:
        plane = Echo()
        async with address(plane) as port:
            reader, writer = await connect(port)
            position, turn = 0, 0
            while position < len(stream):
                end = position + cuts[turn % len(cuts)]
                writer.write(stream[position:end])
                await writer.drain()
                position, turn = end, turn + 1
            assert [(await answer(reader)).body for _ in bodies] == bodies
            writer.close()
        assert [bytes(call.body) for call in plane.asked] == bodies

    run(story())


class Wire(asyncio.Transport):
    """A connection of which all is known."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = bytearray()
        self.paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Nobody looks at it any more."""

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


def test_what_is_sent_ahead_waits_with_its_sender() -> None:
    async def story() -> None:
        plane = Echo()
        front = Front(InvokeEndpoint(plane), web.RequestHandler)  # type: ignore[arg-type] # none is handed over
        connection, wire = front(), Wire()
        connection.connection_made(wire)
        request = written(b"one of many")
        count, sent, ahead = 2_000, 0, 0
        while plane.answered < count:
            room = cast("memoryview", connection.get_buffer(-1))
            if not wire.paused and sent < count * len(request):
                size = min(len(room) // len(request) * len(request), count * len(request) - sent)
                room[:size] = request * (size // len(request))
                connection.buffer_updated(size)
                sent += size
            ahead = max(ahead, sent - plane.answered * len(request))
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        await front.close(1)
        assert ahead <= 3 * 64 * 1024
        assert wire.sent.count(b"HTTP/1.1 200 OK") == count

    run(story())


@pytest.mark.parametrize("header", ["Content-Length: 0", "Connection: close\r\nContent-Length: 0", "A: b"])
def test_requests_without_a_body_end(loop: Loop, header: str) -> None:
    head = f"POST /endpoints/shop/invocations HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n"

    async def story() -> None:
        plane = Echo()
        async with address(plane) as port:
            for _ in range(3):
                reader, writer = await connect(port)
                writer.write(head.encode())
                assert (await answer(reader)).status == 200
                writer.close()
        assert [bytes(call.body) for call in plane.asked] == [b"", b"", b""]

    run(story(), loop)
