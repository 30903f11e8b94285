"""What a handler of a resource type is given, and what it must be able to do."""

from __future__ import annotations

import random
import string
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from mme_local.aws.clients import EmbeddedClients

Properties = dict[str, Any]

_SUFFIX_LENGTH = 12
_random = random.SystemRandom()

# How a service changes tags: its operations, the parameter that names the resource, and that of the keys.
_TAGGING = {
    "application-autoscaling": ("tag_resource", "untag_resource", "ResourceARN", "TagKeys"),
    "cloudwatch": ("tag_resource", "untag_resource", "ResourceARN", "TagKeys"),
    "ec2": ("create_tags", "delete_tags", "Resources", "Tags"),
    "ecr": ("tag_resource", "untag_resource", "resourceArn", "tagKeys"),
    "events": ("tag_resource", "untag_resource", "ResourceARN", "TagKeys"),
    "iam": ("tag_role", "untag_role", "RoleName", "TagKeys"),
    "kms": ("tag_resource", "untag_resource", "KeyId", "TagKeys"),
    "logs": ("tag_log_group", "untag_log_group", "logGroupName", "tags"),
    "sagemaker": ("add_tags", "delete_tags", "ResourceArn", "TagKeys"),
    "sns": ("tag_resource", "untag_resource", "ResourceArn", "TagKeys"),
    "sqs": ("tag_queue", "untag_queue", "QueueUrl", "TagKeys"),
    "ssm": ("add_tags_to_resource", "remove_tags_from_resource", "ResourceId", "TagKeys"),
}


class ResourceError(Exception):
    """A resource could not be created, updated or deleted; the message is the stack event's reason."""


def handler_message(message: str, code: str = "GeneralServiceException") -> str:
    """Wrap an error's message as AWS's resource handlers do.

    Args:
        message: For example a service's own message.
        code: The handler's error code.
    """
    token = f"RequestToken: {uuid.uuid4()}, HandlerErrorCode: {code}"
    return f'Resource handler returned message: "{message}" ({token})'


