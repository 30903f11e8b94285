"""The gateway's wire format, with a data plane that needs no Triton."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from mme_local.containers.container import ContainerReply
from mme_local.endpoint import errors as outcome
from mme_local.endpoint.call import Call, Invocation
from mme_local.server.gateway import build_gateway
from mme_local.server.invoke_endpoint import InvokeEndpoint
from tests.mme_local.addresses import address, nothing, run

PLACE = outcome.Place("e", "eu-west-1", "210987654321")


class FakePlane:
    """Remembers what it was asked and answers, or raises, what it was told."""

    def __init__(self, answer: Exception | None = None) -> None:
        self.answer = answer
        self.asked: list[Any] = []

    async def invoke(self, call: Call) -> Invocation:
        self.asked.append(call)
        if self.answer:
            raise self.answer
        attributes = {"X-Amzn-SageMaker-Custom-Attributes": "trace=1"}
        return Invocation(ContainerReply(200, b"\x00answer", "application/x-test", attributes), "AllTraffic")


Ask = Callable[..., tuple[Any, bytes]]


@asynccontextmanager
async def behind(plane: FakePlane) -> AsyncIterator[str]:
    """The URL of a gateway with no front before it."""
    with ThreadPoolExecutor(1) as executor:
        gateway = build_gateway(InvokeEndpoint(plane), nothing, executor, dict)  # type: ignore[arg-type]
        async with TestServer(gateway) as server:
            yield f"http://127.0.0.1:{server.port}"


@asynccontextmanager
async def before(plane: FakePlane) -> AsyncIterator[str]:
    """The URL of a whole address."""
    async with address(plane) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(params=[before, behind])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Sends one request, and returns its answer and body: what the front answers, the gateway would too."""

    def ask(
        plane: FakePlane,
        path: str = "/endpoints/e/invocations",
        content: bytes | AsyncIterator[bytes] = b"\x01body",
        headers: dict[str, str] | None = None,
    ) -> tuple[Any, bytes]:
        async def story() -> tuple[Any, bytes]:
            async with request.param(plane) as url, ClientSession() as client:
                reply = await client.post(f"{url}{path}", data=content, headers=headers)
                return reply, await reply.read()

        found: tuple[Any, bytes] = run(story())
        return found

    return ask


def test_an_answer_comes_back_as_bytes_with_the_variant(ask: Ask) -> None:
    plane = FakePlane()
    reply, body = ask(
        plane, headers={"Content-Type": "application/json", "X-Amzn-SageMaker-Target-Model": "a/b.tar.gz"}
    )
    assert (reply.status, body) == (200, b"\x00answer")
    assert reply.headers["Content-Type"] == "application/x-test"
    assert reply.headers["x-Amzn-Invoked-Production-Variant"] == "AllTraffic"
    assert reply.headers["X-Amzn-SageMaker-Custom-Attributes"] == "trace=1"
    (call,) = plane.asked
    assert (call.endpoint, call.target_model, bytes(call.body)) == ("e", "a/b.tar.gz", b"\x01body")
    assert call.headers == {"Content-Type": "application/json", "Accept": "*/*"}
    assert (call.region, call.request_id) == ("us-east-1", reply.headers["x-amzn-RequestId"])


class Echo(FakePlane):
    """Answers with what it was asked."""

    async def invoke(self, call: Call) -> Invocation:
        self.asked.append(call)
        return Invocation(
            ContainerReply(200, bytearray(bytes(call.body)), "application/x-test"), "AllTraffic"
        )


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 64 * 1024 + 1, 3_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_of_every_size_go_both_ways(ask: Ask, size: int, chunked: bool) -> None:
    sent = bytes(range(251)) * (size // 251 + 1)
    sent = sent[:size]

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, size, 50_000):
            yield sent[start : start + 50_000]

    plane = Echo()
    reply, body = ask(plane, content=pieces() if chunked else sent)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/x-test")
    assert reply.headers["Content-Length"] == str(size)
    assert body == sent
    assert len(plane.asked[0].body) == size


