"""Every route of the local endpoint's own, with bodies that none of them expects."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from mme_local.aws import application
from mme_local.faults.board import FaultBoard
from mme_local.faults.fault import FAULTS_PATH
from mme_local.faults.middleware import fault_middleware
from mme_local.server.gateway import build_gateway
from mme_local.server.invoke_endpoint import InvokeEndpoint
from tests.mme_local.faults.test_middleware import Models
from tests.mme_local.server.test_gateway import Echo
from tools.sample_runtime import SampleRuntime

NAMES = {"name": "e", "verb": "async-invocations", "path": "/x"}
INVOKE = "/endpoints/e/invocations"
LEVELS = 100_000
BODIES = {
    "arrays": b"[" * LEVELS + b"]" * LEVELS,
    "objects": b'{"kind":' * LEVELS + b"1" + b"}" * LEVELS,
    "cut off": b'{"kind": ' + b"[" * LEVELS,
}
JSON = {"Content-Type": "application/json"}


def gateway(executor: ThreadPoolExecutor) -> web.Application:
    """Build what a runtime serves, with a data plane that echoes."""
    built = build_gateway(
        InvokeEndpoint(Echo()),  # type: ignore[arg-type]
        application(),
        executor,
        dict,
        pages=SampleRuntime().page().routes(),
    )
    built.middlewares.append(fault_middleware(FaultBoard(), Models()))
    return built


def own_paths(built: web.Application) -> set[str]:
    """The paths of all routes but embedded AWS's, and of the middleware's."""
    routes = {route.resource.canonical for route in built.router.routes() if route.resource}
    return {re.sub(r"{(\w+)}", lambda found: NAMES[found[1]], path) for path in routes - {"/{path}"}} | {
        FAULTS_PATH
    }


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_nested_json_is_refused_by_every_own_route(
    body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with ThreadPoolExecutor(1) as executor:
        built = gateway(executor)
        paths = own_paths(built)
        assert {INVOKE, FAULTS_PATH, "/_mme/status", "/_mme/events", "/_mme", "/_mme/x"} <= paths
        async with TestClient(TestServer(built)) as client:
            for path in sorted(paths):
                async with client.post(path, data=body, headers=JSON) as reply:
                    if path == INVOKE:  # the container parses it
                        assert (reply.status, await reply.read()) == (200, body)
                    else:
                        assert reply.status in (400, 404), (path, reply.status)
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_nested_json_is_refused_by_embedded_aws(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    headers = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=x/20261130/us-east-1/sagemaker/aws4_request, x",
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "SageMaker.ListModels",
    }
    with ThreadPoolExecutor(1) as executor:
        async with (
            TestClient(TestServer(gateway(executor))) as client,
            client.post("/", data=body, headers=headers) as reply,
        ):
            assert reply.status == 400
            assert (await reply.json(content_type=None))["Message"] == "the request is nested too deeply"
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "GET"])
async def test_embedded_aws_has_nothing_below_our_own_path(method: str) -> None:
    with ThreadPoolExecutor(1) as executor:
        async with TestClient(TestServer(gateway(executor))) as client:
            for path in ("/_mme/nothing", "/_mme/faults/x", *(["/_mme/status"] if method != "GET" else [])):
                async with client.request(method, path) as reply:
                    assert (reply.status, "has no page" in await reply.text()) == (404, True)
