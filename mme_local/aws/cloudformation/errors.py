"""How CloudFormation refuses a request, and the reason it gives for a failed resource."""

from __future__ import annotations

import uuid

from botocore.exceptions import BotoCoreError, ClientError
from moto.core.exceptions import ServiceException

from mme.aws.template_resolver import TemplateError
from mme_local.aws.resource_types.handler import ResourceError, handler_message


class CloudFormationRequestError(ServiceException):
    """A request that CloudFormation refuses at once.

    Args:
        message: What is wrong.
        code: CloudFormation's error code.
    """

    def __init__(self, message: str, code: str = "ValidationError") -> None:
        super().__init__(code, message)


class StackNotFoundError(CloudFormationRequestError):
    """No stack of that name or id."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Stack with id {name} does not exist")


class ChangeSetNotFoundError(CloudFormationRequestError):
    """No change set of that name or ARN."""

    def __init__(self, name: str) -> None:
        super().__init__(f"ChangeSet [{name}] does not exist", "ChangeSetNotFound")


def failure_reason(error: Exception, type_name: str) -> str:
    """Return the reason that a stack's event gives for a failed resource.

    Args:
        error: Raised while the resource was created, updated or deleted.
        type_name: The resource's type.
    """
    if isinstance(error, ResourceError | TemplateError | CloudFormationRequestError):
        return str(error.message if isinstance(error, CloudFormationRequestError) else error)
    service = type_name.split("::")[1]
    if isinstance(error, ClientError):
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        message = error.response["Error"].get("Message", error.response["Error"]["Code"])
        request = f"Service: {service}, Status Code: {status}, Request ID: {uuid.uuid4()}"
        return handler_message(f"{message} ({request})")
    if isinstance(error, ServiceException):
        return handler_message(f"{error.message} (Service: {service}, Status Code: 400)")
    if isinstance(error, BotoCoreError):
        return handler_message(f"Model validation failed: {error}", "InvalidRequest")
    return handler_message(f"{type(error).__name__}: {error}", "InternalFailure")
