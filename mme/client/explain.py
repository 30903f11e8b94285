"""Turn boto3's exceptions into the client's errors."""

from __future__ import annotations

import re
from typing import Any, Final

from mme.client.container_fault import FaultKind, read_fault
from mme.client.errors import (
    AccessDeniedError,
    BadInputError,
    EndpointUnreachableError,
    InvalidRequestError,
    InvocationError,
    ModelCodeError,
    ModelFailedError,
    ModelLoadError,
    ModelNotReadyError,
    ModelOutOfMemoryError,
    ModelTimedOutError,
    PayloadTooLargeError,
    ReplyError,
    ServiceFaultError,
    ThrottledError,
    UnhealthyModelError,
    UnknownEndpointError,
    UnknownModelError,
)
from mme.client.python_trace import one_line

_BARE_STATUSES: Final = ("404", "405", "501")
"""Codes of other web servers; AWS's own errors have names."""
_DENIED: Final = ("AccessDeniedException", "AccessDenied")
_THROTTLED: Final = (
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "429",
)
"""The last one is an answer that has only a status."""
_REFUSED: Final = ("ValidationError", "ValidationException", "413")
"""The last one is SageMaker's answer to a body over its limit."""
_TOO_LARGE = re.compile(r"content length exceeded", re.IGNORECASE)
_NO_ENDPOINT = re.compile(
    r"\bendpoint\b.*\b(not found|does not exist|could not find)|could not find endpoint", re.IGNORECASE
)
_NO_ARTIFACT = re.compile(r"s3://|model data|download", re.IGNORECASE)
_OBJECT = re.compile(r"bucket: (?P<bucket>[^,\s]+), key: (?P<key>[^)]+)\)")


def explain(error: Exception, *, endpoint: str, model: str) -> InvocationError | None:
    """Return the typed error for an exception of boto3, or None if the call is not its cause (credentials).

    Args:
        error: The exception of boto3.
        endpoint: Name of the endpoint.
        model: Target model.
    """
    from botocore import exceptions
    from botocore.parsers import ResponseParserError

    if isinstance(error, exceptions.ClientError):
        response: dict[str, Any] = dict(error.response)
        if str(response.get("Error", {}).get("Code")) in _BARE_STATUSES:
            return _no_aws(endpoint, str(error))
        return _explain_answer(response, endpoint, model)
    if isinstance(error, exceptions.ReadTimeoutError):
        return EndpointUnreachableError(
            f"{model} on endpoint {endpoint} did not answer in time",
            hint="SageMaker's limit is 60 s: send smaller batches",
            cause="no answer in time",
            original=str(error),
        )
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return EndpointUnreachableError(
            f"endpoint {endpoint} can't be reached: {error}",
            hint="check the region and the endpoint URL",
            cause=str(error),
            original=str(error),
        )
    if isinstance(error, ResponseParserError):
        return _no_aws(endpoint, str(error))
    return None


def _no_aws(endpoint: str, original: str) -> ReplyError:
    return ReplyError(
        f"the URL of endpoint {endpoint} does not answer like AWS: another server listens there",
        hint="check the endpoint URL",
        original=original,
    )


def _explain_answer(response: dict[str, Any], endpoint: str, model: str) -> InvocationError:
    code = str(response.get("Error", {}).get("Code") or "")
    if code == "ModelError":
        return _model_failed(response, model)
    # SageMaker throttles without a message: None.
    original = str(response.get("Error", {}).get("Message") or "")
    kind, message, hint, cause = _meaning(code, original, endpoint, model)
    return kind(message, hint=hint, cause=cause, original=original)


