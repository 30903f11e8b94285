"""How CloudFormation refuses a request, and how an operation on a stack fails."""

from __future__ import annotations

import uuid

from botocore.exceptions import BotoCoreError, ClientError
from moto.core.exceptions import ServiceException


class ValidationFault(ServiceException):
    """A request that CloudFormation turns down at once (its code is ValidationError)."""

    code = "ValidationError"

    def __init__(self, message: str) -> None:
        super().__init__(message)


class StackMissing(ValidationFault):
    """No stack of that name or id."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Stack with id {name} does not exist")


class StackExists(ServiceException):
    """CreateStack of a name that is taken."""

    code = "AlreadyExistsException"

    def __init__(self, name: str) -> None:
        super().__init__(f"Stack [{name}] already exists")


class ChangeSetMissing(ServiceException):
    """No change set of that name or ARN."""

    code = "ChangeSetNotFound"

    def __init__(self, name: str) -> None:
        super().__init__(f"ChangeSet [{name}] does not exist")


class InvalidChangeSetStatus(ServiceException):
    """A change set that cannot be executed as it stands."""

    code = "InvalidChangeSetStatus"

    def __init__(self, change_set_id: str, status: str) -> None:
        super().__init__(
            f"ChangeSet [{change_set_id}] cannot be executed in its current status of [{status}]"
        )


class ResourceFault(Exception):  # noqa: N818 - AWS says fault
    """One resource could not be created, updated or deleted; the text is what the stack's events say."""


def handler_message(message: str, code: str = "GeneralServiceException") -> str:
    """The sentence in which AWS's resource handlers wrap what went wrong."""
    token = f"RequestToken: {uuid.uuid4()}, HandlerErrorCode: {code}"
    return f'Resource handler returned message: "{message}" ({token})'


def reason_of(fault: Exception, type_name: str) -> str:
    """What a stack's event says about `fault`, raised while a resource of `type_name` was handled."""
    if isinstance(fault, ResourceFault):
        return str(fault)
    service = type_name.split("::")[1] if type_name.count("::") > 1 else type_name
    if isinstance(fault, ClientError):
        status = fault.response["ResponseMetadata"]["HTTPStatusCode"]
        message = fault.response["Error"].get("Message", fault.response["Error"]["Code"])
        request = f"Service: {service}, Status Code: {status}, Request ID: {uuid.uuid4()}"
        return handler_message(f"{message} ({request})")
    if isinstance(fault, ServiceException):
        return handler_message(f"{fault.message} (Service: {service}, Status Code: 400)")
    if isinstance(fault, BotoCoreError):
        return handler_message(f"Model validation failed: {fault}", "InvalidRequest")
    return handler_message(f"{type(fault).__name__}: {fault}", "InternalFailure")
