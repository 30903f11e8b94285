"""What a handler of a resource type is given, and what it must be able to do."""

from __future__ import annotations

import json
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

    def attribute(self, name: str) -> Any:
        """Return the value of Fn::GetAtt; KeyError if there is no such attribute."""
        return self.attributes[name]


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
    stack_id: str
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
            parameters: The operation's parameters.
        """
        return self.clients.call(service, operation, parameters)

    def call_unless(self, missing: str, service: str, operation: str, /, **parameters: Any) -> None:
        """Call an API operation that may find its resource already deleted.

        Args:
            missing: A part of the error's code or message that says so.
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

    def name(self, member: str, longest: int, *, with_stack: bool = True, lower: bool = False) -> str:
        """Return the fixed name, or a generated one: stack, logical id, twelve random characters.

        Args:
            member: The property that fixes the name.
            longest: The service's limit; the readable part is cut to fit.
            with_stack: Begin with the stack's name.
            lower: Use lower case only.
        """
        if fixed := self.properties.get(member):
            return str(fixed)
        readable = f"{self.stack_name}-{self.logical_id}" if with_stack else self.logical_id
        suffix = "".join(_random.choices(string.ascii_letters + string.digits, k=_SUFFIX_LENGTH))
        name = f"{readable[: longest - _SUFFIX_LENGTH - 1].rstrip('-')}-{suffix}"
        return name.lower() if lower else name

    @property
    def removed_tags(self) -> list[str]:
        """The keys of the tags that an update removes."""
        return [key for key in tags(self.previous) if key not in tags(self.properties)]


class ResourceType:
    """The handler of a resource type; any exception fails the resource and so the stack's operation.

    Attributes:
        name_property: The property that fixes the physical name; a resource named so cannot be replaced.
        create_only: The properties whose change needs a new physical resource.
        provided: The properties that are supported; None leaves the check to the service's API.
        delete_call: Service, operation and parameter that delete a resource by its physical id.
        missing: A part of the error of a delete whose resource does not exist any more.
    """

    name_property: str | None = None
    create_only: frozenset[str] = frozenset()
    provided: frozenset[str] | None = None
    delete_call: tuple[str, str, str]
    missing = "NotFound"

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
        service, operation, member = self.delete_call
        request.call_unless(self.missing, service, operation, **{member: request.physical.id})


class NoopType(ResourceType):
    """A type that exists in the stack only."""

    def create(self, request: ResourceRequest) -> Physical:
        """Return a generated id."""
        return Physical(request.name("", 128))

    def update(self, request: ResourceRequest) -> Physical:
        """Do nothing."""
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
    """Return the tags as a mapping; templates have a list of pairs."""
    return {tag["Key"]: tag["Value"] for tag in properties.get("Tags") or []}


def json_text(document: Any) -> str:
    """Return a policy document as a string; templates may have either."""
    return document if isinstance(document, str) else json.dumps(document)
