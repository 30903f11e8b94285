"""The gateway over real connections, with a data plane that needs no Triton."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession

from mme_local.containers.container import ContainerReply
from mme_local.endpoint import errors
from mme_local.endpoint.call import Invocation, InvokeCall
from tests.mme_local.addresses import address, run

PLACE = errors.EndpointId("e", "eu-west-1", "210987654321")


class Echo:
    """Answers with the request's body, once ``may_answer`` is set, or raises ``error``."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls: list[InvokeCall] = []
        self.answered = 0
        self.begun = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def invoke(self, call: InvokeCall) -> Invocation:
        self.calls.append(call)
        self.begun.set()
        await self.may_answer.wait()
        self.answered += 1
        if self.error:
            raise self.error
        attributes = {"X-Amzn-SageMaker-Custom-Attributes": "trace=1"}
        return Invocation(ContainerReply(200, call.body, "application/x-test", attributes), "AllTraffic")


def post(
    plane: Echo,
    path: str = "/endpoints/e/invocations",
    content: bytes | AsyncIterator[bytes] = b"\x01body",
    headers: dict[str, str] | None = None,
) -> tuple[Any, bytes]:
    """Send one request to a gateway; return its response and body."""

    async def story() -> tuple[Any, bytes]:
        async with address(plane) as port, ClientSession(f"http://127.0.0.1:{port}") as client:
            reply = await client.post(path, data=content, headers=headers)
            return reply, await reply.read()

    found: tuple[Any, bytes] = run(story())
    return found


def written(body: bytes = b"", *headers: str) -> bytes:
    """One request, byte by byte."""
    lines = [
        "POST /endpoints/shop/invocations HTTP/1.1",
        "Host: localhost:4747",
        "X-Amzn-SageMaker-Target-Model: m",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port, limit=2**24)


async def response(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of the next response on a connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    return int(head.split()[1]), await reader.readexactly(length)


def test_an_answer_comes_back_as_bytes_with_the_variant() -> None:
    plane = Echo()
    headers = {
        "Content-Type": "application/json",
        "X-Amzn-SageMaker-Target-Model": "a/b.tar.gz",
        "X-Amzn-SageMaker-Inference-Component": "c",
    }
    reply, body = post(plane, headers=headers)
    assert (reply.status, body) == (200, b"\x01body")
    assert reply.headers["Content-Type"] == "application/x-test"
    assert reply.headers["x-Amzn-Invoked-Production-Variant"] == "AllTraffic"
    assert reply.headers["X-Amzn-SageMaker-Custom-Attributes"] == "trace=1"
    (call,) = plane.calls
    assert (call.endpoint, call.target_model, call.body) == ("e", "a/b.tar.gz", b"\x01body")
    assert call.component == "c"
    assert call.headers == {"Content-Type": "application/json", "Accept": "*/*"}
    assert (call.region, call.request_id) == ("us-east-1", reply.headers["x-amzn-RequestId"])


@pytest.mark.parametrize("size", [0, 1, 64 * 1024 + 1, 3_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_of_every_size_pass_both_ways(size: int, chunked: bool) -> None:
    sent = (bytes(range(251)) * (size // 251 + 1))[:size]

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, size, 50_000):
            yield sent[start : start + 50_000]

    reply, body = post(Echo(), content=chunks() if chunked else sent)
    assert (reply.status, body) == (200, sent)
    assert reply.headers["Content-Length"] == str(size)


def test_the_region_is_that_of_the_signature() -> None:
    plane = Echo()
    scope = "AWS4-HMAC-SHA256 Credential=AKIA/20261121/eu-west-1/sagemaker/aws4_request, SignedHeaders=host"
    post(plane, headers={"Authorization": scope})
    assert plane.calls[0].region == "eu-west-1"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.unknown_endpoint("e", "1"), 400),
        (errors.model_error(PLACE, 400, "why"), 424),
        (errors.model_not_ready("m"), 429),
        (errors.service_unavailable("why"), 503),
    ],
)
def test_errors_have_aws_names_and_statuses(error: errors.InvokeError, status: int) -> None:
    reply, body = post(Echo(error))
    assert reply.status == status
    assert reply.headers["x-amzn-ErrorType"] == error.name
    assert json.loads(body)["Message"] == error.message


def test_a_limit_that_is_not_sagemakers_is_named() -> None:
    assert errors.model_not_ready("m").message.endswith("Try again shortly.")
    assert errors.model_not_ready("m", 5).message.endswith("Try again shortly. The limit here is 5 s.")


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, "client", "CLIENT_ERROR_FROM_MODEL"),
        (507, "server", "INTERNAL_FAILURE_FROM_MODEL"),
        (0, "server", "INTERNAL_FAILURE_FROM_MODEL"),
    ],
)
def test_a_model_error_carries_the_original(status: int, kind: str, code: str) -> None:
    reply, body = post(Echo(errors.model_error(PLACE, status, "out of memory")))
    assert reply.headers["x-amzn-ErrorType"] == "ModelError"
    assert json.loads(body) == {
        "ErrorCode": code,
        "Message": f'Received {kind} error ({status}) from primary with message "out of memory". '
        "See https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logEventViewer:group="
        "/aws/sagemaker/Endpoints/e in account 210987654321 for more information.",
        "OriginalStatusCode": status,
        "OriginalMessage": "out of memory",
        "LogStreamArn": "arn:aws:logs:eu-west-1:210987654321:log-group:/aws/sagemaker/Endpoints/e",
    }


