"""CloudFormation of one account and region: stacks, change sets and exports by name."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from botocore.exceptions import ClientError
from moto.core.base_backend import BaseBackend

from mme.aws.template_resolver import TemplateError, TemplateResolver
from mme_local.aws.clients import ClientFactory
from mme_local.aws.cloudformation.errors import (
    ChangeSetNotFoundError,
    CloudFormationRequestError,
    StackNotFoundError,
)
from mme_local.aws.cloudformation.operation import StackOperation
from mme_local.aws.cloudformation.parameters import resolve_parameters
from mme_local.aws.cloudformation.planning import plan
from mme_local.aws.cloudformation.stack import ChangeSet, Output, Stack, StackTarget
from mme_local.aws.cloudformation.template import MALFORMED, Template, malformed
from mme_local.aws.cloudformation.values import (
    PlannedValues,
    StackValues,
    active_resources,
    check_rules,
)
from mme_local.aws.resource_types.handler import ResourceError
from mme_local.aws.resource_types.registry import is_provided

NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)
_NAME = re.compile("[a-zA-Z][-a-zA-Z0-9]{0,127}")
_UPDATABLE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})
_Values = TypeVar("_Values", bound=StackValues)


@dataclass(frozen=True)
class StackRequest:
    """The wanted state of a stack; None means unchanged.

    Attributes:
        name: The stack's name or id.
        body: The template.
        parameters: Value by name; None means the previous value.
        tags: The stack's tags, by key.
        role_arn: Without effect, but described.
        notification_arns: Without effect, but described.
        termination_protection: Of a new stack.
    """

    name: str
    body: str | None
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    tags: Mapping[str, str] | None = None
    role_arn: str | None = None
    notification_arns: tuple[str, ...] = ()
    termination_protection: bool = False


class CloudFormationService(BaseBackend):
    """The stacks of one account and region. An operation finishes before its request is answered.

    moto creates one for each account and region.

    Args:
        clients_of: Returns the clients that handlers call.
        region_name: The region.
        account_id: Twelve digits.
    """

    def __init__(self, clients_of: ClientFactory, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.clients = clients_of(account_id, region_name)
        self.lock = threading.RLock()
        self.stacks: dict[str, Stack] = {}  # by id, deleted ones too
        self.change_sets: dict[str, ChangeSet] = {}  # by ARN

    def reset(self) -> None:
        """Do nothing: moto drops the service and creates another."""

    # --- finding

    def live_stacks(self) -> list[Stack]:
        """Return all stacks that are not deleted."""
        return [stack for stack in list(self.stacks.values()) if stack.status != "DELETE_COMPLETE"]

    def stack(self, name_or_id: str) -> Stack:
        """Return a stack by its id, or a live one by its name."""
        stack = self.stacks.get(name_or_id) or self._live_stack(name_or_id)
        if stack is None:
            raise StackNotFoundError(name_or_id)
        return stack

    def change_set(self, name_or_arn: str, stack_name: str | None) -> ChangeSet:
        """Return a change set.

        Args:
            name_or_arn: Its ARN, or its name in the stack.
            stack_name: The stack's name or id; not needed with an ARN.
        """
        if name_or_arn in self.change_sets:
            return self.change_sets[name_or_arn]
        if stack_name is None:
            raise CloudFormationRequestError(
                "StackName must be specified if ChangeSetName is not specified as an ARN."
            )
        stack = self.stack(stack_name)
        for change_set in reversed(list(self.change_sets.values())):
            if change_set.name == name_or_arn and change_set.stack is stack:
                return change_set
        raise ChangeSetNotFoundError(name_or_arn)

    # --- stacks

    def create_stack(self, request: StackRequest) -> Stack:
        """CreateStack."""
        with self.lock:
            if self._live_stack(request.name):
                raise CloudFormationRequestError(
                    f"Stack [{request.name}] already exists", "AlreadyExistsException"
                )
            stack = self._new_stack(request.name)
            target = self._target(stack, request)
            stack.enable_termination_protection = request.termination_protection
            self._accept(stack, request)
            self._operation(stack, target).create()
            return stack

    def update_stack(self, request: StackRequest) -> Stack:
        """UpdateStack."""
        with self.lock:
            stack = self._updatable(request.name)
            target = self._target(stack, request)
            if _same(stack.target, target):
                raise CloudFormationRequestError("No updates are to be performed.")
            self._accept(stack, request)
            self._operation(stack, target).update()
            return stack

    def continue_update_rollback(self, name: str, skipped: Collection[str] = ()) -> None:
        """ContinueUpdateRollback.

        Args:
            name: The stack's name or id.
            skipped: Logical ids of resources that stay as they are.
        """
        with self.lock:
            stack = self.stack(name)
            if stack.roll_back is None or stack.status != "UPDATE_ROLLBACK_FAILED":
                raise CloudFormationRequestError(
                    f"Stack:{stack.id} is in {stack.status} state and can not continue update rollback."
                )
            stack.roll_back("User Initiated", skipped)

    def delete_stack(self, name_or_id: str, retained: Iterable[str] = ()) -> None:
        """DeleteStack; a stack that does not exist is no error.

        As on AWS, a stack whose exports are in use stays as it is, with the reason in its status.

        Args:
            name_or_id: The stack.
            retained: Logical ids of resources that are not deleted.
        """
        with self.lock:
            try:
                stack = self.stack(name_or_id)
            except StackNotFoundError:
                return
            if stack.status == "DELETE_COMPLETE":
                return
            if stack.enable_termination_protection:
                raise CloudFormationRequestError(
                    f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
                )
            for export in stack.exports:
                if importers := self.importers(export):
                    stack.move_to(
                        "UPDATE_COMPLETE",
                        f"Delete canceled. Cannot delete export {export} as it is in use by "
                        f"{_listed(importers)}.",
                    )
                    return
            StackOperation(stack, self.clients).delete(retained)
            if stack.status == "DELETE_COMPLETE":
                self._forget_change_sets(stack)

    # --- change sets

    def create_change_set(
        self, request: StackRequest, name: str, kind: str, description: str | None = None
    ) -> ChangeSet:
        """CreateChangeSet; one of type CREATE creates its stack, under review.

        Args:
            request: The wanted state of the stack.
            name: The change set's name.
            kind: CREATE or UPDATE.
            description: The change set's description.
        """
        with self.lock:
            under_review = kind == "CREATE"
            stack = self._under_review(request.name, name) if under_review else self._updatable(request.name)
            target = self._target(stack, request)
            with _refusing_faults():
                changes = plan(stack, target.template, self._values(PlannedValues, stack, target))
            change_set = ChangeSet(
                id=self._arn(f"changeSet/{name}/{uuid.uuid4()}"),
                name=name,
                stack=stack,
                type=kind,
                target=target,
                description=description,
                changes=changes,
            )
            if kind == "UPDATE" and _same(stack.target, target):
                change_set.status, change_set.execution_status = "FAILED", "UNAVAILABLE"
                change_set.status_reason = NO_CHANGES
            if stack.id not in self.stacks:
                self.stacks[stack.id] = stack
                stack.move_to("REVIEW_IN_PROGRESS", "User Initiated")
            stack.role_arn = request.role_arn or stack.role_arn
            self.change_sets[change_set.id] = change_set
            return change_set

    def execute_change_set(self, change_set: ChangeSet) -> None:
        """ExecuteChangeSet; afterwards the stack's other change sets are gone, as on AWS."""
        with self.lock:
            if change_set.execution_status != "AVAILABLE":
                raise CloudFormationRequestError(
                    f"ChangeSet [{change_set.id}] cannot be executed in its current status "
                    f"of [{change_set.status}]",
                    "InvalidChangeSetStatus",
                )
            stack = change_set.stack
            self._forget_change_sets(stack)
            self.change_sets[change_set.id] = change_set
            change_set.execution_status = "EXECUTE_IN_PROGRESS"
            operation = self._operation(stack, change_set.target)
            if change_set.type == "CREATE":
                operation.create()
            else:
                operation.update()
            failed = "ROLLBACK" in stack.status
            change_set.execution_status = "EXECUTE_FAILED" if failed else "EXECUTE_COMPLETE"

    def _forget_change_sets(self, stack: Stack) -> None:
        self.change_sets = {id: one for id, one in self.change_sets.items() if one.stack is not stack}

    # --- exports

    def exports(self) -> list[tuple[Stack, str, str]]:
        """Return every export as its stack, name and value."""
        return [(stack, name, value) for stack in self.live_stacks() for name, value in stack.exports.items()]

    def importers(self, export: str) -> list[str]:
        """Return the names of the stacks that use an export."""
        return [stack.name for stack in self.live_stacks() if export in stack.imports]

    def _exported(self, name: str) -> str:
        for _, export, value in self.exports():
            if export == name:
                return value
        raise TemplateError(f"No export named {name} found")

    def _check_exports(self, stack: Stack, outputs: list[Output]) -> None:
        wanted = {output.export_name: output.value for output in outputs if output.export_name}
        for owner, name, _ in self.exports():
            if owner is not stack and name in wanted:
                raise ResourceError(f"Export with name {name} is already exported by stack {owner.name}")
        for name, value in stack.exports.items():
            importers = self.importers(name)
            if importers and wanted.get(name) != value:
                verb = "update" if name in wanted else "delete"
                raise ResourceError(f"Cannot {verb} export {name} as it is in use by {_listed(importers)}")

    # --- preparing an operation

    def _live_stack(self, name: str) -> Stack | None:
        return next((stack for stack in self.live_stacks() if stack.name == name), None)

    def _new_stack(self, name: str) -> Stack:
        if not _NAME.fullmatch(name):
            raise CloudFormationRequestError(
                f"1 validation error detected: Value {name!r} at 'stackName' failed to satisfy constraint: "
                f"Member must satisfy regular expression pattern: {_NAME.pattern}"
            )
        return Stack(self._arn(f"stack/{name}/{uuid.uuid4()}"), name)

    def _arn(self, resource: str) -> str:
        return f"arn:{self.partition}:cloudformation:{self.region_name}:{self.account_id}:{resource}"

    def _accept(self, stack: Stack, request: StackRequest) -> None:
        stack.role_arn = request.role_arn or stack.role_arn
        stack.notification_arns = list(request.notification_arns) or stack.notification_arns
        self.stacks[stack.id] = stack

    def _updatable(self, name: str) -> Stack:
        stack = self.stack(name)
        if stack.status not in _UPDATABLE:
            raise CloudFormationRequestError(
                f"Stack:{stack.id} is in {stack.status} state and can not be updated."
            )
        return stack

    def _under_review(self, stack_name: str, change_set_name: str) -> Stack:
        stack = self._live_stack(stack_name)
        if stack and stack.status != "REVIEW_IN_PROGRESS":
            raise CloudFormationRequestError(
                f"Stack [{stack_name}] already exists and cannot be created again "
                f"with the changeSet [{change_set_name}]."
            )
        return stack or self._new_stack(stack_name)

    def _target(self, stack: Stack, request: StackRequest) -> StackTarget:
        """Read and check everything that can be refused before a resource is touched."""
        previous = stack.target or StackTarget(Template("", {}))
        if request.body is None and stack.target is None:
            raise CloudFormationRequestError("Either Template URL or Template Body must be specified.")
        template = previous.template if request.body is None else Template.parse(request.body)
        given: dict[str, str] = {}
        for name, value in request.parameters.items():
            if value is not None:
                given[name] = value
            elif name in previous.given:
                given[name] = previous.given[name]
        tags = dict(request.tags if request.tags is not None else previous.tags)
        with _refusing_faults():
            values = resolve_parameters(template, given, self._stored_parameter)
            target = StackTarget(template, given, values, tags)
            resolver = TemplateResolver(template.document, self._values(StackValues, stack, target))
            check_rules(template, resolver)
            types = {template.resources[name]["Type"] for name in active_resources(template, resolver)}
        if unknown := sorted(name for name in types if not is_provided(name)):
            raise CloudFormationRequestError(
                f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]. "
                "Embedded AWS does not provide them; leave them out of the environment that is deployed here"
            )
        return target

    def _stored_parameter(self, name: str) -> str:
        try:
            return str(self.clients.call("ssm", "get_parameter", {"Name": name})["Parameter"]["Value"])
        except ClientError:
            raise CloudFormationRequestError(
                f"Unable to fetch parameters [{name}] from parameter store for this account."
            ) from None

    def _operation(self, stack: Stack, target: StackTarget) -> StackOperation:
        values = self._values(StackValues, stack, target)

        def check_outputs(outputs: list[Output]) -> None:
            self._check_exports(stack, outputs)
            stack.imports = values.imports

        resolver = TemplateResolver(target.template.document, values)
        return StackOperation(stack, self.clients, target, resolver, check_outputs)

    def _values(self, kind: type[_Values], stack: Stack, target: StackTarget) -> _Values:
        names: dict[str, Any] = {
            "AWS::AccountId": self.account_id,
            "AWS::NotificationARNs": stack.notification_arns,
            "AWS::Partition": self.partition,
            "AWS::Region": self.region_name,
            "AWS::StackId": stack.id,
            "AWS::StackName": stack.name,
            "AWS::URLSuffix": "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com",
        }
        return kind(stack, {**names, **target.values}, self._exported)


@contextmanager
def _refusing_faults() -> Iterator[None]:
    """Refuse the request if the template is at fault, before a resource is touched."""
    try:
        yield
    except TemplateError as error:
        raise CloudFormationRequestError(str(error)) from error
    except MALFORMED as error:
        raise malformed(error) from error


def _same(before: StackTarget | None, after: StackTarget) -> bool:
    """Return whether neither the template nor a parameter's value nor a tag differs."""
    return before is not None and (before.template.document, before.values, before.tags) == (
        after.template.document,
        after.values,
        after.tags,
    )


def _listed(names: list[str]) -> str:
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])
