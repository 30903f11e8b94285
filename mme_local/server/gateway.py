"""The one address: ``InvokeEndpoint`` goes to the data plane, everything else to embedded AWS."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor

from aiohttp import web

from mme_local.endpoint import errors
from mme_local.server.access.browsers import foreign_name, from_elsewhere
from mme_local.server.access.signature import is_for_s3
from mme_local.server.invoke_endpoint import InvokeEndpoint, error_response
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
    """Build the aiohttp application of a runtime.

    Args:
        invoke_endpoint: Answers ``POST /endpoints/{name}/invocations``.
        control_plane: Embedded AWS, for every other path.
        executor: Threads for the control plane.
        status: Returns what ``GET /_mme/status`` shows.
        pages: Further routes below ``/_mme/``.
    """

    async def invoke(request: web.Request) -> web.StreamResponse:
        # A bucket may be called "endpoints".
        return await (aws(request) if is_for_s3(request.headers) else invoke_endpoint.handle(request))

    async def unsupported(request: web.Request) -> web.StreamResponse:
        if is_for_s3(request.headers):
            return await aws(request)
        return error_response(
            errors.validation_error(
                f"{request.match_info['verb']} does not take a TargetModel, so a multi-model endpoint "
                "can't answer it; use InvokeEndpoint"
            )
        )

    async def show_status(_: web.Request) -> web.StreamResponse:
        return web.json_response(status())

    async def aws(request: web.Request) -> web.StreamResponse:
        return await serve_wsgi(control_plane, executor, request)

    application = web.Application(middlewares=[guard])
    application.router.add_post("/endpoints/{name}/invocations", invoke)
    application.router.add_post(
        "/endpoints/{name}/{verb:async-invocations|invocations-response-stream}", unsupported
    )
    application.router.add_get(STATUS_PATH, show_status)
    application.router.add_routes(pages)
    application.router.add_route("*", "/{path:.*}", aws)
    return application


@web.middleware
async def guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse requests of other sites' pages, and answer an unexpected failure as AWS would.

    Another site may only link to the runtime's own pages.

    Args:
        request: The request.
        handler: The next handler, as aiohttp's middleware passes it.
    """
    site = foreign_name(request.headers)
    if site is None and not (request.method == "GET" and request.path.startswith(_PAGES)):
        site = from_elsewhere(request.headers)
    if site is not None:
        return error_response(
            errors.forbidden(
                "AccessDeniedException",
                f"a page of {site} may not use the local endpoint; pages of localhost may",
            )
        )
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception as error:
        if request.transport is not None or not isinstance(error, ConnectionError):  # else the caller left
            request.app.logger.exception("failed to answer %s %s", request.method, request.path)
        return error_response(errors.internal_failure(f"{type(error).__name__}: {error}"))