@pytest.mark.parametrize("chunked", [False, True])
def test_a_payload_over_the_limit_is_413_before_it_is_all_in_memory(chunked: bool) -> None:
    plane = Echo()

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(26):
            yield bytes(1_000_000)

    reply, body = post(plane, content=chunks() if chunked else bytes(25_000_001))
    assert reply.status == 413
    assert json.loads(body)["Message"] == "HTTP content length exceeded 25000000 bytes."
    assert plane.calls == []


def test_an_unexpected_exception_is_an_internal_failure() -> None:
    reply, body = post(Echo(RuntimeError("oops")))
    assert (reply.status, reply.headers["x-amzn-ErrorType"]) == (500, "InternalFailure")
    assert "oops" in json.loads(body)["Message"]


@pytest.mark.parametrize(
    ("verb", "instead"),
    [
        ("async-invocations", "(AsyncInvocations, mme invoke --async)"),
        ("invocations-response-stream", "InvokeEndpoint"),
    ],
)
def test_asynchronous_and_streaming_invocations_are_refused(verb: str, instead: str) -> None:
    reply, body = post(Echo(), f"/endpoints/e/{verb}")
    assert reply.status == 400
    assert f"{verb} does not take a TargetModel" in json.loads(body)["Message"]
    assert json.loads(body)["Message"].endswith(instead)


@pytest.mark.parametrize(
    ("headers", "fault"),
    [
        ({"Custom-Attributes": "a" * 1025}, "at 'customAttributes' ... length less than or equal to 1024"),
        ({"Custom-Attributes": "né"}, r"at 'customAttributes' ... regular expression pattern: \p{ASCII}*"),
        ({"Inference-Id": "a" * 65}, "at 'inferenceId' ... length less than or equal to 64"),
        ({"Inference-Id": "né"}, "at 'inferenceId' ... regular expression pattern: "),
        ({"Target-Variant": "a_b"}, "'a_b' at 'targetVariant' ... regular expression pattern: "),
        ({"Inference-Id": "a" * 65, "Target-Variant": "b" * 64}, "2 validation errors detected: Value 'b"),
    ],
)
def test_headers_that_sagemaker_refuses(headers: dict[str, str], fault: str) -> None:
    plane = Echo()
    reply, body = post(plane, headers={f"X-Amzn-SageMaker-{name}": one for name, one in headers.items()})
    assert (reply.status, reply.headers["x-amzn-ErrorType"]) == (400, "ValidationError")
    message = json.loads(body)["Message"]
    assert re.search(".*".join(map(re.escape, fault.split(" ... "))), message), message
    assert plane.calls == []


RAW = {
    "chunks": (
        b"POST /endpoints/shop/invocations HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"4\r\nbody\r\n0\r\n\r\n",
        200,
    ),
    "HTTP/1.0": (written(b"body").replace(b"HTTP/1.1", b"HTTP/1.0"), 200),
    "an escaped name": (written(b"body").replace(b"shop", b"sh%6Fp"), 200),
    "a large head": (written(b"body", f"A: {'a' * 7000}", f"B: {'b' * 7000}"), 200),
    "two lengths": (written(b"body", "Content-Length: 9"), 400),
    "a header without a colon": (written(b"body", "no colon"), 400),
    "not HTTP": (b"\x16\x03\x01\x00\x00\r\n\r\n", 400),
    "a head over the limit": (b"POST /endpoints/shop/invocations HTTP/1.1\r\nA: " + b"a" * 20_000, 400),
    "a page of another site": (written(b"body", "Origin: https://evil.example"), 403),
    "an empty origin": (written(b"body", "Origin: "), 403),
    "too long": (written().replace(b"Content-Length: 0", b"Content-Length: 25000001"), 413),
}


@pytest.mark.parametrize("case", RAW)
async def test_unusual_requests_on_a_used_connection(case: str) -> None:
    request, status = RAW[case]

    plane = Echo()
    async with address(plane) as port:
        reader, writer = await connect(port)
        writer.write(written(b"first"))
        assert await response(reader) == (200, b"first")
        writer.write(request)
        found, body = await response(reader)
        assert found == status
        if status == 200:
            assert (body, plane.calls[-1].endpoint) == (b"body", "shop")
        writer.close()


