"""How an invocation ends when it does not end well: the errors of ``InvokeEndpoint``.

Names, statuses and fields are those of botocore's ``sagemaker-runtime`` model; the texts follow
what SageMaker says where that is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class InvocationError(Exception):
    """One error answer.

    Attributes:
        code: the error's name, as botocore knows it.
        status: HTTP status.
        message: text for a person.
        fields: further members of the answer.
    """

    code: str
    status: int
    message: str
    fields: dict[str, str | int] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.code} ({self.status}): {self.message}"


def validation_error(message: str) -> InvocationError:
    """400: the request is wrong; trying again won't help."""
    return InvocationError("ValidationError", 400, message)


def unknown_endpoint(name: str, account: str) -> InvocationError:
    """400 for an endpoint that the control plane does not have."""
    return validation_error(f"Endpoint {name} of account {account} not found.")


def artifact_unavailable(bucket: str, key: str) -> InvocationError:
    """400 for a TargetModel that is not in S3."""
    return validation_error(
        f"Failed to download model data(bucket: {bucket}, key: {key}). Please ensure that there is an object "
        "located at the URL and that the role passed to CreateModel has permissions to download the model."
    )


def model_error(endpoint: str, variant: str, status: int, original: str) -> InvocationError:
    """424: the container answered with an error, or not at all (``status`` 0)."""
    log = (
        "https://us-east-1.console.aws.amazon.com/cloudwatch/home"
        f"#logEventViewer:group=/aws/sagemaker/Endpoints/{endpoint}"
    )
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    kind = "server" if status == 0 or status >= 500 else "client"
    return InvocationError(
        "ModelError",
        424,
        f'Received {kind} error ({status}) from primary with message "{original}". '
        f"See {log} for more information.",
        {
            "OriginalStatusCode": status,
            "OriginalMessage": original,
            "LogStreamArn": f"arn:aws:logs:us-east-1:123456789012:log-group:{group}"
            f":log-stream:{variant}/local",
        },
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
