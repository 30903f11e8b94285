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

_MEMBERS: Final = frozenset(
    {
        "Accept",
        "Body",
        "ContentType",
        "CustomAttributes",
        "EndpointName",
        "InferenceId",
        "InputLocation",
        "InvocationTimeoutSeconds",
        "RequestTTLSeconds",
        "TargetModel",
    }
)


def checked_id(given: str | None) -> str:
    """Return the inference id, or a new one.

    Raises:
        MmeError: It is not valid.
    """
    if given is None:
        return str(uuid.uuid4())
    if not 0 < len(given) <= INFERENCE_ID_MAX_CHARS or not _sendable(given) or given[0] == " ":
        raise MmeError(
            f"{given!r} is not a valid inference id",
            hint=f"use 1 to {INFERENCE_ID_MAX_CHARS} printable ASCII characters, not starting with a space",
        )
    return given


def checked_seconds(name: str, value: int | None, low: int, high: int) -> int | None:
    """Return the value, which may be None.

    Args:
        name: For the message.
        value: Seconds.
        low: Smallest value.
        high: Largest value.

    Raises:
        MmeError: It is out of range.
    """
    if value is not None and not low <= value <= high:
        raise MmeError(f"{name} is {value}; it must be from {low} to {high}")
    return value


def checked_body(body: bytes | bytearray) -> bytes:
    """Return the body.

    Raises:
        MmeError: It is larger than a multi-model endpoint accepts.
    """
    if len(body) > PAYLOAD_MAX_BYTES:
        raise MmeError(
            f"the request has {len(body) / 1e6:.1f} MB; a multi-model endpoint accepts "
            f"{PAYLOAD_MAX_BYTES / 1e6:.0f} MB, also asynchronously",
            hint="send a smaller batch",
        )
    return bytes(body)


def check_members(members: Mapping[str, Any], inputs: Location) -> None:
    """Check the members of a call of `invoke_endpoint_async`.

    Args:
        members: As boto3 takes them.
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
    if (members.get("Body") is None) == (members.get("InputLocation") is None):
        raise MmeError("a request needs either Body or InputLocation", hint="pass one of them")
    location, place = members.get("InputLocation"), inputs.url(inputs.prefix)
    if location is not None and (not str(location).startswith(place) or location == place):
        raise MmeError(
            f"InputLocation {str(location)!r} is not under {place}",
            hint="put the body there, or use submit",
        )
    checked_seconds("RequestTTLSeconds", members.get("RequestTTLSeconds"), *TTL_RANGE_SECONDS)
    checked_seconds(
        "InvocationTimeoutSeconds", members.get("InvocationTimeoutSeconds"), 1, INVOKE_TIMEOUT_SECONDS
    )


def _sendable(text: str) -> bool:
    return text.isascii() and text.isprintable()