async def test_a_caller_may_expect_100_continue() -> None:
    async with address(Echo()) as port:
        reader, writer = await connect(port)
        head, _, body = written(b"body", "Expect: 100-continue").partition(b"\r\n\r\n")
        writer.write(head + b"\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert await response(reader) == (200, b"body")
        writer.close()


async def test_one_connection_takes_every_kind_of_request() -> None:
    scope = "AWS4-HMAC-SHA256 Credential=a/20261121/us-east-1/s3/aws4_request, SignedHeaders=host"

    def embedded_aws(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [f"S3 {environ['PATH_INFO']}".encode()]

    async with address(Echo(), embedded_aws) as port, ClientSession(f"http://127.0.0.1:{port}") as client:
        for _ in range(2):
            async with client.post("/endpoints/shop/invocations", data=b"x" * 200_000) as reply:
                assert await reply.read() == b"x" * 200_000
            async with client.get("/_mme/status") as reply:
                assert reply.status == 200
            async with client.put("/bucket/model", data=b"y" * 2_000_000) as reply:
                assert await reply.text() == "S3 /bucket/model"
            # A bucket may be called "endpoints".
            signed = {"Authorization": scope}
            async with client.post("/endpoints/shop/invocations", headers=signed) as reply:
                assert await reply.text() == "S3 /endpoints/shop/invocations"


async def test_an_incomplete_body_invokes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    plane = Echo()
    async with address(plane) as port:
        _, writer = await connect(port)
        writer.write(written(bytes(1000))[:-1])
        await writer.drain()
        writer.close()
        reader, writer = await connect(port)
        writer.write(written(b"whole"))
        assert await response(reader) == (200, b"whole")
        writer.close()
    assert [call.body for call in plane.calls] == [b"whole"]
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


@pytest.mark.parametrize("path", ["/endpoints/shop/invocations", "/bucket/key"])
async def test_a_body_that_does_not_arrive_is_given_up(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mme_local.server.http_server._PAUSE_SECONDS", 0.05)
    async with address(Echo()) as port:
        reader, writer = await connect(port)
        writer.write(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 25000000\r\n\r\n".encode())
        assert (await response(reader))[0] == 408
        writer.close()


@pytest.mark.parametrize("path", ["/endpoints/shop/invocations", "/bucket/key"])
async def test_a_body_that_drips_is_given_up(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mme_local.server.http_server._BODY_SECONDS", 0.2)
    async with address(Echo()) as port:
        reader, writer = await connect(port)
        writer.write(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 25000000\r\n\r\n".encode())
        answer = asyncio.create_task(response(reader))
        while not answer.done():
            writer.write(b"x")
            await asyncio.sleep(0.01)
        assert await answer == (408, b"the body did not end within 0.2 s")
        writer.close()


async def test_announced_bodies_take_no_memory() -> None:
    async with address(Echo()) as port:
        tracemalloc.start()
        try:
            connections = [await connect(port) for _ in range(100)]
            for _, writer in connections:
                writer.write(written().replace(b"Content-Length: 0", b"Content-Length: 25000000") + b"x")
            reader, writer = await connect(port)
            writer.write(written(b"answered"))
            assert await response(reader) == (200, b"answered")
            assert tracemalloc.get_traced_memory()[1] < 20_000_000
        finally:
            tracemalloc.stop()
        for _, each in [*connections, (reader, writer)]:
            each.close()


async def test_an_invocation_outlives_its_caller(caplog: pytest.LogCaptureFixture) -> None:
    plane = Echo()
    async with address(plane) as port:
        plane.may_answer.clear()
        _, writer = await connect(port)
        writer.write(written(b"left"))
        await plane.begun.wait()
        writer.transport.abort()
        reader, other = await connect(port)
        other.write(written(b"stayed"))
        while len(plane.calls) < 2:
            await asyncio.sleep(0)
        plane.may_answer.set()
        assert await response(reader) == (200, b"stayed")
        other.close()
    assert plane.answered == 2
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


async def test_shutdown_answers_requests_in_flight_and_closes_idle_connections() -> None:
    plane = Echo()
    async with address(plane) as port:
        idle, idle_writer = await connect(port)
        idle_writer.write(written(b"one"))
        await response(idle)
        plane.may_answer.clear()
        plane.begun.clear()
        reader, writer = await connect(port)
        writer.write(written(b"in flight"))
        await plane.begun.wait()
        asyncio.get_running_loop().call_later(0.05, plane.may_answer.set)
    assert await response(reader) == (200, b"in flight")
    assert await reader.read() == b""
    assert await idle.read() == b""
    writer.close()
    idle_writer.close()


async def test_shutdown_cuts_off_what_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mme_local.server.http_server._SHUTDOWN_SECONDS", 0.05)

    plane = Echo()
    async with address(plane) as port:
        plane.may_answer.clear()
        reader, writer = await connect(port)
        writer.write(written(b"hangs"))
        await plane.begun.wait()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
