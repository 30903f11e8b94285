"""What can go wrong when a model is invoked, each with what to do about it."""

from __future__ import annotations

import json
import re
from typing import Any

from mme.errors import MmeError


class InvocationError(MmeError):
    """An invocation did not give an answer. All errors of the client are of this family."""


class TensorError(InvocationError):
    """An array can't be sent, or a tensor can't be read."""


class ReplyError(InvocationError):
    """The container answered with something that is not of the form it should have."""


class InvalidTargetError(InvocationError):
    """The model's name can't be a TargetModel."""


class PayloadTooLargeError(InvocationError):
    """The request is larger than SageMaker takes."""


class ModelFailedError(InvocationError):
    """The container answered with an error: the model raised one, or the tensors don't fit it.

    Attributes:
        original_status: the container's own HTTP status.
        original_message: the container's own answer.
        log_stream_arn: where its log is, or empty.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        original_status: int,
        original_message: str,
        log_stream_arn: str,
    ) -> None:
        super().__init__(message, hint=hint)
        self.original_status = original_status
        self.original_message = original_message
        self.log_stream_arn = log_stream_arn


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


def explain(error: Exception, *, endpoint: str, model: str) -> InvocationError | None:
    """The typed error behind botocore's, or None for one that is no matter of invoking (credentials, ...).

    Args:
        error: what boto3 raised.
        endpoint: the endpoint's name.
        model: the TargetModel.
    """
    from botocore import exceptions
    from botocore.parsers import ResponseParserError

    if isinstance(error, exceptions.ClientError):
        return _explain_answer(dict(error.response), endpoint, model)
    if isinstance(error, exceptions.ReadTimeoutError):
        return EndpointUnreachableError(
            f"{model} on endpoint {endpoint} gave no answer in time",
            hint="SageMaker gives a model 60 s to answer: send less at once",
        )
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return EndpointUnreachableError(
            f"endpoint {endpoint} can't be reached: {error}", hint="check the region and the endpoint URL"
        )
    if isinstance(error, ResponseParserError):
        return ReplyError(
            f"endpoint {endpoint}'s URL does not answer like AWS: some other server is there",
            hint="check the endpoint URL",
        )
    return None


def container_message(original: str) -> str:
    """The words in a container's answer: Triton wraps them in `{"error": ...}`."""
    try:
        answer = json.loads(original)
    except ValueError:
        return original.strip()
    return str(answer["error"]) if isinstance(answer, dict) and "error" in answer else original.strip()


def _explain_answer(response: dict[str, Any], endpoint: str, model: str) -> InvocationError:
    code = response.get("Error", {}).get("Code", "")
    message = response.get("Error", {}).get("Message", "")
    if code == "ModelError":
        return _model_failed(response, model)
    if code in ("ValidationError", "ValidationException"):
        return _refused(message, endpoint, model)
    if code in ("AccessDeniedException", "AccessDenied"):
        return AccessDeniedError(
            f"you may not invoke {model} on endpoint {endpoint}: {message}",
            hint="grant sagemaker:InvokeEndpoint for it: grant_invoke, or grant_invoke_model for some models",
        )
    if code == "ModelNotReadyException":
        return ModelNotReadyError(f"{model} is still loading on endpoint {endpoint}", hint="call it again")
    return ServiceFaultError(f"SageMaker failed with {code or 'no code'}: {message}", hint="call it again")


def _model_failed(response: dict[str, Any], model: str) -> ModelFailedError:
    status = int(response.get("OriginalStatusCode", 0))
    original = str(response.get("OriginalMessage", ""))
    arn = str(response.get("LogStreamArn", ""))
    words = container_message(original) or response.get("Error", {}).get("Message", "")
    return ModelFailedError(
        f"{model} failed with status {status}: {words}",
        hint=f"its log: {arn}" if arn else None,
        original_status=status,
        original_message=original,
        log_stream_arn=arn,
    )


def _refused(message: str, endpoint: str, model: str) -> InvocationError:
    # SageMaker has one code for all of these; only the words differ.
    if re.search(
        r"\bendpoint\b.*\b(not found|does not exist|could not find)|could not find endpoint", message, re.I
    ):
        return UnknownEndpointError(
            f"there is no endpoint {endpoint} here: {message}",
            hint="check its name, the region and the account",
        )
    if re.search(r"s3://|model data|download", message, re.I):
        return UnknownModelError(
            f"{model} can't be had by endpoint {endpoint}: {message}",
            hint="see what there is: mme models list",
        )
    return InvalidRequestError(f"endpoint {endpoint} refused the request: {message}")
