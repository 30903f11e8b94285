"""Faults at the runtime's address: where they are set, and S3's own."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import unquote

from aiohttp import web
from aiohttp.typedefs import Middleware

from mme.errors import MmeError
from mme_local.faults.board import FaultBoard
from mme_local.faults.fault import FAULTS_PATH, Fault, FaultKind, kind_of
from mme_local.server.access.signature import is_for_s3

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Models(Protocol):
    """What setting a fault asks of the endpoints."""

    def published(self, model: str) -> bool:
        """Whether an endpoint has this model in S3."""

    async def unload_idle(self, model: str) -> None:
        """Let a model go from the memory and the disk of every instance that does not use it now."""


def fault_middleware(board: FaultBoard, models: Models) -> Middleware:
    """Answers `FAULTS_PATH`, and what S3 can't.

    ``GET`` lists, ``POST`` of a JSON object with kind, model, seconds and times sets, ``DELETE`` with kind
    and model in the query clears.

    Args:
        board: the faults.
        models: of the endpoints.
    """
    verbs: dict[str, _Handler] = {
        "GET": lambda _: _listed(board),
        "POST": lambda request: _set(board, models, request),
        "DELETE": lambda request: _cleared(board, request),
    }

    @web.middleware
    async def middleware(request: web.Request, handler: _Handler) -> web.StreamResponse:
        if request.path == FAULTS_PATH and request.method in verbs:
            try:
                return await verbs[request.method](request)
            except MmeError as error:
                return web.json_response({"error": error.message, "hint": error.hint}, status=400)
        if board and _is_for_s3(request):
            return await _by_s3(board, request, handler)
        return await handler(request)

    return middleware


async def _listed(board: FaultBoard) -> web.StreamResponse:
    return web.json_response({"faults": board.describe()})


async def _set(board: FaultBoard, models: Models, request: web.Request) -> web.StreamResponse:
    # A page of another site, open in a browser here, can post text but no JSON without asking first.
    if request.content_type != "application/json":
        raise MmeError(f"a fault is set by JSON, not by {request.content_type}")
    try:
        said = await request.json()
    except ValueError as error:
        raise MmeError(f"the body is no JSON: {error}") from None
    if not isinstance(said, dict):
        raise MmeError("the body is no JSON object")
    unknown = sorted(set(said) - {"kind", "model", "seconds", "times"})
    if unknown:
        raise MmeError(
            f"{unknown[0]!r} is nothing that a fault has", hint="kind, model, seconds and times are"
        )
    fault = Fault.checked(said.get("kind"), said.get("model"), said.get("seconds"), said.get("times"))
    if fault.model is not None:
        if not models.published(fault.model):
            raise MmeError(
                f"no endpoint here has a model {fault.model}",
                hint="`mme models list` shows those that there are",
            )
        if fault.kind.at_load:
            await models.unload_idle(fault.model)
    board.set(fault)
    return web.json_response({"fault": fault.as_json()})


async def _cleared(board: FaultBoard, request: web.Request) -> web.StreamResponse:
    kind, model = request.query.get("kind"), request.query.get("model")
    gone = board.clear(None if kind is None else kind_of(kind), model)
    return web.json_response({"cleared": [fault.as_json() for fault in gone]})


def _is_for_s3(request: web.Request) -> bool:
    presigned = request.query.get("X-Amz-Credential", "")
    return is_for_s3(request.headers) or "/s3/aws4_request" in presigned


async def _by_s3(board: FaultBoard, request: web.Request, handler: _Handler) -> web.StreamResponse:
    path = unquote(request.path)

    def concerns(fault: Fault) -> bool:
        return fault.model is None or path.endswith(f"/{fault.model}")

    slow = board.take(FaultKind.S3_SLOW, concerns)
    if slow and slow.seconds:
        await asyncio.sleep(slow.seconds)
    if not board.take(FaultKind.S3_FAILING, concerns):
        return await handler(request)
    async for _ in request.content.iter_any():
        pass  # a client that is still sending would see a broken connection
    return _slow_down()


def _slow_down() -> web.Response:
    """Amazon S3 API reference, "Error responses": 503 SlowDown, which every client tries again."""
    request_id = uuid.uuid4().hex[:16].upper()
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SlowDown</Code>'
        f"<Message>Please reduce your request rate.</Message><RequestId>{request_id}</RequestId></Error>"
    )
    headers = {"Content-Type": "application/xml", "x-amz-request-id": request_id}
    return web.Response(status=503, reason="Slow Down", body=body.encode(), headers=headers)
