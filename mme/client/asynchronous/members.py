"""The members of a request, checked before anything is sent."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from mme.catalog.limits import INVOKE_TIMEOUT_SECONDS, PAYLOAD_MAX_BYTES, TARGET_MODEL_MAX_CHARS
from mme.client.asynchronous.locations import Location
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
    """The inference id, or a new one; MmeError where it can't be one."""
    if given is None:
        return str(uuid.uuid4())
    if not 0 < len(given) <= INFERENCE_ID_MAX_CHARS or not _sendable(given) or given[0] == " ":
        raise MmeError(
            f"{given!r} can't be an inference id",
            hint=f"use 1 to {INFERENCE_ID_MAX_CHARS} printable ASCII characters, the first no space",
        )
    return given


def checked_target(target: str) -> str:
    """The model's name; MmeError where it can't be one."""
    if not 0 < len(target) <= TARGET_MODEL_MAX_CHARS or not _sendable(target):
        raise MmeError(
            f"{target[:40]!r} can't be a TargetModel",
            hint=f"use 1 to {TARGET_MODEL_MAX_CHARS} printable ASCII characters: add_sub_v0.tar.gz",
        )
    return target


def checked_seconds(name: str, value: int | None, low: int, high: int) -> int | None:
    """The value, or None where none is given; MmeError where it is out of range."""
    if value is not None and not low <= value <= high:
        raise MmeError(f"{name} is {value}; it must be from {low} to {high}")
    return value


def checked_body(body: bytes | bytearray) -> bytes:
    """The body; MmeError where it is larger than a multi-model endpoint takes."""
    if len(body) > PAYLOAD_MAX_BYTES:
        raise MmeError(
            f"the request has {len(body) / 1e6:.1f} MB, and a multi-model endpoint takes "
            f"{PAYLOAD_MAX_BYTES / 1e6:.0f} MB, asynchronously too",
            hint="send a smaller batch",
        )
    return bytes(body)


def check_members(members: Mapping[str, Any], inputs: Location) -> None:
    """Check what a call of `invoke_endpoint_async` is given.

    Raises:
        MmeError: the first member that is missing or can't be.
    """
    unknown = sorted(set(members) - _MEMBERS)
    if unknown:
        raise MmeError(
            f"{', '.join(unknown)} is not supported for multi-model endpoints",
            hint="leave it out; answers are named by their inference ids",
        )
    checked_target(str(members.get("TargetModel") or ""))
    if (members.get("Body") is None) == (members.get("InputLocation") is None):
        raise MmeError("a request has either Body or InputLocation", hint="give one of them")
    location, place = members.get("InputLocation"), inputs.url(inputs.prefix)
    if location is not None and (not str(location).startswith(place) or location == place):
        raise MmeError(
            f"InputLocation {str(location)!r} is not under {place}",
            hint="put the request's body there, or let submit do it",
        )
    checked_seconds("RequestTTLSeconds", members.get("RequestTTLSeconds"), *TTL_RANGE_SECONDS)
    checked_seconds(
        "InvocationTimeoutSeconds", members.get("InvocationTimeoutSeconds"), 1, INVOKE_TIMEOUT_SECONDS
    )


def _sendable(text: str) -> bool:
    return text.isascii() and text.isprintable()
