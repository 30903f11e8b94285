"""A request: the members of `InvokeEndpointAsync`, and `TargetModel`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from .environment import KeyPrefix
from .errors import PoisonMessageError, RequestError

# Lengths and ranges: botocore's model of sagemaker-runtime, InvokeEndpointAsync and InvokeEndpoint.
INFERENCE_ID_MAX_CHARS: Final = 64
HEADER_MAX_CHARS: Final = 1024
DEFAULT_TTL_SECONDS: Final = 21600
TTL_RANGE_SECONDS: Final = (60, 21600)
TIMEOUT_RANGE_SECONDS: Final = (1, 60)  # a multi-model endpoint answers in real time: within 60 s

_STRINGS: Final = (
    "EndpointName",
    "TargetModel",
    "InputLocation",
    "ContentType",
    "Accept",
    "CustomAttributes",
)
_RANGES: Final = {"RequestTTLSeconds": TTL_RANGE_SECONDS, "InvocationTimeoutSeconds": TIMEOUT_RANGE_SECONDS}
_MEMBERS: Final = frozenset({"InferenceId", *_STRINGS, *_RANGES})


@dataclass(frozen=True)
class Request:
    """One asynchronous request.

    Attributes:
        inference_id: Identity of the request: two messages with the same id have one outcome.
        digest: Digest of all members, to tell a repetition from another request with the same id.
        members: Members as they were sent.
    """

    inference_id: str
    digest: str
    members: dict[str, Any]

    @property
    def slug(self) -> str:
        """The inference id as a part of an S3 key."""
        return quote(self.inference_id, safe="")

    def text(self, name: str) -> str:
        """Return a string member, empty if it is not given."""
        return str(self.members.get(name) or "")

    @property
    def ttl_seconds(self) -> int:
        """How old the request may become in the queue."""
        return int(self.members.get("RequestTTLSeconds", DEFAULT_TTL_SECONDS))

    @property
    def timeout_seconds(self) -> int | None:
        """How long the model may take; None if the request does not say."""
        given = self.members.get("InvocationTimeoutSeconds")
        return None if given is None else int(given)

    def check(self, endpoint_name: str, inputs: KeyPrefix) -> str:
        """Validate the members and return the key of the input.

        Args:
            endpoint_name: Endpoint of this queue.
            inputs: Prefix that the input must be in.

        Raises:
            RequestError: A member is not valid; the reason names each.
        """
        faults = [
            *self._member_faults(),
            *_target_faults(self.text("TargetModel")),
            *self._location_faults(inputs),
        ]
        named = self.text("EndpointName")
        if named and named != endpoint_name:
            faults.append(f"EndpointName is {named}, but this queue belongs to {endpoint_name}")
        if faults:
            raise RequestError(f"ClientError: {'; '.join(faults)}")
        return self.text("InputLocation").removeprefix(f"s3://{inputs.bucket}/")

    def _member_faults(self) -> list[str]:
        unknown = sorted(set(self.members) - _MEMBERS)
        faults = [f"{', '.join(unknown)} is not supported for multi-model endpoints"] if unknown else []
        for name in _STRINGS:
            value = self.members.get(name)
            if value is not None and not isinstance(value, str):
                faults.append(f"{name} is not a string")
            elif isinstance(value, str) and (len(value) > HEADER_MAX_CHARS or not _fits_header(value)):
                faults.append(f"{name} must be at most {HEADER_MAX_CHARS} printable ASCII characters")
        for name, (low, high) in _RANGES.items():
            value = self.members.get(name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if value is not None and not (whole and low <= value <= high):
                faults.append(f"{name} is {value!r}; must be from {low} to {high}")
        return faults

    def _location_faults(self, inputs: KeyPrefix) -> list[str]:
        location = self.text("InputLocation")
        if not location:
            return ["InputLocation is missing"]
        key = location.removeprefix(inputs.url())
        return [] if key and key != location else [f"InputLocation {location} is not under {inputs.url()}"]


def parse(body: str) -> Request:
    """Parse the body of a message.

    Raises:
        PoisonMessageError: It is not a request, or one without an inference id.
    """
    try:
        members = json.loads(body)
    except ValueError as error:
        raise PoisonMessageError(f"the message is not JSON: {error}") from None
    except RecursionError:
        raise PoisonMessageError("the message is nested too deeply to be parsed") from None
    if not isinstance(members, dict):
        raise PoisonMessageError("the message is not a JSON object")
    inference_id = members.get("InferenceId")
    if (
        not isinstance(inference_id, str)
        or not 0 < len(inference_id) <= INFERENCE_ID_MAX_CHARS
        or not _fits_header(inference_id)
        or inference_id[0].isspace()
    ):
        raise PoisonMessageError(
            f"the message has no InferenceId of 1 to {INFERENCE_ID_MAX_CHARS} printable ASCII characters"
        )
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return Request(inference_id, hashlib.sha256(canonical.encode()).hexdigest(), members)


def _fits_header(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _target_faults(target: str) -> list[str]:
    if not target:
        return ["TargetModel is missing; a multi-model endpoint needs one"]
    if target.startswith("/") or "://" in target:
        return [f"TargetModel {target} is not relative to the endpoint's prefix"]
    return []