def _meaning(
    code: str, message: str, endpoint: str, model: str
) -> tuple[type[InvocationError], str, str | None, str]:
    """Return the type of an error, its message, its hint and its cause."""
    if code in _REFUSED:
        return _refused(message, endpoint, model)
    if code in _DENIED:
        hint = (
            "a policy denies it explicitly, which overrides every grant: look for a Deny on InvokeEndpoint"
            if "explicit deny" in message
            # IAM's message is the same if the action is allowed for other models only.
            else "grant sagemaker:InvokeEndpoint with grant_invoke or grant_invoke_model; if other models "
            f"can be called, a condition on sagemaker:TargetModel excludes {model}"
        )
        return (
            AccessDeniedError,
            f"you may not invoke {model} on endpoint {endpoint}: {message}",
            hint,
            message,
        )
    if code == "ModelNotReadyException":
        return (
            ModelNotReadyError,
            f"{model} is still loading on endpoint {endpoint}",
            "retry",
            "still loading",
        )
    cause = one_line(f"{code or 'no code'}: {message}".rstrip(": "))
    if code in _THROTTLED:
        throttles = f"endpoint {endpoint} throttles calls at this rate, also after retries"
        return ThrottledError, throttles, "reduce the concurrency, or add instances to the endpoint", cause
    return ServiceFaultError, f"SageMaker failed with {cause}", "retry", cause


def _refused(message: str, endpoint: str, model: str) -> tuple[type[InvocationError], str, str | None, str]:
    # SageMaker has one code for nearly all of these; only the message differs.
    if _TOO_LARGE.search(message):
        too_large = f"the request for {model} is larger than SageMaker accepts: {message}"
        return PayloadTooLargeError, too_large, "send a smaller batch", message
    if _NO_ENDPOINT.search(message):
        absent = f"there is no endpoint {endpoint} here: {message}"
        return UnknownEndpointError, absent, "check its name, the region and the account", message
    if _NO_ARTIFACT.search(message):
        found, cause = _OBJECT.search(message), message
        if found:
            place = f"s3://{found['bucket']}/{found['key']}"
            cause = f"{place} does not exist, or the endpoint's role may not read it"
        unavailable = f"{model} is not available to endpoint {endpoint}: {cause}"
        hint = "list the models: mme models list"
        if not model.endswith(".tar.gz"):
            hint = f"give the archive's full name, such as {model}_v0.tar.gz; {hint}"
        return UnknownModelError, unavailable, hint, cause
    multi_model = "an endpoint that is not multi-model does not accept a TargetModel"
    refused = f"endpoint {endpoint} refused the request: {message}"
    return InvalidRequestError, refused, multi_model if "TargetModel" in message else None, message


_KINDS: Final[dict[FaultKind, tuple[type[ModelFailedError], str]]] = {
    FaultKind.LOAD: (ModelLoadError, "does not load"),
    FaultKind.CODE: (ModelCodeError, "failed in its own code"),
    FaultKind.INPUT: (BadInputError, "does not accept this request"),
    FaultKind.MEMORY: (ModelOutOfMemoryError, "ran out of memory"),
    FaultKind.UNHEALTHY: (UnhealthyModelError, "is not healthy"),
    FaultKind.TIMEOUT: (ModelTimedOutError, "did not answer"),
}


def _model_failed(response: dict[str, Any], model: str) -> ModelFailedError:
    status = int(response.get("OriginalStatusCode", 0))
    original = str(response.get("OriginalMessage") or response.get("Error", {}).get("Message") or "")
    arn = str(response.get("LogStreamArn") or "")
    fault = read_fault(original, status)
    kind, verdict = _KINDS.get(fault.kind, (ModelFailedError, f"failed with status {status}"))
    if fault.at_load:
        verdict = {
            FaultKind.MEMORY: "does not fit into memory",
            FaultKind.UNHEALTHY: "does not load",
            FaultKind.TIMEOUT: "does not load",
        }.get(fault.kind, verdict)
    where = (
        f"list its inputs: mme models show {model}"
        if fault.kind is FaultKind.INPUT
        else f"look at its log: mme endpoint logs --model {model}"
    )
    return kind(
        f"{model} {verdict}: {fault.cause}",
        hint=fault.hint or where,
        cause=fault.cause,
        original_status=status,
        original_message=original,
        log_stream_arn=arn,
        at_load=fault.at_load,
        file=fault.file,
        line=fault.line,
    )
