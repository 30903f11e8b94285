"""A message as a request: the members of `InvokeEndpointAsync`, and `TargetModel`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from .environment import Location
from .faults import PoisonError, RefusedError

# Lengths and ranges: botocore's model of sagemaker-runtime, InvokeEndpointAsync and InvokeEndpoint.
INFERENCE_ID_MAX_CHARS: Final = 64
HEADER_MAX_CHARS: Final = 1024
DEFAULT_TTL_SECONDS: Final = 21600
TTL_RANGE_SECONDS: Final = (60, 21600)
# A multi-model endpoint answers in real time or not at all: within 60 s.
TIMEOUT_RANGE_SECONDS: Final = (1, 60)

_TEXTS: Final = ("EndpointName", "TargetModel", "InputLocation", "ContentType", "Accept", "CustomAttributes")
_NUMBERS: Final = ("RequestTTLSeconds", "InvocationTimeoutSeconds")
_MEMBERS: Final = frozenset({"InferenceId", *_TEXTS, *_NUMBERS})


@dataclass(frozen=True)
class Request:
    """One asynchronous request.

    Attributes:
        inference_id: its identity: whatever is sent twice under it happens once.
        digest: of everything it says, to tell a repetition from another request with the same id.
        fields: its members as they were sent.
    """

    inference_id: str
    digest: str
    fields: dict[str, Any]

    @property
    def slug(self) -> str:
        """The inference id as a part of a key."""
        return quote(self.inference_id, safe="")

    def text(self, name: str) -> str:
        """A text member, empty where it is not given."""
        return str(self.fields.get(name) or "")

    @property
    def ttl_seconds(self) -> int:
        """How old it may get in the queue."""
        return int(self.fields.get("RequestTTLSeconds", DEFAULT_TTL_SECONDS))

    @property
    def timeout_seconds(self) -> int | None:
        """How long the model may take, where the request says so."""
        given = self.fields.get("InvocationTimeoutSeconds")
        return None if given is None else int(given)

    def check(self, endpoint_name: str, inputs: Location) -> str:
        """Return the key of its input where the request is one for this endpoint.

        Raises:
            RefusedError: it is not; all its faults are named.
        """
        faults = [
            *self._form_faults(),
            *_target_faults(self.text("TargetModel")),
            *self._location_faults(inputs),
        ]
        named = self.text("EndpointName")
        if named and named != endpoint_name:
            faults.append(f"EndpointName is {named}, and this queue is that of {endpoint_name}")
        if faults:
            raise RefusedError(f"ClientError: {'; '.join(faults)}")
        return self.text("InputLocation").removeprefix(f"s3://{inputs.bucket}/")

    def _form_faults(self) -> list[str]:
        unknown = sorted(set(self.fields) - _MEMBERS)
        faults = [f"{', '.join(unknown)} is not supported for multi-model endpoints"] if unknown else []
        for name in _TEXTS:
            value = self.fields.get(name)
            if value is not None and not isinstance(value, str):
                faults.append(f"{name} is no text")
            elif isinstance(value, str) and (len(value) > HEADER_MAX_CHARS or not _sendable(value)):
                faults.append(f"{name} must be at most {HEADER_MAX_CHARS} printable ASCII characters")
        for name, (low, high) in zip(_NUMBERS, (TTL_RANGE_SECONDS, TIMEOUT_RANGE_SECONDS), strict=True):
            value = self.fields.get(name)
            if value is not None and (
                not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high
            ):
                faults.append(f"{name} is {value!r}; it must be from {low} to {high}")
        return faults

    def _location_faults(self, inputs: Location) -> list[str]:
        location = self.text("InputLocation")
        if not location:
            return ["InputLocation is missing"]
        key = location.removeprefix(f"s3://{inputs.bucket}/{inputs.prefix}")
        return [] if key and key != location else [f"InputLocation {location} is not under {inputs.url()}"]


def parse(body: str) -> Request:
    """The request in a message's body.

    Raises:
        PoisonError: there is none, or one without an inference id to write an outcome under.
    """
    try:
        fields = json.loads(body)
    except ValueError as error:
        raise PoisonError(f"the message is no JSON: {error}") from None
    except RecursionError:
        raise PoisonError("the message is nested too deeply to be read") from None
    if not isinstance(fields, dict):
        raise PoisonError("the message is no JSON object")
    inference_id = fields.get("InferenceId")
    if (
        not isinstance(inference_id, str)
        or not 0 < len(inference_id) <= INFERENCE_ID_MAX_CHARS
        or not _sendable(inference_id)
        or inference_id[0].isspace()
    ):
        raise PoisonError(
            f"the message has no InferenceId of 1 to {INFERENCE_ID_MAX_CHARS} printable ASCII characters"
        )
    told = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return Request(inference_id, hashlib.sha256(told.encode()).hexdigest(), fields)


def _sendable(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _target_faults(target: str) -> list[str]:
    if not target:
        return ["TargetModel is missing: a multi-model endpoint needs one"]
    if target.startswith("/") or "://" in target:
        return [f"TargetModel {target} is not relative to the endpoint's prefix"]
    return []
