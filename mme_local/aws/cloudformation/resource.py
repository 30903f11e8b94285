"""What a resource type must be able to do, and what a stack remembers of each resource it made."""

from __future__ import annotations

import random
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from mme_local.aws.clients import AwsClients

Properties = dict[str, Any]

_SUFFIX_LENGTH = 12
_random = random.SystemRandom()


@dataclass(frozen=True)
class Request:
    """For whom a handler acts."""

    aws: AwsClients
    stack_id: str
    stack_name: str
    logical_id: str

    @property
    def account(self) -> str:
        """Twelve digits."""
        return self.aws.account

    @property
    def region(self) -> str:
        """Such as `us-east-1`."""
        return self.aws.region

    def generated_name(self, longest: int, *, with_stack: bool = True, lower: bool = False) -> str:
        """A physical name as CloudFormation makes them: stack, logical id, twelve random characters.

        Args:
            longest: the service's limit; what doesn't fit is cut from the end of the readable part
            with_stack: whether the stack's name leads.
            lower: for services that take lower case only.
        """
        readable = f"{self.stack_name}-{self.logical_id}" if with_stack else self.logical_id
        suffix = "".join(_random.choices(string.ascii_letters + string.digits, k=_SUFFIX_LENGTH))
        name = f"{readable[: longest - _SUFFIX_LENGTH - 1].rstrip('-')}-{suffix}"
        return name.lower() if lower else name


@dataclass(frozen=True)
class Physical:
    """A resource as it exists.

    Attributes:
        id: what Ref gives.
        attributes: what Fn::GetAtt gives, by attribute name.
    """

    id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


class ResourceType(Protocol):
    """What embedded CloudFormation can do with one type; any exception fails the resource, so the stack."""

    @property
    def name_property(self) -> str | None:
        """The property that fixes the physical name, if any: a resource so named cannot be replaced."""

    def replaces(self, before: Properties, after: Properties) -> bool:
        """Whether the change needs a new physical resource."""

    def create(self, request: Request, properties: Properties) -> Physical:
        """Make the resource."""

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:
        """Change the resource in place; only called when `replaces` said no."""

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:
        """Remove the resource; one that is gone already is no fault."""


def changed(before: Properties, after: Properties) -> set[str]:
    """The names of the properties that differ."""
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


@dataclass
class Deployed:
    """A live resource of a stack.

    Attributes:
        definition: the resource as the template has it, for its policies and metadata.
        properties: its properties with every function resolved.
        depends_on: the logical ids it was created after.
    """

    logical_id: str
    type_name: str
    definition: dict[str, Any]
    properties: Properties
    physical: Physical
    depends_on: frozenset[str]
    status: str
    reason: str | None = None
    timestamp: Any = None

    def ref(self) -> str:
        """What Ref gives."""
        return self.physical.id

    def attribute(self, name: str) -> Any:
        """What Fn::GetAtt gives; KeyError where the type has no such attribute."""
        return self.physical.attributes[name]
