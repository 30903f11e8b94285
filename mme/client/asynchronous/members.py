"""The members of a request, checked before anything is sent."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from mme.catalog.limits import INVOKE_TIMEOUT_SECONDS, PAYLOAD_MAX_BYTES
from mme.client.asynchronous.locations import Location
from mme.client.targets import check_target
from mme.errors import MmeError

# Source: botocore's model of sagemaker-runtime, InvokeEndpointAsync.
INFERENCE_ID_MAX_CHARS: Final = 64
TTL_RANGE_SECONDS: Final = (60, 21600)
_RANGES: Final = {
    "RequestTTLSeconds": TTL_RANGE_SECONDS,
    "InvocationTimeoutSeconds": (1, INVOKE_TIMEOUT_SECONDS),
}
_MEMBERS: Final = frozenset(
    {
        "Accept",
        "Body",
        "ContentType",
        "CustomAttributes",
        "EndpointName",
        "InferenceId",
        "InputLocation",
        "TargetModel",
        *_RANGES,
    }
)


def check_members(members: Mapping[str, Any], inputs: Location) -> str:
    """Check the members of a call of `invoke_endpoint_async`, and return its inference id, or a new one.

    Args:
        members: As boto3 takes them, and `TargetModel`.
        inputs: Location of requests' bodies.

    Raises:
        MmeError: A member is missing, invalid or not supported.
    """
    unknown = sorted(set(members) - _MEMBERS)
    if unknown:
        raise MmeError(
            f"{', '.join(unknown)} is not supported for multi-model endpoints",
            hint="omit it; answers are named by their inference ids",
        )
    check_target(str(members.get("TargetModel") or ""))
    body, location, place = members.get("Body"), members.get("InputLocation"), inputs.url(inputs.prefix)
    if (body is None) == (location is None):
        raise MmeError("a request needs either Body or InputLocation", hint="pass one of them")
    if location is not None and (not str(location).startswith(place) or location == place):
        raise MmeError(
            f"InputLocation {str(location)!r} is not under {place}",
            hint="put the body there, or use submit",
        )
    if body is not None and len(body) > PAYLOAD_MAX_BYTES:
        raise MmeError(
            f"the request has {len(body) / 1e6:.1f} MB; a multi-model endpoint accepts "
            f"{PAYLOAD_MAX_BYTES / 1e6:.0f} MB, also asynchronously",
            hint="send a smaller batch",
        )
    for name, (low, high) in _RANGES.items():
        value = members.get(name)
        if value is not None and not low <= value <= high:
            raise MmeError(
                f"{name} is {value} s; it must be from {low} to {high} s",
                hint="change it, or leave it out for SageMaker's default",
            )
    return _checked_id(members.get("InferenceId"))


def _checked_id(given: str | None) -> str:
    if given is None:
        return str(uuid.uuid4())
    sendable = given.isascii() and given.isprintable() and not given.startswith(" ")
    if not sendable or not 0 < len(given) <= INFERENCE_ID_MAX_CHARS:
        raise MmeError(
            f"{given!r} is not a valid inference id",
            hint=f"use 1 to {INFERENCE_ID_MAX_CHARS} printable ASCII characters, not starting with a space",
        )
    return given
