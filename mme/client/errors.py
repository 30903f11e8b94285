"""The errors of the client. Each has a cause and a hint.

They need neither numpy nor boto3.
"""

from __future__ import annotations

from mme.errors import MmeError


class InvocationError(MmeError):
    """A call failed. The base class of all errors of the client.

    Attributes:
        message: One sentence that names the model or endpoint.
        cause: The reason, in one line.
        hint: How to fix it, or None.
        original: The whole message of SageMaker or the container; empty if neither was called.
    """

    def __init__(
        self, message: str, *, hint: str | None = None, cause: str | None = None, original: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.cause = cause if cause is not None else self.message
        self.original = original


class TensorError(InvocationError):
    """An array can't be sent, or a tensor can't be read."""


class ReplyError(InvocationError):
    """The container's answer is malformed."""


class InvalidTargetError(InvocationError):
    """The model's name is not a valid target model."""


class PayloadTooLargeError(InvocationError):
    """The request is larger than SageMaker accepts."""


class ModelFailedError(InvocationError):
    """The container answered with an error. Subclasses tell the kind, if its message does.

    Attributes:
        original_status: The container's HTTP status; 0 if there is none.
        original_message: The container's whole answer, with tracebacks.
        log_stream_arn: ARN of its log stream, or empty.
        at_load: Whether it failed to load, instead of failing on a request.
        file: The model's file that raised, relative to the archive (`1/model.py`), or empty.
        line: Line in the file, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        cause: str | None = None,
        original_status: int = 0,
        original_message: str = "",
        log_stream_arn: str = "",
        at_load: bool = False,
        file: str = "",
        line: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint, cause=cause, original=original_message)
        self.original_status = original_status
        self.original_message = original_message
        self.log_stream_arn = log_stream_arn
        self.at_load = at_load
        self.file = file
        self.line = line


class ModelLoadError(ModelFailedError):
    """The model can't be loaded: its archive, its configuration, or an exception as it starts."""


class ModelCodeError(ModelFailedError):
    """The model's own code raised an exception on this request."""


class BadInputError(ModelFailedError):
    """The tensors don't fit the model: names, shapes, types, or bytes that are not a request."""


class ModelOutOfMemoryError(ModelFailedError):
    """The instance or its GPU has too little memory for the model or for this request."""

    @property
    def became_507(self) -> bool:
        """Whether the container answered 507, after which SageMaker unloads other models and retries."""
        return self.original_status == 507


class UnhealthyModelError(ModelFailedError):
    """The process that runs the model ended. Calls fail until the model is loaded again."""


class ModelTimedOutError(ModelFailedError):
    """The container did not answer within SageMaker's limit."""


class UnknownModelError(InvocationError):
    """The archive does not exist, or the endpoint's role may not read it."""


class UnknownEndpointError(InvocationError):
    """No endpoint has that name in this account and region."""


class ModelNotReadyError(InvocationError):
    """The model did not load before the timeout."""


class AccessDeniedError(InvocationError):
    """The caller may not invoke this endpoint, or not this model on it."""


class InvalidRequestError(InvocationError):
    """SageMaker refused the request for another reason."""


class EndpointUnreachableError(InvocationError):
    """No connection, or no answer in time."""


class ServiceFaultError(InvocationError):
    """SageMaker itself failed, also after retries."""


class ThrottledError(ServiceFaultError):
    """SageMaker throttles calls at this rate, also after retries."""
