"""The one address: ``InvokeEndpoint`` goes to the data plane, everything else to embedded AWS."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Executor

from aiohttp import web
from aiohttp.typedefs import Middleware

from mme_local.endpoint import errors
from mme_local.server.access.browsers import foreign_name, from_elsewhere
from mme_local.server.access.peers import is_other_user
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
    hosts: Sequence[str] = (),
    other_users: bool = False,
) -> web.Application:
    """Build the aiohttp application of a local endpoint.

    Args:
        invoke_endpoint: Answers ``POST /endpoints/{name}/invocations``.
        control_plane: Embedded AWS, for every other path.
        executor: Threads for the control plane.
        status: Returns what ``GET /_mme/status`` shows.
        pages: Further routes below ``/_mme/``.
        hosts: Names in ``Host`` to answer, in addition to localhost and addresses.
        other_users: Whether to answer other users of this machine.
    """

    async def invoke(request: web.Request) -> web.StreamResponse:
        # A bucket may be called "endpoints".
        return await (aws(request) if is_for_s3(request.headers) else invoke_endpoint.handle(request))

    async def unsupported(request: web.Request) -> web.StreamResponse:
        if is_for_s3(request.headers):
            return await aws(request)
        verb = request.match_info["verb"]
        instead = "call InvokeEndpoint"
        if verb == "async-invocations":
            instead = "put a queue in front of the endpoint (AsyncInvocations, mme invoke --async)"
        return error_response(
            errors.validation_error(
                f"{verb} does not take a TargetModel, so a multi-model endpoint can't answer it; {instead}"
            )
        )

    async def show_status(_: web.Request) -> web.StreamResponse:
        return web.json_response(status())

    async def aws(request: web.Request) -> web.StreamResponse:
        return await serve_wsgi(control_plane, executor, request)

    async def no_page(request: web.Request) -> web.StreamResponse:
        raise web.HTTPNotFound(text=f"the local endpoint has no page for {request.method} {request.path}")

    application = web.Application(middlewares=[_guard(hosts, other_users)])
    application.router.add_post("/endpoints/{name}/invocations", invoke)
    application.router.add_post(
        "/endpoints/{name}/{verb:async-invocations|invocations-response-stream}", unsupported
    )
    application.router.add_get(STATUS_PATH, show_status)
    application.router.add_routes(pages)
    application.router.add_route("*", f"{_PAGES.rstrip('/')}{{path:(/.*)?}}", no_page)
    application.router.add_route("*", "/{path:.*}", aws)
    return application


def _guard(hosts: Sequence[str], other_users: bool) -> Middleware:
    @web.middleware
    async def guard(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Refuse other users and other sites' pages, and answer an unexpected failure as AWS would."""
        if refusal := _refusal(request, hosts, other_users):
            return error_response(errors.forbidden("AccessDeniedException", refusal))
        try:
            return await handler(request)
        except web.HTTPException:
            raise
        except RecursionError:  # JSON or XML of thousands of levels
            return error_response(errors.validation_error("the request is nested too deeply"))
        except Exception as error:
            if request.transport or not isinstance(error, ConnectionError):  # else the caller left
                request.app.logger.exception("failed to answer %s %s", request.method, request.path)
            return error_response(errors.internal_failure(f"{type(error).__name__}: {error}"))

    return guard


def _refusal(request: web.Request, hosts: Sequence[str], other_users: bool) -> str | None:
    """Return why a request is refused; None if it is not. Another site may only link to our own pages."""
    if not other_users and is_other_user(request):
        return "another user of this machine may not use the local endpoint; set MME_LOCAL_OTHER_USERS=true"
    if name := foreign_name(request.headers, hosts):
        return f"the host {name} is not this machine; use localhost, or set MME_LOCAL_ALLOWED_HOSTS={name}"
    if not (request.method == "GET" and request.path.startswith(_PAGES)):
        site = from_elsewhere(request.headers)
        if site is not None:
            return f"a page of {site} may not use the local endpoint; pages of localhost may"
    return None
