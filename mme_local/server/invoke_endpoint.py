"""The operation ``InvokeEndpoint``: from an HTTP request to the data plane and back."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final

from aiohttp import web
from botocore.model import Shape

from mme.catalog import limits
from mme_local.aws.account import DEFAULT_REGION
from mme_local.aws.constraints import member_faults, member_path, request_shape, validation_errors
from mme_local.endpoint import errors
from mme_local.endpoint.call import InvokeCall
from mme_local.endpoint.data_plane import DataPlane
from mme_local.server.access.gatekeeper import Gatekeeper
from mme_local.server.access.signature import scope_of
from mme_local.server.http_server import body_pieces

log = logging.getLogger(__name__)

_TARGET_MODEL: Final = "X-Amzn-SageMaker-Target-Model"
_TARGET_VARIANT: Final = "X-Amzn-SageMaker-Target-Variant"
_COMPONENT: Final = "X-Amzn-SageMaker-Inference-Component"
_PASSED_ON: Final = ("Content-Type", "Accept", "X-Amzn-SageMaker-Custom-Attributes", "Content-Encoding")


class InvokeEndpoint:
    """Handles ``POST /endpoints/{name}/invocations``.

    Args:
        data_plane: Runs the containers.
        gatekeeper: Decides who may invoke; by default every caller may.
        payload_bytes: Largest body of a request.
    """

    def __init__(
        self,
        data_plane: DataPlane,
        gatekeeper: Gatekeeper | None = None,
        *,
        payload_bytes: int = limits.PAYLOAD_MAX_BYTES,
    ) -> None:
        self._data_plane = data_plane
        self._gatekeeper = gatekeeper or Gatekeeper(enforce=False)
        self._payload_bytes = payload_bytes

    async def handle(self, request: web.Request) -> web.Response:
        """Return the model's answer, or the error as AWS sends it."""
        request_id = str(uuid.uuid4())
        headers = request.headers
        try:
            _check_members(request.match_info["name"], headers)
            scope = scope_of(headers)
            call = InvokeCall(
                request.match_info["name"],
                headers.get(_TARGET_MODEL),
                await self._payload(request),
                {name: headers[name] for name in _PASSED_ON if name in headers},
                request_id,
                region=scope.region if scope else DEFAULT_REGION,
                target_variant=headers.get(_TARGET_VARIANT),
                component=headers.get(_COMPONENT),
            )
            url = f"http://{headers.get('Host', '')}{request.raw_path}"
            self._gatekeeper.check(call, request.method, url, headers)
            answered = await self._data_plane.invoke(call)
        except errors.InvokeError as error:
            return error_response(error, request_id)
        return web.Response(
            headers={
                **answered.reply.headers,
                "Content-Type": answered.reply.content_type,
                "x-Amzn-Invoked-Production-Variant": answered.variant,
                "x-amzn-RequestId": request_id,
            },
            body=answered.reply.body,
        )

    async def _payload(self, request: web.Request) -> bytes:
        """Read the body, no further than the limit. Raises InvokeError if it is larger."""
        if (request.content_length or 0) > self._payload_bytes:
            raise errors.too_large(self._payload_bytes)
        pieces = []
        size = 0
        async for piece in body_pieces(request):
            pieces.append(piece)
            size += len(piece)
            if size > self._payload_bytes:
                raise errors.too_large(self._payload_bytes)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _check_members(endpoint: str, headers: Mapping[str, str]) -> None:
    """Raise InvokeError if a member breaks a constraint of the API; the target model is checked later."""
    faults: list[str] = []
    for header, place, shape in _members():
        value = headers.get(header) if header else endpoint
        if value is not None:
            faults.extend(_faults(value, shape, place))
    if faults:
        raise errors.validation_error(validation_errors(faults))


@lru_cache
def _faults(value: str, shape: Shape, place: str) -> tuple[str, ...]:
    """Return `member_faults`; most requests have the same headers."""
    return tuple(member_faults(value, shape, place))


@cache
def _members() -> list[tuple[str, str, Shape]]:
    """Return header, place and shape of each member; the endpoint's name is in the URL, not in a header."""
    found = request_shape("sagemaker-runtime", "InvokeEndpoint").members
    headers = {
        name: one.serialization["name"]
        for name, one in found.items()
        if one.serialization.get("location") == "header" and name != "TargetModel"
    }
    return [
        (header, member_path(name), found[name]) for name, header in {"EndpointName": "", **headers}.items()
    ]


def error_response(error: errors.InvokeError, request_id: str | None = None) -> web.Response:
    """Return an error as AWS sends it.

    Args:
        error: What went wrong.
        request_id: Of the request; a new one by default.
    """
    return web.Response(
        status=error.status,
        headers={
            "Content-Type": "application/json",
            "x-amzn-ErrorType": error.name,
            "x-amzn-RequestId": request_id or str(uuid.uuid4()),
        },
        body=json.dumps(error.body()).encode(),
    )
