"""What is kept of an answered request: made while a caller waits, so as little as will do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from mme_local.endpoint.call import Call
from mme_local.endpoint.errors import InvocationError
from mme_local.trace import Trace

_MESSAGE_CHARACTERS: Final = 400


@dataclass(frozen=True, slots=True)
class Failure:
    """The error that a request ended in.

    Attributes:
        status: of the answer.
        counted: the status that metrics count: of a container's error that of the container, 500 where it
            gave none.
        name: the error's name.
        message: its text, shortened.
    """

    status: int
    counted: int
    name: str
    message: str

    @classmethod
    def of(cls, error: InvocationError) -> Self:
        """What is told of an error; the error itself would keep its request's payload alive."""
        counted = error.status
        if error.name == "ModelError":
            counted = int(error.fields.get("OriginalStatusCode", 0)) or 500
        original = error.fields.get("OriginalMessage")
        text = f"{counted}: {original}" if original else error.message
        if len(text) > _MESSAGE_CHARACTERS:
            text = f"{text[:_MESSAGE_CHARACTERS]}…"
        return cls(error.status, counted, error.name, text)


class SeenRequest(NamedTuple):
    """One answered request; a tuple, which is the quickest to make.

    Attributes:
        at: seconds since the epoch.
        region: of the endpoint.
        endpoint: its name.
        model: the target model; empty where none was named.
        request_id: of its answer.
        trace: its way, which no longer changes.
        seconds: in all.
        failure: None where it ended well.
    """

    at: float
    region: str
    endpoint: str
    model: str
    request_id: str
    trace: Trace
    seconds: float
    failure: Failure | None

    @classmethod
    def of(cls, at: float, call: Call, trace: Trace, seconds: float, error: InvocationError | None) -> Self:
        """Of a call that was answered at that moment; its payload is not kept."""
        failure = Failure.of(error) if error is not None else None
        model = call.target_model or ""
        return cls(at, call.region, call.endpoint, model, call.request_id, trace, seconds, failure)
