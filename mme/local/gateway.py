"""The one address: ``InvokeEndpoint`` to the data plane, everything else to embedded AWS."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor

from aiohttp import web

from mme.catalog import limits
from mme.local import outcome
from mme.local.access.gatekeeper import Gatekeeper
from mme.local.access.signature import scope_of
from mme.local.call import Call
from mme.local.cloud.account import DEFAULT_REGION
from mme.local.dataplane import DataPlane
from mme.local.wsgi import WsgiApplication, serve_wsgi

STATUS_PATH = "/_mme/status"
_TARGET_MODEL = "X-Amzn-SageMaker-Target-Model"
_TARGET_VARIANT = "X-Amzn-SageMaker-Target-Variant"
_PASSED_ON = ("Content-Type", "Accept", "X-Amzn-SageMaker-Custom-Attributes", "Content-Encoding")


def build_gateway(
    data_plane: DataPlane,
    control_plane: WsgiApplication,
    executor: Executor,
    status: Callable[[], dict[str, object]],
    gatekeeper: Gatekeeper | None = None,
    *,
    payload_bytes: int = limits.PAYLOAD_MAX_BYTES,
    pages: Iterable[web.RouteDef] = (),
) -> web.Application:
    """The aiohttp application of a runtime.

    Args:
        data_plane: answers ``POST /endpoints/{name}/invocations``.
        control_plane: embedded AWS, for every other path.
        executor: threads for the control plane.
        status: what ``GET /_mme/status`` tells.
        gatekeeper: who may invoke; everybody by default.
        payload_bytes: largest body of an invocation.
        pages: further routes below ``/_mme/``.
    """
    keeper = gatekeeper or Gatekeeper(enforce=False)

    async def invoke(request: web.Request) -> web.StreamResponse:
        if _is_for_s3(request):
            return await aws(request)
        return await _invoke(data_plane, keeper, payload_bytes, request)

    async def unsupported(request: web.Request) -> web.StreamResponse:
        if _is_for_s3(request):
            return await aws(request)
        return _error(
            outcome.validation_error(
                f"{request.match_info['verb']} does not take a TargetModel, so a multi-model endpoint "
                "can't answer it; use InvokeEndpoint"
            ),
            _request_id(),
        )

    async def show_status(_: web.Request) -> web.StreamResponse:
        return web.json_response(status())

    async def aws(request: web.Request) -> web.StreamResponse:
        return await serve_wsgi(control_plane, executor, request)

    application = web.Application(client_max_size=0, middlewares=[last_resort])
    application.router.add_post("/endpoints/{name}/invocations", invoke)
    application.router.add_post(
        "/endpoints/{name}/{verb:async-invocations|invocations-response-stream}", unsupported
    )
    application.router.add_get(STATUS_PATH, show_status)
    application.router.add_routes(pages)
    application.router.add_route("*", "/{path:.*}", aws)
    return application


def _request_id() -> str:
    """A UUID as AWS gives one; of a generator that asks the system once, not at each request."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def _is_for_s3(request: web.Request) -> bool:
    """Whether the path only looks like SageMaker's: a bucket may be called ``endpoints``."""
    scope = scope_of(request.headers)
    return scope is not None and scope.service == "s3"


async def _invoke(
    data_plane: DataPlane, gatekeeper: Gatekeeper, payload_bytes: int, request: web.Request
) -> web.StreamResponse:
    request_id = _request_id()
    scope = scope_of(request.headers)
    try:
        call = Call(
            request.match_info["name"],
            request.headers.get(_TARGET_MODEL),
            await _payload(request, payload_bytes),
            {name: request.headers[name] for name in _PASSED_ON if name in request.headers},
            request_id,
            region=scope.region if scope else DEFAULT_REGION,
            target_variant=request.headers.get(_TARGET_VARIANT),
        )
        if gatekeeper.enforces:
            url = f"{request.scheme}://{request.host}{request.raw_path}"
            gatekeeper.check(call, request.method, url, request.headers)
        answered = await data_plane.invoke(call)
    except outcome.InvocationError as error:
        return _error(error, request_id)
    return web.Response(
        body=answered.reply.body,
        headers={
            **answered.reply.headers,
            "Content-Type": answered.reply.content_type,
            "x-Amzn-Invoked-Production-Variant": answered.variant,
            "x-amzn-RequestId": request_id,
        },
    )


async def _payload(request: web.Request, most: int) -> bytes:
    """The body, read no further than the limit. InvocationError where it is larger."""
    if (request.content_length or 0) > most:
        raise outcome.too_large(most)
    pieces = []
    size = 0
    async for piece in request.content.iter_any():
        size += len(piece)
        if size > most:
            raise outcome.too_large(most)
        pieces.append(piece)
    return b"".join(pieces)


def _error(error: outcome.InvocationError, request_id: str) -> web.Response:
    return web.Response(
        status=error.status,
        body=json.dumps(error.body()).encode(),
        headers={
            "Content-Type": "application/json",
            "x-amzn-ErrorType": error.name,
            "x-amzn-RequestId": request_id,
        },
    )


@web.middleware
async def last_resort(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer an unforeseen failure of ours as AWS would, and let the log have the trace."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception as error:
        request.app.logger.exception("failed to answer %s %s", request.method, request.path)
        return _error(outcome.internal_failure(f"{type(error).__name__}: {error}"), _request_id())
