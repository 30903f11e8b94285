"""How an invocation ends when it does not end well: the errors of ``InvokeEndpoint``.

Names, statuses and fields are those of botocore's ``sagemaker-runtime`` model. The texts, and the codes
in the body (which are not the error's name), are what SageMaker was seen to answer:
aws/sagemaker-tensorflow-serving-container issues 109 and 166, aws/amazon-sagemaker-examples issues
833, 1026 and 1216.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class InvocationError(Exception):
    """One error answer.

    Attributes:
        name: the error's name, as botocore knows it.
        status: HTTP status.
        message: text for a person.
        code: ``ErrorCode`` in the body, which clients of AWS do not look at; the name where there is none.
        fields: further members of the answer.
    """

    name: str
    status: int
    message: str
    code: str = ""
    fields: dict[str, str | int] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name} ({self.status}): {self.message}"

    def body(self) -> dict[str, str | int]:
        """The members of the answer's JSON."""
        return {"ErrorCode": self.code or self.name, "Message": self.message, **self.fields}


@dataclass(frozen=True, slots=True)
class Place:
    """Where an endpoint is, to say so in its errors."""

    endpoint: str
    region: str
    account: str

    @property
    def log_group(self) -> str:
        """The endpoint's log group."""
        return f"/aws/sagemaker/Endpoints/{self.endpoint}"


def validation_error(message: str, code: str = "") -> InvocationError:
    """400: the request is wrong; trying again won't help."""
    return InvocationError("ValidationError", 400, message, code)


def forbidden(name: str, message: str) -> InvocationError:
    """403: the caller is not who it says, or may not."""
    return InvocationError(name, 403, message)


def unknown_endpoint(name: str, account: str) -> InvocationError:
    """400 for an endpoint that the control plane does not have."""
    return validation_error(f"Endpoint {name} of account {account} not found.")


def target_model_missing(request_id: str) -> InvocationError:
    """400 for a multi-model endpoint asked without a TargetModel."""
    return validation_error(f"Request {request_id} is missing a target model header.")


def target_model_unsupported(endpoint: str) -> InvocationError:
    """400 for an endpoint that is no multi-model endpoint."""
    return validation_error(
        f"Endpoint {endpoint} is not a multi-model endpoint and does not support target model header.",
        "TARGET_MODEL_HEADER_NOT_SUPPORTED",
    )


def too_large(most: int) -> InvocationError:
    """413 for a payload over the limit: an error without a name, for which botocore shows the status.

    So it was seen in aws/sagemaker-python-sdk issue 171 and aws/amazon-sagemaker-examples issue 245.
    """
    return InvocationError("413", 413, f"HTTP content length exceeded {most} bytes.")


def artifact_unavailable(bucket: str, key: str) -> InvocationError:
    """400 for a TargetModel that is not in S3."""
    return validation_error(
        f"Failed to download model data(bucket: {bucket}, key: {key}). Please ensure that there is an object "
        "located at the URL and that the role passed to CreateModel has permissions to download the model."
    )


def model_error(place: Place, status: int, original: str) -> InvocationError:
    """424: the container answered with an error, or not at all (``status`` 0)."""
    by_server = status == 0 or status >= 500
    console = f"https://{place.region}.console.aws.amazon.com/cloudwatch/home?region={place.region}"
    return InvocationError(
        "ModelError",
        424,
        f"Received {'server' if by_server else 'client'} error ({status}) from primary with message "
        f'"{original}". See {console}#logEventViewer:group={place.log_group} '
        f"in account {place.account} for more information.",
        "INTERNAL_FAILURE_FROM_MODEL" if by_server else "CLIENT_ERROR_FROM_MODEL",
        {
            "OriginalStatusCode": status,
            "OriginalMessage": original,
            # the group's ARN, whatever the member's name says
            "LogStreamArn": f"arn:aws:logs:{place.region}:{place.account}:log-group:{place.log_group}",
        },
    )


def timed_out(place: Place) -> InvocationError:
    """424: the container did not answer in time."""
    return model_error(
        place,
        0,
        "Your invocation timed out while waiting for a response from container primary. Review the latency "
        "metrics for each container in Amazon CloudWatch, resolve the issue, and try again.",
    )


def no_response(place: Place) -> InvocationError:
    """424: the container ended while it answered (the text: aws/amazon-sagemaker-examples issue 2815)."""
    return model_error(
        place,
        0,
        f"Amazon SageMaker could not get a response from the {place.endpoint} endpoint. This can occur when "
        "CPU or memory utilization is high. To check your utilization, see Amazon CloudWatch. To fix this "
        "problem, use an instance type with more CPU capacity or memory.",
    )


def model_not_ready(target_model: str) -> InvocationError:
    """429: the model is still on its way in; the load goes on."""
    return InvocationError(
        "ModelNotReadyException",
        429,
        f"The model {target_model} is being downloaded and loaded. Try again shortly.",
    )


def service_unavailable(message: str) -> InvocationError:
    """503: nothing can answer at the moment."""
    return InvocationError("ServiceUnavailable", 503, message)


def internal_failure(message: str) -> InvocationError:
    """500: our own fault."""
    return InvocationError("InternalFailure", 500, message)
