"""The errors of ``InvokeEndpoint``.

Names, statuses and fields are those of botocore's ``sagemaker-runtime`` model. The messages, and the codes
in the body (which differ from the error's name), are what SageMaker was observed to answer:
aws/sagemaker-tensorflow-serving-container issues 109 and 166, aws/amazon-sagemaker-examples issues
833, 1026 and 1216.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mme.catalog import limits


@dataclass(slots=True)
class InvokeError(Exception):
    """One error response.

    Attributes:
        name: The error's name in botocore.
        status: HTTP status.
        message: Text for people.
        code: ``ErrorCode`` in the body, which AWS clients ignore; the name if empty.
        fields: Further members of the body.
    """

    name: str
    status: int
    message: str
    code: str = ""
    fields: dict[str, str | int] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name} ({self.status}): {self.message}"

    def body(self) -> dict[str, str | int]:
        """Return the members of the JSON body."""
        return {"ErrorCode": self.code or self.name, "Message": self.message, **self.fields}


@dataclass(frozen=True, slots=True)
class EndpointId:
    """The full identity of an endpoint, for its errors."""

    name: str
    region: str
    account: str

    @property
    def log_group(self) -> str:
        """The endpoint's log group."""
        return f"/aws/sagemaker/Endpoints/{self.name}"


def validation_error(message: str, code: str = "") -> InvokeError:
    """Return a 400: the request is wrong; a retry won't help.

    Args:
        message: SageMaker's message.
        code: Error code, if it is not the usual one.
    """
    return InvokeError("ValidationError", 400, message, code)


def forbidden(name: str, message: str) -> InvokeError:
    """Return a 403: the caller is not authenticated or not allowed.

    Args:
        name: Name of the exception.
        message: Its message.
    """
    return InvokeError(name, 403, message)


def unknown_endpoint(name: str, account: str) -> InvokeError:
    """Return a 400 for an endpoint that does not exist.

    Args:
        name: Name of the endpoint.
        account: Account id of the caller.
    """
    return validation_error(f"Endpoint {name} of account {account} not found.")


def target_model_missing(request_id: str) -> InvokeError:
    """400 for a request to a multi-model endpoint without a TargetModel."""
    return validation_error(f"Request {request_id} is missing a target model header.")


def target_model_unsupported(endpoint: str) -> InvokeError:
    """400 for an endpoint that is not a multi-model endpoint."""
    return validation_error(
        f"Endpoint {endpoint} is not a multi-model endpoint and does not support target model header.",
        "TARGET_MODEL_HEADER_NOT_SUPPORTED",
    )


def component_unsupported() -> InvokeError:
    """400 for an inference component, which no endpoint here has. The message is in LiteLLM's tests."""
    return validation_error(
        "Inference Component Name header is not allowed for endpoints to which you dont plan to deploy "
        "inference components. Please remove the Inference Component Name header and try again."
    )


def too_large(most: int) -> InvokeError:
    """413 for a payload over the limit: an error without a name, for which botocore shows the status.

    Observed in aws/sagemaker-python-sdk issue 171 and aws/amazon-sagemaker-examples issue 245.
    """
    return InvokeError("413", 413, f"HTTP content length exceeded {most} bytes.")


def artifact_unavailable(bucket: str, key: str) -> InvokeError:
    """Return a 400 for a target model that is not in S3.

    Args:
        bucket: Name of the bucket.
        key: Key of the missing object.
    """
    return validation_error(
        f"Failed to download model data(bucket: {bucket}, key: {key}). Please ensure that there is an object "
        "located at the URL and that the role passed to CreateModel has permissions to download the model."
    )


def model_error(endpoint: EndpointId, status: int, original: str, container: str = "primary") -> InvokeError:
    """Return a 424: the container answered with an error, or not at all.

    Args:
        endpoint: The endpoint.
        status: Status of the container's answer; 0 if there was none.
        original: The container's message.
        container: Its name.
    """
    group = f"arn:aws:logs:{endpoint.region}:{endpoint.account}:log-group:{endpoint.log_group}"
    by_server = status == 0 or status >= 500
    console = f"https://{endpoint.region}.console.aws.amazon.com/cloudwatch/home?region={endpoint.region}"
    return InvokeError(
        "ModelError",
        424,
        f"Received {'server' if by_server else 'client'} error ({status}) from {container} with message "
        f'"{original}". See {console}#logEventViewer:group={endpoint.log_group} '
        f"in account {endpoint.account} for more information.",
        "INTERNAL_FAILURE_FROM_MODEL" if by_server else "CLIENT_ERROR_FROM_MODEL",
        {
            "OriginalStatusCode": status,
            "OriginalMessage": original,
            "LogStreamArn": group,  # of the group, despite the member's name
        },
    )


def timed_out(
    endpoint: EndpointId, seconds: float = limits.INVOKE_TIMEOUT_SECONDS, container: str = "primary"
) -> InvokeError:
    """Return a 424: the container did not answer in time.

    Args:
        endpoint: The endpoint.
        seconds: The time limit; named if it is not SageMaker's.
        container: Name of the container.
    """
    return model_error(
        endpoint,
        0,
        f"Your invocation timed out while waiting for a response from container {container}. Review the "
        "latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
        f"{_limit(seconds)}",
        container,
    )


def no_response(endpoint: EndpointId, container: str = "primary") -> InvokeError:
    """Return a 424: the container ended while it answered.

    The message is that of aws/amazon-sagemaker-examples issue 2815.

    Args:
        endpoint: The endpoint.
        container: Name of the container.
    """
    return model_error(
        endpoint,
        0,
        f"Amazon SageMaker could not get a response from the {endpoint.name} endpoint. This can occur when "
        "CPU or memory utilization is high. To check your utilization, see Amazon CloudWatch. To fix this "
        "problem, use an instance type with more CPU capacity or memory.",
        container,
    )


def model_not_ready(target_model: str, seconds: float = limits.INVOKE_TIMEOUT_SECONDS) -> InvokeError:
    """Return a 429: the model is still loading.

    Args:
        target_model: The model.
        seconds: How long the call waited for it; named if that is not SageMaker's limit.
    """
    return InvokeError(
        "ModelNotReadyException",
        429,
        f"The model {target_model} is being downloaded and loaded. Try again shortly.{_limit(seconds)}",
    )


def _limit(seconds: float) -> str:
    return "" if seconds == limits.INVOKE_TIMEOUT_SECONDS else f" The limit here is {seconds:g} s."


def service_unavailable(message: str) -> InvokeError:
    """503: no instance can answer at the moment."""
    return InvokeError("ServiceUnavailable", 503, message)


def internal_failure(message: str) -> InvokeError:
    """500: a fault of the local endpoint."""
    return InvokeError("InternalFailure", 500, message)
