"""Faults set over HTTP, and embedded S3 that meets them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from mme.errors import MmeError
from mme_local.faults.board import FaultBoard
from mme_local.faults.fault import FAULTS_PATH, InjectedFault
from mme_local.faults.middleware import fault_middleware
from mme_local.faults.remote import RuntimeFaults
from mme_local.server import http_server

FOR_S3 = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=A/20261121/us-east-1/s3/aws4_request, SignedHeaders=host"
}
FOR_SNS = {"Authorization": FOR_S3["Authorization"].replace("/s3/", "/sns/")}


class Models:
    """Two models; records evictions."""

    def __init__(self) -> None:
        self.unloaded: list[str] = []

    def has_model(self, model: str) -> bool:
        return model in {"a_v0.tar.gz", "t/b_v0.tar.gz"}

    async def unload_idle(self, model: str) -> None:
        self.unloaded.append(model)


class Gateway:
    """What is asked over HTTP."""

    def __init__(self, client: Any, models: Models) -> None:
        self._client = client
        self.models = models
        self.faults = RuntimeFaults(str(client.make_url("/")))

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, str]:
        async with self._client.request(method, path, **options) as reply:
            return reply.status, await reply.text()


@asynccontextmanager
async def a_gateway() -> AsyncIterator[Gateway]:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.path}: {len(await request.read())} bytes")

    models = Models()
    application = web.Application(middlewares=[fault_middleware(FaultBoard(), models)])
    application.router.add_route("*", "/{path:.*}", handler)
    async with TestClient(TestServer(application)) as client:
        yield Gateway(client, models)


async def test_a_fault_is_set_listed_and_cleared_from_another_process() -> None:
    async with a_gateway() as gateway:
        faults = gateway.faults
        assert await asyncio.to_thread(faults.all) == []
        fault = await asyncio.to_thread(faults.set, "not-ready", "t/b_v0.tar.gz", seconds=1.5, times=2)
        assert fault == InjectedFault.checked(
            {"kind": "not-ready", "model": "t/b_v0.tar.gz", "seconds": 1.5, "times": 2}
        )
        assert await asyncio.to_thread(faults.all) == [fault.as_json() | {"met": 0}]
        assert await asyncio.to_thread(faults.clear, "s3-slow") == []
        assert await asyncio.to_thread(faults.clear, "not-ready", "t/b_v0.tar.gz") == [fault.as_json()]
        assert await asyncio.to_thread(faults.all) == []


async def test_a_model_is_evicted_for_faults_that_only_loads_meet() -> None:
    async with a_gateway() as gateway:
        for kind, seconds in (("s3-slow", 1), ("s3-failing", None), ("load-507", None), ("disk-full", None)):
            await asyncio.to_thread(gateway.faults.set, kind, "a_v0.tar.gz", seconds=seconds)
        assert gateway.models.unloaded == ["a_v0.tar.gz"] * 4
        for kind in ("worker-dead", "server-dies"):
            await asyncio.to_thread(gateway.faults.set, kind, "a_v0.tar.gz")
        await asyncio.to_thread(gateway.faults.set, "load-507")
        assert len(gateway.models.unloaded) == 4


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("POST", {"data": "kind=load-507"}, "the body must be JSON, not text/plain"),
        ("POST", {"data": b"{", "headers": {"Content-Type": "application/json"}}, "the body is not JSON"),
        ("POST", {"json": {"kind": "x" * 65536}}, "the body has more than 65536 bytes"),
        ("POST", {"json": {"kind": "s3"}}, "unknown fault 's3'"),
        ("POST", {"json": {"kind": "load-507", "port": 1}}, "port 1 is not valid"),
        ("DELETE", {"params": {"kind": "s3"}}, "unknown fault 's3'"),
    ],
)
async def test_invalid_requests_are_refused(method: str, options: dict[str, Any], message: str) -> None:
    async with a_gateway() as gateway:
        status, text = await gateway.ask(method, FAULTS_PATH, **options)
        assert status == 400
        assert message in text
        assert await asyncio.to_thread(gateway.faults.all) == []


def test_a_stopped_runtime_is_reported() -> None:
    async def address() -> RuntimeFaults:
        async with a_gateway() as gateway:
            return gateway.faults

    with pytest.raises(MmeError, match="does not answer"):
        asyncio.run(address()).all()


@pytest.mark.parametrize(
    "signed",
    [{"headers": FOR_S3}, {"params": {"X-Amz-Credential": "A/20261121/us-east-1/s3/aws4_request"}}],
)
async def test_failing_s3_answers_slow_down(signed: dict[str, Any]) -> None:
    async with a_gateway() as gateway:
        await asyncio.to_thread(gateway.faults.set, "s3-failing", times=1)
        status, text = await gateway.ask("PUT", "/bucket/key", data=bytes(100_000), **signed)
        assert status == 503
        assert "<Code>SlowDown</Code>" in text
        assert await gateway.ask("PUT", "/bucket/key", data=b"x", **signed) == (200, "/bucket/key: 1 bytes")


@pytest.mark.parametrize("path", [FAULTS_PATH, "/bucket/key"])
async def test_a_body_that_does_not_come_times_out(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(2)

    monkeypatch.setattr(http_server, "_PAUSE_SECONDS", 0.05)
    async with a_gateway() as gateway:
        await asyncio.to_thread(gateway.faults.set, "s3-failing")
        headers = FOR_S3 | {"Content-Type": "application/json"}
        assert (await gateway.ask("POST", path, data=body(), headers=headers))[0] == 408


async def test_s3_fails_for_one_model_and_other_services_do_not() -> None:
    async with a_gateway() as gateway:
        await asyncio.to_thread(gateway.faults.set, "s3-failing", "t/b_v0.tar.gz")
        assert (await gateway.ask("GET", "/bucket/models/t/b_v0.tar.gz", headers=FOR_S3))[0] == 503
        assert (await gateway.ask("GET", "/bucket/models/b_v0.tar.gz", headers=FOR_S3))[0] == 200
        assert (await gateway.ask("GET", "/bucket/models/t/b_v0.tar.gz", headers=FOR_SNS))[0] == 200
        assert (await gateway.ask("GET", "/bucket/models/t/b_v0.tar.gz"))[0] == 200
