"""One answer of the runtime's own, whichever way it is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from mme_local.endpoint import errors as outcome


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a caller gets.

    Attributes:
        status: HTTP status.
        headers: all but those that say how long it is and when it was sent.
        body: the whole of it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | bytearray


def error_answer(error: outcome.InvocationError, request_id: str) -> HttpAnswer:
    """An error as AWS sends it."""
    return HttpAnswer(
        error.status,
        {
            "Content-Type": "application/json",
            "x-amzn-ErrorType": error.name,
            "x-amzn-RequestId": request_id,
        },
        json.dumps(error.body()).encode(),
    )
