"""Stacks and change sets, with the API's names in snake case, so that moto serializes them as they are."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from moto.core.utils import utcnow

from mme_local.aws.cloudformation.template import Template
from mme_local.aws.resource_types.handler import Physical, Properties

STACK_TYPE = "AWS::CloudFormation::Stack"


@dataclass(frozen=True)
class StackEvent:
    """An event of a stack."""

    stack_id: str
    stack_name: str
    logical_resource_id: str
    physical_resource_id: str
    resource_type: str
    resource_status: str
    resource_status_reason: str | None
    timestamp: datetime
    event_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True)
class Output:
    """An output of a stack."""

    key: str
    value: str
    description: str | None = None
    export_name: str | None = None


@dataclass
class DeployedResource:
    """A live resource of a stack.

    Attributes:
        definition: The resource as written in the template.
        properties: Its properties with every function resolved.
        depends_on: The logical ids of the resources it was created after.
    """

    stack_id: str
    stack_name: str
    logical_resource_id: str
    resource_type: str
    definition: dict[str, Any]
    depends_on: frozenset[str]
    properties: Properties = field(default_factory=dict)
    physical: Physical = field(default_factory=lambda: Physical(""))
    resource_status: str = "CREATE_IN_PROGRESS"
    resource_status_reason: str | None = None
    timestamp: datetime = field(default_factory=utcnow)
    drift_information: ClassVar = {"StackResourceDriftStatus": "NOT_CHECKED"}

    @property
    def physical_resource_id(self) -> str:
        """The value of Ref."""
        return self.physical.id

    @property
    def last_updated_timestamp(self) -> datetime:
        return self.timestamp


@dataclass(frozen=True)
class StackTarget:
    """What an operation makes of a stack.

    Attributes:
        template: The new template.
        given: The parameters of the request, by name.
        values: Every parameter's value.
        tags: The stack's tags, by key.
    """

    template: Template
    given: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def parameter(self, name: str) -> dict[str, Any]:
        """Return a member of `Parameters`, with the value of a parameter from Systems Manager."""
        slot = self.template.section("Parameters")[name]
        shown = "****" if slot.get("NoEcho") else str(self.given.get(name, slot.get("Default", "")))
        is_stored = str(slot.get("Type")).startswith("AWS::SSM::")
        resolved = str(self.values[name]) if is_stored else None
        return {"ParameterKey": name, "ParameterValue": shown, "ResolvedValue": resolved}


class _Targeted:
    """The members of an answer that come from a target; a stack under review has none."""

    target: StackTarget | None

    @property
    def parameters(self) -> list[dict[str, Any]]:
        return [self.target.parameter(name) for name in self.target.values] if self.target else []

    @property
    def capabilities(self) -> list[str]:
        """The capabilities that the template requires."""
        return self.target.template.capabilities if self.target else []

    @property
    def tags(self) -> list[dict[str, str]]:
        return (
            [{"Key": key, "Value": value} for key, value in self.target.tags.items()] if self.target else []
        )


@dataclass
class Stack(_Targeted):
    """A stack; changed only while its service's lock is held.

    Attributes:
        target: The last successful deployment; None while the stack is under review.
        resources: The live resources by logical id, in the order of their creation.
        imports: The names of the exports it uses.
        roll_back: Continues a rollback that has failed.
    """

    id: str
    name: str
    status: str = "CREATE_IN_PROGRESS"
    status_reason: str | None = None
    role_arn: str | None = None
    notification_arns: list[str] = field(default_factory=list)
    enable_termination_protection: bool = False
    target: StackTarget | None = None
    resources: dict[str, DeployedResource] = field(default_factory=dict)
    outputs: list[Output] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)
    roll_back: Callable[[str, Collection[str]], None] | None = None
    events: list[StackEvent] = field(default_factory=list)
    creation_time: datetime = field(default_factory=utcnow)
    last_updated_time: datetime | None = None
    deletion_time: datetime | None = None
    disable_rollback: ClassVar = False
    drift_information: ClassVar = {"StackDriftStatus": "NOT_CHECKED"}

    @property
    def description(self) -> str | None:
        return self.target.template.description if self.target else None

    @property
    def template_description(self) -> str | None:
        """The description, under ListStacks' name."""
        return self.description

    @property
    def exports(self) -> dict[str, str]:
        """Value by export name."""
        return {output.export_name: output.value for output in self.outputs if output.export_name}

    def move_to(self, status: str, reason: str | None = None) -> None:
        """Change the stack's status and record the event.

        Args:
            status: For example `UPDATE_COMPLETE`.
            reason: Why, if there is something to say.
        """
        self.status, self.status_reason = status, reason
        self.record(self.name, self.id, STACK_TYPE, status, reason)

    def record(
        self, logical_id: str, physical_id: str, type_name: str, status: str, reason: str | None
    ) -> None:
        """Record an event at least a millisecond after the one before it, as clients sort by the time.

        Args:
            logical_id: Of the resource.
            physical_id: Of the resource.
            type_name: Of the resource.
            status: Its new status.
            reason: Why, if there is something to say.
        """
        now = utcnow()
        if self.events:
            now = max(now, self.events[-1].timestamp + timedelta(milliseconds=1))
        self.events.append(
            StackEvent(self.id, self.name, logical_id, physical_id, type_name, status, reason, now)
        )


@dataclass
class ChangeSet(_Targeted):
    """A change set and its result.

    Attributes:
        type: CREATE or UPDATE.
    """

    id: str
    name: str
    stack: Stack
    type: str
    target: StackTarget
    description: str | None
    changes: list[dict[str, Any]]
    status: str = "CREATE_COMPLETE"
    status_reason: str | None = None
    execution_status: str = "AVAILABLE"
    creation_time: datetime = field(default_factory=utcnow)
    include_nested_stacks: ClassVar = False
    on_stack_failure: ClassVar = "ROLLBACK"

    @property
    def stack_id(self) -> str:
        return self.stack.id

    @property
    def stack_name(self) -> str:
        return self.stack.name

    @property
    def notification_arns(self) -> list[str]:
        return self.stack.notification_arns
