"""The one address: ``InvokeEndpoint`` to the data plane, everything else to embedded AWS."""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor

from aiohttp import web

from mme.catalog import limits
from mme.local import outcome
from mme.local.access.browsers import foreign_name, from_elsewhere
from mme.local.access.gatekeeper import Gatekeeper
from mme.local.access.signature import Scope, scope_of
from mme.local.call import Call
from mme.local.cloud.account import DEFAULT_REGION
from mme.local.dataplane import DataPlane
from mme.local.pieces import Body, Pieces
from mme.local.wsgi import WsgiApplication, serve_wsgi

STATUS_PATH = "/_mme/status"
_PAGES = "/_mme/"
_SMALL_BYTES = 64 * 1024
_TARGET_MODEL = "X-Amzn-SageMaker-Target-Model"
_TARGET_VARIANT = "X-Amzn-SageMaker-Target-Variant"
_UUID_FREE = ~(0xF << 76 | 0x3 << 62)
_UUID_VERSION_4 = 0x4 << 76 | 0x2 << 62
"""The bits that say what kind of UUID it is (RFC 9562, "UUID Version 4")."""
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
        scope = scope_of(request.headers)
        if _is_for_s3(scope):
            return await aws(request)
        return await _invoke(data_plane, keeper, payload_bytes, request, scope)

    async def unsupported(request: web.Request) -> web.StreamResponse:
        if _is_for_s3(scope_of(request.headers)):
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
    bits = random.getrandbits(128) & _UUID_FREE | _UUID_VERSION_4
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _is_for_s3(scope: Scope | None) -> bool:
    """Whether the path only looks like SageMaker's: a bucket may be called ``endpoints``."""
    return scope is not None and scope.service == "s3"


async def _invoke(
    data_plane: DataPlane,
    gatekeeper: Gatekeeper,
    payload_bytes: int,
    request: web.Request,
    scope: Scope | None,
) -> web.StreamResponse:
    request_id = _request_id()
    headers = request.headers
    try:
        call = Call(
            request.match_info["name"],
            headers.get(_TARGET_MODEL),
            await _payload(request, payload_bytes),
            {name: headers[name] for name in _PASSED_ON if name in headers},
            request_id,
            region=scope.region if scope else DEFAULT_REGION,
            target_variant=headers.get(_TARGET_VARIANT),
        )
        if gatekeeper.enforces:
            url = f"{request.scheme}://{request.host}{request.raw_path}"
            gatekeeper.check(call, request.method, url, headers)
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


async def _payload(request: web.Request, most: int) -> Body:
    """The body, read no further than the limit. InvocationError where it is larger."""
    length = request.content_length
    if (length or 0) > most:
        raise outcome.too_large(most)
    content = request.content
    if length is not None and length <= _SMALL_BYTES and content.is_eof():  # it came whole, with its head
        return content.read_nowait()
    pieces = []
    size = 0
    async for piece, _ in content.iter_chunks():
        size += len(piece)
        if size > most:
            raise outcome.too_large(most)
        pieces.append(piece)
    if len(pieces) > 1:
        return Pieces(pieces)
    return pieces[0] if pieces else b""


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
    """Answer an unforeseen failure of ours as AWS would, and let the log have the trace.

    What comes of another site's page gets no further: only the runtime's own pages may be linked to.
    """
    site = foreign_name(request.headers)
    if site is None and not (request.method == "GET" and request.path.startswith(_PAGES)):
        site = from_elsewhere(request.headers)
    if site is not None:
        return _error(
            outcome.forbidden(
                "AccessDeniedException",
                f"a page of {site} may not use the local runtime; pages of localhost may",
            ),
            _request_id(),
        )
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception as error:
        if request.transport is not None or not isinstance(error, ConnectionError):  # else the caller left
            request.app.logger.exception("failed to answer %s %s", request.method, request.path)
        return _error(outcome.internal_failure(f"{type(error).__name__}: {error}"), _request_id())
