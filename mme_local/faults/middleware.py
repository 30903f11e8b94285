"""Faults at the local endpoint's address: the path that sets them, and failures of embedded S3."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import unquote

from aiohttp import web
from aiohttp.typedefs import Middleware

from mme.errors import MmeError
from mme_local.faults.board import FaultBoard
from mme_local.faults.fault import FAULTS_PATH, FaultType, InjectedFault
from mme_local.server.access.signature import is_for_s3
from mme_local.server.http_server import body_pieces

_MOST_BYTES = 64 * 1024
"""Of a request that sets a fault."""
_FAULT_BODY = 'send an object such as {"kind": "load-507"}'
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Models(Protocol):
    """The models of all endpoints; a data plane."""

    def has_model(self, model: str) -> bool:
        """Return whether an endpoint has this model in S3."""

    async def unload_idle(self, model: str) -> None:
        """Evict a model from memory and disk of every instance that does not use it now."""


def fault_middleware(board: FaultBoard, models: Models) -> Middleware:
    """Return a middleware that serves `FAULTS_PATH` and makes embedded S3 fail.

    ``GET`` lists, ``POST`` of a JSON object with kind, model, seconds and times sets, ``DELETE`` with kind
    and model in the query clears.

    Args:
        board: the faults.
        models: the models of all endpoints.
    """

    async def list_faults(_: web.Request) -> web.StreamResponse:
        return web.json_response({"faults": board.describe()})

    async def set_fault(request: web.Request) -> web.StreamResponse:
        # A page of another site, open in a browser here, can post text but not JSON.
        if request.content_type != "application/json":
            raise MmeError(
                f"the body must be JSON, not {request.content_type}",
                hint="send the header Content-Type: application/json",
            )
        try:
            fault = InjectedFault.checked(json.loads(await _small_body(request)))
        except (ValueError, RecursionError) as error:
            raise MmeError(f"the body is not JSON: {error}", hint=_FAULT_BODY) from None
        if fault.model is not None:
            if not models.has_model(fault.model):
                raise MmeError(
                    f"no endpoint here has a model {fault.model}",
                    hint="`mme models list` lists the models",
                )
            if fault.kind.at_load:
                await models.unload_idle(fault.model)
        board.set(fault)
        return web.json_response({"fault": fault.as_json()})

    async def clear_faults(request: web.Request) -> web.StreamResponse:
        kind, model = request.query.get("kind"), request.query.get("model")
        cleared = board.clear(None if kind is None else FaultType.parse(kind), model)
        return web.json_response({"cleared": [fault.as_json() for fault in cleared]})

    handlers: dict[str, _Handler] = {"GET": list_faults, "POST": set_fault, "DELETE": clear_faults}

    @web.middleware
    async def middleware(request: web.Request, handler: _Handler) -> web.StreamResponse:
        if request.path == FAULTS_PATH and request.method in handlers:
            try:
                return await handlers[request.method](request)
            except MmeError as error:
                return web.json_response({"error": error.message, "hint": error.hint}, status=400)
        if board and _is_for_s3(request):
            return await _fail_s3(board, request, handler)
        return await handler(request)

    return middleware


async def _small_body(request: web.Request) -> bytes:
    body = b""
    async for piece in body_pieces(request):
        body += piece
        if len(body) > _MOST_BYTES:
            raise MmeError(f"the body has more than {_MOST_BYTES} bytes", hint=_FAULT_BODY)
    return body


def _is_for_s3(request: web.Request) -> bool:
    presigned = request.query.get("X-Amz-Credential", "")
    return is_for_s3(request.headers) or "/s3/aws4_request" in presigned


async def _fail_s3(board: FaultBoard, request: web.Request, handler: _Handler) -> web.StreamResponse:
    path = unquote(request.path)

    def concerns(fault: InjectedFault) -> bool:
        return fault.model is None or path.endswith(f"/{fault.model}")

    slow = board.take(FaultType.S3_SLOW, concerns)
    if slow and slow.seconds:
        await asyncio.sleep(slow.seconds)
    if not board.take(FaultType.S3_FAILING, concerns):
        return await handler(request)
    async for _ in body_pieces(request):
        pass  # a client that is still sending would see a broken connection
    # Amazon S3 API reference, "Error responses": every client retries 503 SlowDown.
    request_id = uuid.uuid4().hex[:16].upper()
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SlowDown</Code>'
        f"<Message>Please reduce your request rate.</Message><RequestId>{request_id}</RequestId></Error>"
    )
    headers = {"Content-Type": "application/xml", "x-amz-request-id": request_id}
    return web.Response(status=503, reason="Slow Down", body=body.encode(), headers=headers)