@dataclass(frozen=True)
class Physical:
    """A resource as it exists.

    Attributes:
        id: The value of Ref.
        attributes: The values of Fn::GetAtt.
    """

    id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ResourceRequest:
    """A create, update or delete of a resource.

    Attributes:
        clients: Call the service's API.
        properties: The wanted properties; of a delete, the last ones.
        previous: The properties before an update.
        physical: The resource, unless it is to be created.
    """

    clients: EmbeddedClients
    stack_name: str
    logical_id: str
    properties: Properties
    previous: Properties
    physical: Physical

    @property
    def account(self) -> str:
        """Twelve digits."""
        return self.clients.account

    @property
    def region(self) -> str:
        """For example `us-east-1`."""
        return self.clients.region

    def call(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Call an API operation.

        Args:
            service: boto3's name of the service.
            operation: The operation's Python name.
            parameters: The operation's parameters, as a template has them.
        """
        return self.clients.call(service, operation, parameters)

    def call_unless(self, missing: str, service: str, operation: str, /, **parameters: Any) -> None:
        """Call an API operation that may find its resource already deleted.

        Args:
            missing: A part of that error's code or message.
            service: boto3's name of the service.
            operation: The operation's Python name.
            parameters: The operation's parameters.
        """
        try:
            self.call(service, operation, **parameters)
        except ClientError as error:
            if missing not in str(error):
                raise

    def select(self, *names: str) -> Properties:
        """Return those of the properties that are given."""
        return {name: self.properties[name] for name in names if name in self.properties}

    def without(self, *names: str) -> Properties:
        """Return all other properties."""
        return {name: value for name, value in self.properties.items() if name not in names}

    @property
    def changed(self) -> set[str]:
        """The names of the properties that differ from the previous ones."""
        return changed(self.previous, self.properties)

    def name(self, member: str | None, longest: int, *, with_stack: bool = True, lower: bool = False) -> str:
        """Return the fixed name, or a generated one: stack, logical id, twelve random characters.

        Args:
            member: The property that fixes the name.
            longest: The service's limit; the readable part is cut to fit.
            with_stack: Begin with the stack's name.
            lower: Use lower case only.
        """
        if fixed := self.properties.get(member or ""):
            return str(fixed)
        readable = f"{self.stack_name}-{self.logical_id}" if with_stack else self.logical_id
        suffix = "".join(_random.choices(string.ascii_letters + string.digits, k=_SUFFIX_LENGTH))
        name = f"{readable[: longest - _SUFFIX_LENGTH - 1].rstrip('-')}-{suffix}"
        return name.lower() if lower else name

    def update_tags(self, service: str, physical: Physical) -> None:
        """Change the resource's tags from the previous to the wanted ones, all of them on create.

        Args:
            service: boto3's name of the service.
            physical: The resource.
        """
        before, after = tags(self.previous), tags(self.properties)
        put, remove, member, keys = _TAGGING[service]
        id = physical.attributes.get("Arn", physical.id) if member.lower() == "resourcearn" else physical.id
        given = {member: id, **({"ResourceType": "Parameter"} if service == "ssm" else {})}
        # a changed tag too, because SageMaker's put of moto adds a second one
        if gone := [key for key in before if after.get(key) != before[key]]:
            self.call(
                service, remove, **given, **{keys: [{"Key": key} for key in gone] if keys == "Tags" else gone}
            )
        if wanted := [
            {"Key": key, "Value": value} for key, value in after.items() if before.get(key) != value
        ]:
            self.call(service, put, **given, Tags=wanted)


class ResourceType:
    """The handler of a resource type; any exception fails the resource and so the stack's operation.

    Attributes:
        name_property: The property that fixes the physical name; a resource named so cannot be replaced.
        create_only: The properties whose change needs a new physical resource.
        provided: The properties that are supported; None leaves the check to the service's API.
    """

    name_property: str | None = None
    create_only: frozenset[str] = frozenset()
    provided: frozenset[str] | None = None

    def check(self, type_name: str, properties: Properties) -> None:
        """Refuse properties that would be ignored.

        Args:
            type_name: For the message.
            properties: The wanted properties.

        Raises:
            ResourceError: Names each of them.
        """
        if self.provided is not None:
            refuse_others(type_name, properties, self.provided)

    def replaces(self, before: Properties, after: Properties) -> bool:
        """Return whether the change needs a new physical resource.

        Args:
            before: The properties as deployed.
            after: The wanted properties.
        """
        return not self.create_only.isdisjoint(changed(before, after))

    def create(self, request: ResourceRequest) -> Physical:
        """Create the resource."""
        raise NotImplementedError

    def update(self, request: ResourceRequest) -> Physical:
        """Update the resource in place. Types that are always replaced don't have it."""
        raise NotImplementedError

    def delete(self, request: ResourceRequest) -> None:
        """Delete the resource; one that does not exist any more is no error."""
        raise NotImplementedError


class NoopType(ResourceType):
    """A type that exists in the stack only.

    Args:
        replaced: Whether a change creates it again.
    """

    def __init__(self, *, replaced: bool = False) -> None:
        self._replaced = replaced

    def replaces(self, before: Properties, after: Properties) -> bool:  # noqa: ARG002
        return self._replaced

    def create(self, request: ResourceRequest) -> Physical:
        return Physical(request.name(None, 128))

    def update(self, request: ResourceRequest) -> Physical:
        return request.physical

    def delete(self, request: ResourceRequest) -> None:
        """Do nothing."""


def changed(before: Properties, after: Properties) -> set[str]:
    """Return the names of the properties that differ.

    Args:
        before: The properties as deployed.
        after: The wanted properties.
    """
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def refuse_others(subject: str, properties: Properties, provided: frozenset[str]) -> None:
    """Refuse properties that are not in `provided`.

    Args:
        subject: For the message: a type, or a part of one.
        properties: The wanted properties.
        provided: The names of the supported ones.

    Raises:
        ResourceError: Names each of them.
    """
    if unknown := sorted(set(properties) - provided):
        raise ResourceError(f"Embedded AWS does not provide {', '.join(unknown)} of {subject}")


def tags(properties: Properties) -> dict[str, str]:
    """Return the tags as a mapping; most templates have a list of pairs."""
    given = properties.get("Tags") or {}
    return dict(given) if isinstance(given, dict) else {tag["Key"]: tag["Value"] for tag in given}
