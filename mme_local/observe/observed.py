"""The record of an answered request. It is made while a caller waits, so it is a tuple and small."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from mme.errors import shortened
from mme_local.endpoint.call import InvokeCall
from mme_local.endpoint.errors import InvokeError
from mme_local.endpoint.trace import Trace

_MESSAGE_CHARACTERS: Final = 400


@dataclass(frozen=True, slots=True)
class Failure:
    """The error that a request ended in, without the request's payload.

    Attributes:
        status: HTTP status of the answer.
        counted: status for the metrics: the container's own if it answered with an error, or 500.
        name: the error's name.
        message: the container's or the error's text, without its middle if it is long.
    """

    status: int
    counted: int
    name: str
    message: str

    @classmethod
    def of(cls, error: InvokeError) -> Self:
        """Return the record of an error."""
        counted = error.status
        if error.name == "ModelError":
            counted = int(error.fields.get("OriginalStatusCode", 0)) or 500
        original = error.fields.get("OriginalMessage")
        text = f"{counted}: {_message_in(str(original))}" if original else error.message
        return cls(error.status, counted, error.name, shortened(text, _MESSAGE_CHARACTERS))


def _message_in(answer: str) -> str:
    """Return the message in a container's JSON; another answer as it is."""
    try:
        members = json.loads(answer)
        return str(members.get("error") or members["message"])
    except (ValueError, KeyError, AttributeError, RecursionError):
        return answer


class ObservedRequest(NamedTuple):
    """One answered request.

    Attributes:
        at: when it was answered, in seconds since the epoch.
        region: region of the endpoint.
        endpoint: its name.
        model: the target model; empty if none was named.
        trace: the request's way; it no longer changes.
        seconds: total time.
        failure: the error; None if the request succeeded.
    """

    at: float
    region: str
    endpoint: str
    model: str
    trace: Trace
    seconds: float
    failure: Failure | None

    @classmethod
    def of(cls, at: float, call: InvokeCall, trace: Trace, seconds: float, error: InvokeError | None) -> Self:
        """Return the record of a call, without its payload.

        Args:
            at: when it was answered, in seconds since the epoch.
            call: the request.
            trace: its way.
            seconds: total time.
            error: the error that it ended in, if any.
        """
        failure = Failure.of(error) if error is not None else None
        return cls(at, call.region, call.endpoint, call.target_model or "", trace, seconds, failure)