def test_the_region_is_that_of_the_signature(ask: Ask) -> None:
    plane = FakePlane()
    scope = "AWS4-HMAC-SHA256 Credential=AKIA/20261121/eu-west-1/sagemaker/aws4_request, SignedHeaders=host"
    ask(plane, headers={"Authorization": scope})
    assert plane.asked[0].region == "eu-west-1"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (outcome.unknown_endpoint("e", "1"), 400),
        (outcome.model_error(PLACE, 400, "why"), 424),
        (outcome.model_not_ready("m"), 429),
        (outcome.service_unavailable("why"), 503),
    ],
)
def test_errors_have_aws_names_and_statuses(ask: Ask, error: outcome.InvocationError, status: int) -> None:
    reply, body = ask(FakePlane(error))
    assert reply.status == status
    assert reply.headers["x-amzn-ErrorType"] == error.name
    assert json.loads(body)["Message"] == error.message


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, "client", "CLIENT_ERROR_FROM_MODEL"),
        (507, "server", "INTERNAL_FAILURE_FROM_MODEL"),
        (0, "server", "INTERNAL_FAILURE_FROM_MODEL"),
    ],
)
def test_a_model_error_carries_the_original(ask: Ask, status: int, kind: str, code: str) -> None:
    reply, body = ask(FakePlane(outcome.model_error(PLACE, status, "out of memory")))
    answer = json.loads(body)
    assert reply.headers["x-amzn-ErrorType"] == "ModelError"
    assert answer == {
        "ErrorCode": code,
        "Message": f'Received {kind} error ({status}) from primary with message "out of memory". '
        "See https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logEventViewer:group="
        "/aws/sagemaker/Endpoints/e in account 210987654321 for more information.",
        "OriginalStatusCode": status,
        "OriginalMessage": "out of memory",
        "LogStreamArn": "arn:aws:logs:eu-west-1:210987654321:log-group:/aws/sagemaker/Endpoints/e",
    }


@pytest.mark.parametrize("chunked", [False, True])
def test_a_payload_over_the_limit_is_refused_before_it_is_all_in_memory(ask: Ask, chunked: bool) -> None:
    plane = FakePlane()

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(26):
            yield bytes(1_000_000)

    reply, body = ask(plane, content=pieces() if chunked else bytes(25_000_001))
    assert reply.status == 413
    assert json.loads(body)["Message"] == "HTTP content length exceeded 25000000 bytes."
    assert plane.asked == []


def test_what_nobody_foresaw_is_an_internal_failure(ask: Ask) -> None:
    reply, body = ask(FakePlane(RuntimeError("oops")))
    assert reply.status == 500
    assert reply.headers["x-amzn-ErrorType"] == "InternalFailure"
    assert "oops" in json.loads(body)["Message"]


def test_asynchronous_and_streaming_invocations_are_refused(ask: Ask) -> None:
    for verb in ("async-invocations", "invocations-response-stream"):
        reply, body = ask(FakePlane(), f"/endpoints/e/{verb}")
        assert reply.status == 400
        assert "does not take a TargetModel" in json.loads(body)["Message"]


def test_a_caller_that_goes_away_in_the_middle_of_its_body_is_no_failure_of_ours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    plane = FakePlane()
    head = b"POST /endpoints/e/invocations HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n"

    async def story() -> None:
        with ThreadPoolExecutor(1) as executor:
            gateway = build_gateway(InvokeEndpoint(plane), nothing, executor, dict)  # type: ignore[arg-type]
            gone = asyncio.Event()

            @web.middleware
            async def seen(request: web.Request, handler: Any) -> web.StreamResponse:
                try:
                    answer: web.StreamResponse = await handler(request)
                    return answer
                finally:
                    gone.set()

            gateway.middlewares.insert(0, seen)
            # Not a TestServer, which cancels what it was answering.
            runner = web.AppRunner(gateway)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            _, writer = await asyncio.open_connection(*runner.addresses[0])
            writer.write(head + b"half")
            await writer.drain()
            writer.close()
            await asyncio.wait_for(gone.wait(), 10)
            await runner.cleanup()

    asyncio.run(story())
    assert plane.asked == []
    assert [record.levelname for record in caplog.records if record.levelno > logging.INFO] == []
