"""What CloudFormation remembers of a stack: its state, its resources, its events."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from moto.core.utils import utcnow

from mme_local.aws.cloudformation.resource import Deployed
from mme_local.aws.cloudformation.template import Template

STACK_TYPE = "AWS::CloudFormation::Stack"


@dataclass(frozen=True)
class Event:
    """One line of a stack's history."""

    logical_id: str
    physical_id: str
    type_name: str
    status: str
    reason: str | None
    timestamp: datetime
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True)
class Output:
    """One output of a stack, exported or not."""

    key: str
    value: str
    description: str | None = None
    export_name: str | None = None


@dataclass(frozen=True)
class Target:
    """What an operation is to make of a stack.

    Attributes:
        template: the new template.
        given: the parameters of the request, by name.
        parameters: every parameter's value, resolved.
        tags: the stack's tags, by key.
    """

    template: Template
    given: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Stack:
    """A stack; changed only while its service's lock is held.

    Attributes:
        target: what the stack was last successfully deployed to; None while it is only under review.
        resources: what exists, by logical id, in the order it was made.
        imports: the names of the exports it uses.
    """

    id: str
    name: str
    account: str
    region: str
    status: str
    status_reason: str | None = None
    role_arn: str | None = None
    notification_arns: list[str] = field(default_factory=list)
    termination_protection: bool = False
    target: Target | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    resources: dict[str, Deployed] = field(default_factory=dict)
    outputs: list[Output] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    created: datetime = field(default_factory=utcnow)
    updated: datetime | None = None
    deleted: datetime | None = None

    @property
    def exports(self) -> dict[str, str]:
        """Value by export name."""
        return {output.export_name: output.value for output in self.outputs if output.export_name}

    def move_to(self, status: str, reason: str | None = None) -> None:
        """Change the stack's status, and say so in its events."""
        self.status, self.status_reason = status, reason
        self.note(self.name, self.id, STACK_TYPE, status, reason)

    def note(
        self, logical_id: str, physical_id: str, type_name: str, status: str, reason: str | None
    ) -> None:
        """Record what happened, a millisecond after what was recorded before.

        That is as fine as clients read the times, and they sort by them.
        """
        now = utcnow()
        if self.events:
            now = max(now, self.events[-1].timestamp + timedelta(milliseconds=1))
        self.events.append(Event(logical_id, physical_id, type_name, status, reason, now))


@dataclass(frozen=True)
class PlannedChange:
    """What a change set says of one resource.

    Attributes:
        action: Add, Modify or Remove.
        replacement: True, False, or None for an Add or Remove.
        properties: the names of the properties that differ.
    """

    action: str
    logical_id: str
    physical_id: str | None
    type_name: str
    replacement: bool | None = None
    properties: tuple[str, ...] = ()


@dataclass
class ChangeSet:
    """A change set and what became of it.

    Attributes:
        kind: CREATE or UPDATE.
    """

    id: str
    name: str
    stack: Stack
    kind: str
    target: Target
    description: str | None
    changes: list[PlannedChange]
    status: str = "CREATE_COMPLETE"
    status_reason: str | None = None
    execution_status: str = "AVAILABLE"
    created: datetime = field(default_factory=utcnow)
