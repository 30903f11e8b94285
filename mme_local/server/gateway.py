"""The one address: ``InvokeEndpoint`` to the data plane, everything else to embedded AWS."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor

from aiohttp import web

from mme_local.containers.pieces import Body, Pieces
from mme_local.endpoint import errors as outcome
from mme_local.server.access.browsers import foreign_name, from_elsewhere
from mme_local.server.access.signature import is_for_s3
from mme_local.server.http_answer import HttpAnswer, error_answer
from mme_local.server.invoke_endpoint import InvokeEndpoint, new_request_id
from mme_local.server.wsgi import WsgiApplication, serve_wsgi

STATUS_PATH = "/_mme/status"
_PAGES = "/_mme/"


def build_gateway(
    invoke_endpoint: InvokeEndpoint,
    control_plane: WsgiApplication,
    executor: Executor,
    status: Callable[[], dict[str, object]],
    *,
    pages: Iterable[web.RouteDef] = (),
) -> web.Application:
    """The aiohttp application of a runtime.

    Args:
        invoke_endpoint: answers ``POST /endpoints/{name}/invocations``.
        control_plane: embedded AWS, for every other path.
        executor: threads for the control plane.
        status: what ``GET /_mme/status`` tells.
        pages: further routes below ``/_mme/``.
    """

    async def invoke(request: web.Request) -> web.StreamResponse:
        if is_for_s3(request.headers):
            return await aws(request)
        try:
            body = await _payload(request, invoke_endpoint.payload_bytes)
        except outcome.InvocationError as error:
            return _error(error)
        return _response(
            await invoke_endpoint.answer(request.match_info["name"], request.raw_path, request.headers, body)
        )

    async def unsupported(request: web.Request) -> web.StreamResponse:
        if is_for_s3(request.headers):
            return await aws(request)
        return _error(
            outcome.validation_error(
                f"{request.match_info['verb']} does not take a TargetModel, so a multi-model endpoint "
                "can't answer it; use InvokeEndpoint"
            )
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


async def _payload(request: web.Request, most: int) -> Body:
    """The body, read no further than the limit. InvocationError where it is larger."""
    length = request.content_length
    if (length or 0) > most:
        raise outcome.too_large(most)
    pieces = []
    size = 0
    # Not iter_chunks, which has no end where there is no body: aiohttp has one empty body for all requests.
    async for piece in request.content.iter_any():
        size += len(piece)
        if size > most:
            raise outcome.too_large(most)
        pieces.append(piece)
    return Pieces(pieces)


def _error(error: outcome.InvocationError) -> web.Response:
    return _response(error_answer(error, new_request_id()))


def _response(answer: HttpAnswer) -> web.Response:
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


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
            )
        )
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception as error:
        if request.transport is not None or not isinstance(error, ConnectionError):  # else the caller left
            request.app.logger.exception("failed to answer %s %s", request.method, request.path)
        return _error(outcome.internal_failure(f"{type(error).__name__}: {error}"))
