"""The state and the result of an asynchronous request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mme.errors import MmeError


class State(StrEnum):
    """The state of a request."""

    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    DEAD_LETTER = "dead letter"
    UNKNOWN = "unknown"

    @property
    def noun(self) -> str:
        """The state in a sentence: `ended as a failure`."""
        return "failure" if self is State.FAILED else self.value


@dataclass(frozen=True, slots=True)
class Submission:
    """A request that was sent, with the fields of `InvokeEndpointAsync`'s answer.

    Attributes:
        inference_id: Identity of the request.
        input_location: S3 URL of its body.
        output_location: S3 URL of the answer to come.
        failure_location: S3 URL of the failure, if it fails.
    """

    inference_id: str
    input_location: str
    output_location: str
    failure_location: str


@dataclass(frozen=True, slots=True)
class AsyncStatus:
    """The state of a request.

    Attributes:
        inference_id: Identity of the request.
        state: Its state.
        reason: Why it failed or is in the dead-letter queue; empty otherwise.
        location: S3 URL of the answer or failure, or empty.
        settled: When it ended, or None.
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
        inference_id: Identity of the request.
        body: Its bytes.
        content_type: Their type.
        custom_attributes: The container's custom attributes header, or empty.
        location: S3 URL of the answer.
    """

    inference_id: str
    body: bytes
    content_type: str
    custom_attributes: str
    location: str


class AsyncFailedError(MmeError):
    """The request ended without an answer.

    Attributes:
        status: Its state and reason.
        original: Content of the failure object: the container's message, if it answered.
    """

    def __init__(
        self, message: str, *, status: AsyncStatus, original: str = "", hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.original = original


class AsyncPendingError(MmeError):
    """The request has no outcome yet."""
