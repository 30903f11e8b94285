"""The errors of the client. Each has a cause and a hint.

They need neither numpy nor boto3.
"""

from __future__ import annotations

from mme.errors import MmeError


class InvocationError(MmeError):
    """A call failed. The base class of all errors of the client.

    Retry: see its subclass.

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
    """An array can't be sent, or a tensor can't be read.

    Retry: no; change the array or its type.
    """


class ReplyError(InvocationError):
    """The container's answer is malformed.

    Retry: no; the container, or the endpoint's URL, is at fault.
    """


class InvalidTargetError(InvocationError):
    """The model's name is not a valid target model.

    Retry: no; correct the name.
    """


class PayloadTooLargeError(InvocationError):
    """The request is larger than SageMaker accepts.

    Retry: no; send smaller batches.
    """


class ModelFailedError(InvocationError):
    """The container answered with an error. Subclasses tell the kind, if its message does.

    Retry: once, if `original_status` is 0, 502, 503 or 504 and the call is idempotent.

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
    """The model can't be loaded: its archive, its configuration, or an exception as it starts.

    Retry: no; publish a fixed archive.
    """


class ModelCodeError(ModelFailedError):
    """The model's own code raised an exception on this request.

    Retry: no; fix the code, or the request.
    """


class BadInputError(ModelFailedError):
    """The tensors don't fit the model: names, shapes, types, or bytes that are not a request.

    Retry: no; change the request.
    """


class ModelOutOfMemoryError(ModelFailedError):
    """The instance or its GPU has too little memory for the model or for this request.

    Retry: later, or at once with a smaller batch.
    """

    @property
    def became_507(self) -> bool:
        """Whether the container answered 507, after which SageMaker unloads other models and retries."""
        return self.original_status == 507


class UnhealthyModelError(ModelFailedError):
    """The process that runs the model ended. Calls fail until the model is loaded again.

    Retry: once, if `original_status` is 0 and the call is idempotent; it may have ended the container.
    """


class ModelTimedOutError(ModelFailedError):
    """The container did not answer within SageMaker's limit.

    Retry: no; send smaller batches.
    """


class UnknownModelError(InvocationError):
    """The archive does not exist, or the endpoint's role may not read it.

    Retry: no; publish the model, or grant the right.
    """


class UnknownEndpointError(InvocationError):
    """No endpoint has that name in this account and region.

    Retry: no; correct name, region or account.
    """


class ModelNotReadyError(InvocationError):
    """The model did not load before the timeout.

    Retry: yes, later; the load goes on.
    """


class AccessDeniedError(InvocationError):
    """The caller may not invoke this endpoint, or not this model on it.

    Retry: no; grant the right.
    """


class InvalidRequestError(InvocationError):
    """SageMaker refused the request for another reason.

    Retry: no; change the request.
    """


class EndpointUnreachableError(InvocationError):
    """No connection, or no answer in time.

    Retry: yes, if the call is idempotent; the model may have run.
    """


class ServiceFaultError(InvocationError):
    """SageMaker itself failed, also after retries.

    Retry: yes, after a pause.
    """


class ThrottledError(ServiceFaultError):
    """SageMaker throttles calls at this rate, also after retries.

    Retry: yes, later and with fewer calls at once.
    """
