"""The gateway's wire format, with a data plane that needs no Triton."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from mme.local import outcome
from mme.local.container import ContainerReply
from mme.local.dataplane import Invocation
from mme.local.gateway import build_gateway


class FakePlane:
    """Remembers what it was asked and answers, or raises, what it was told."""

    def __init__(self, answer: Exception | None = None) -> None:
        self.answer = answer
        self.asked: list[Any] = []

    async def invoke(
        self, name: str, target: str | None, body: bytes, headers: Mapping[str, str], *, region: str
    ) -> Invocation:
        self.asked.append((name, target, body, dict(headers), region))
        if self.answer:
            raise self.answer
        return Invocation(ContainerReply(200, b"\x00answer", "application/x-test"), "AllTraffic")


def ask(plane: FakePlane, path: str = "/endpoints/e/invocations", **headers: str) -> tuple[Any, bytes]:
    async def story() -> tuple[Any, bytes]:
        with ThreadPoolExecutor(1) as executor:
            gateway = build_gateway(plane, lambda *_: [b""], executor, dict)  # type: ignore[arg-type]
            async with TestClient(TestServer(gateway)) as client:
                reply = await client.post(path, data=b"\x01body", headers=headers)
                return reply, await reply.read()

    return asyncio.run(story())


def test_an_answer_comes_back_as_bytes_with_the_variant() -> None:
    plane = FakePlane()
    reply, body = ask(
        plane, **{"Content-Type": "application/json", "X-Amzn-SageMaker-Target-Model": "a/b.tar.gz"}
    )
    assert (reply.status, body) == (200, b"\x00answer")
    assert reply.headers["Content-Type"] == "application/x-test"
    assert reply.headers["x-Amzn-Invoked-Production-Variant"] == "AllTraffic"
    assert plane.asked == [
        ("e", "a/b.tar.gz", b"\x01body", {"Content-Type": "application/json", "Accept": "*/*"}, "us-east-1")
    ]


def test_the_region_is_that_of_the_signature() -> None:
    plane = FakePlane()
    scope = "AWS4-HMAC-SHA256 Credential=AKIA/20261121/eu-west-1/sagemaker/aws4_request, SignedHeaders=host"
    ask(plane, Authorization=scope)
    assert plane.asked[0][4] == "eu-west-1"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (outcome.unknown_endpoint("e", "1"), 400),
        (outcome.model_error("e", "v", 400, "why"), 424),
        (outcome.model_not_ready("m"), 429),
        (outcome.service_unavailable("why"), 503),
    ],
)
def test_errors_have_aws_names_and_statuses(error: outcome.InvocationError, status: int) -> None:
    reply, body = ask(FakePlane(error))
    assert reply.status == status
    assert reply.headers["x-amzn-ErrorType"] == error.code
    assert json.loads(body)["Message"] == error.message


def test_a_model_error_carries_the_original() -> None:
    _, body = ask(FakePlane(outcome.model_error("e", "v", 507, "out of memory")))
    answer = json.loads(body)
    assert (answer["OriginalStatusCode"], answer["OriginalMessage"]) == (507, "out of memory")
    assert "/aws/sagemaker/Endpoints/e" in answer["LogStreamArn"]


def test_what_nobody_foresaw_is_an_internal_failure() -> None:
    reply, body = ask(FakePlane(RuntimeError("oops")))
    assert reply.status == 500
    assert reply.headers["x-amzn-ErrorType"] == "InternalFailure"
    assert "oops" in json.loads(body)["Message"]


def test_asynchronous_and_streaming_invocations_are_refused() -> None:
    for verb in ("async-invocations", "invocations-response-stream"):
        reply, body = ask(FakePlane(), f"/endpoints/e/{verb}")
        assert reply.status == 400
        assert "does not take a TargetModel" in json.loads(body)["Message"]
