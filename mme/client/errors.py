"""What can go wrong when a model is invoked: the types. Each error says its cause and what to do about it.

Nothing here needs numpy or boto3, so a program can catch these without loading either.
"""

from __future__ import annotations

from mme.errors import MmeError


class InvocationError(MmeError):
    """An invocation did not give an answer. All errors of the client are of this family.

    Attributes:
        message: one sentence that names the model or endpoint.
        cause: the reason alone, in one line.
        hint: the next command or change, or None.
        original: everything that SageMaker or the container said, untouched; empty where neither was asked.
    """

    def __init__(
        self, message: str, *, hint: str | None = None, cause: str | None = None, original: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.cause = cause if cause is not None else message
        self.original = original


class TensorError(InvocationError):
    """An array can't be sent, or a tensor can't be read."""


class ReplyError(InvocationError):
    """The container answered with something that is not of the form it should have."""


class InvalidTargetError(InvocationError):
    """The model's name can't be a TargetModel."""


class PayloadTooLargeError(InvocationError):
    """The request is larger than SageMaker takes."""


class ModelFailedError(InvocationError):
    """The container answered with an error. Its subclasses say which, where the container's words tell.

    Attributes:
        original_status: the container's own HTTP status; 0 where it gave none.
        original_message: the container's own answer, untouched: tracebacks are whole here.
        log_stream_arn: where its log is, or empty.
        at_load: true where the model never came up; false where it failed on a request.
        file: the model's file that raised, relative to the archive (`1/model.py`), or empty.
        line: the line in it, or None.
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
    """The tensors don't fit the model: names, shapes, types, or bytes that are no request."""


class ModelOutOfMemoryError(ModelFailedError):
    """The instance or its GPU has not enough memory for the model, or for this request.

    Attributes:
        became_507: true where the container answered 507, upon which SageMaker unloads other models and tries
            again; false where it gave another status and SageMaker did nothing.
    """

    @property
    def became_507(self) -> bool:
        """Whether the container said so in the way that SageMaker acts on."""
        return self.original_status == 507


class UnhealthyModelError(ModelFailedError):
    """The process that runs the model has ended, and calls will fail until the model is loaded anew."""


class ModelTimedOutError(ModelFailedError):
    """The container gave no answer within the time that SageMaker waits."""


class UnknownModelError(InvocationError):
    """There is no such archive, or the endpoint's role may not read it."""


class UnknownEndpointError(InvocationError):
    """There is no endpoint of that name in this account and region."""


class ModelNotReadyError(InvocationError):
    """The model was still loading when the time to wait for it was over."""


class AccessDeniedError(InvocationError):
    """The caller may not invoke this endpoint, or not this model on it."""


class InvalidRequestError(InvocationError):
    """SageMaker refused the request for a reason of its own."""


class EndpointUnreachableError(InvocationError):
    """No connection, or no answer in time."""


class ServiceFaultError(InvocationError):
    """SageMaker itself failed, also when tried again."""


class ThrottledError(ServiceFaultError):
    """SageMaker takes no more calls at this rate, also when tried again."""
