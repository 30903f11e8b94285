"""What becomes of an asynchronous request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mme.errors import MmeError


class State(StrEnum):
    """How far a request is."""

    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    DEAD_LETTER = "dead letter"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Submission:
    """A request that was sent: what `InvokeEndpointAsync` answers.

    Attributes:
        inference_id: its identity.
        input_location: where its body is.
        output_location: where the answer will be.
        failure_location: where the failure will be, in place of an answer.
    """

    inference_id: str
    input_location: str
    output_location: str
    failure_location: str


@dataclass(frozen=True, slots=True)
class AsyncStatus:
    """How far a request is.

    Attributes:
        inference_id: whose.
        state: how far.
        reason: why it failed, or is a dead letter; empty otherwise.
        location: url of the answer or failure; empty where there is none.
        settled: since when; None where it is not settled.
    """

    inference_id: str
    state: State
    reason: str = ""
    location: str = ""
    settled: datetime | None = None


@dataclass(frozen=True, slots=True)
class AsyncResult:
    """A model's answer.

    Attributes:
        inference_id: to which request.
        body: its bytes.
        content_type: what they are.
        custom_attributes: what the container said beside its answer, or empty.
        location: url of the answer.
    """

    inference_id: str
    body: bytes
    content_type: str
    custom_attributes: str
    location: str


class AsyncFailedError(MmeError):
    """The request ended without an answer.

    Attributes:
        status: how.
        original: what the failure object holds: the container's own words where it spoke.
    """

    def __init__(
        self, message: str, *, status: AsyncStatus, original: str = "", hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.original = original


class AsyncPendingError(MmeError):
    """The request has no outcome yet."""
