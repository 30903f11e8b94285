"""CloudFormation of one account and region: stacks, change sets and exports by name."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from moto.core.base_backend import BackendDict, BaseBackend

from mme_local.aws.clients import clients_of
from mme_local.aws.cloudformation.engine import Operation
from mme_local.aws.cloudformation.faults import (
    ChangeSetMissing,
    InvalidChangeSetStatus,
    ResourceFault,
    StackExists,
    StackMissing,
    ValidationFault,
)
from mme_local.aws.cloudformation.intrinsics import Referable, Scope, check_rules
from mme_local.aws.cloudformation.parameters import resolve_parameters
from mme_local.aws.cloudformation.plan import plan
from mme_local.aws.cloudformation.registry import refuse_unknown
from mme_local.aws.cloudformation.stack import ChangeSet, Output, Stack, Target
from mme_local.aws.cloudformation.template import Template

NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)
NO_UPDATES = "No updates are to be performed."
_UPDATABLE = frozenset(
    {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    }
)


@dataclass(frozen=True)
class Submission:
    """What a request asks a stack to become; None means: as before.

    Attributes:
        parameters: value by name; a None value means the previous one.
    """

    body: str | None
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    tags: Mapping[str, str] | None = None
    role_arn: str | None = None
    notification_arns: tuple[str, ...] = ()


class CloudFormationService(BaseBackend):
    """The stacks of one account and region. Operations finish before their request is answered.

    moto makes one for each account and region, and empties it on a reset.
    """

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.aws = clients_of(account_id, region_name)
        self.lock = threading.RLock()
        self.stacks: dict[str, Stack] = {}  # by id, deleted ones too
        self.change_sets: dict[str, ChangeSet] = {}  # by ARN

    # --- finding

    def live_stacks(self) -> list[Stack]:
        """All stacks that are not deleted."""
        return [stack for stack in list(self.stacks.values()) if stack.status != "DELETE_COMPLETE"]

    def stack(self, name_or_id: str) -> Stack:
        """A stack by its id, or a live one by its name."""
        if name_or_id in self.stacks:
            return self.stacks[name_or_id]
        for stack in self.live_stacks():
            if stack.name == name_or_id:
                return stack
        raise StackMissing(name_or_id)

    def change_set(self, name_or_arn: str, stack_name: str | None) -> ChangeSet:
        """A change set by its ARN, or by its name and its stack."""
        if name_or_arn in self.change_sets:
            return self.change_sets[name_or_arn]
        if stack_name is None:
            raise ValidationFault("StackName must be specified if ChangeSetName is not specified as an ARN.")
        stack = self.stack(stack_name)
        for change_set in reversed(list(self.change_sets.values())):
            if change_set.name == name_or_arn and change_set.stack is stack:
                return change_set
        raise ChangeSetMissing(name_or_arn)

    # --- stacks

    def create_stack(
        self, name: str, submission: Submission, *, termination_protection: bool = False
    ) -> Stack:
        """CreateStack."""
        with self.lock:
            if any(stack.name == name for stack in self.live_stacks()):
                raise StackExists(name)
            stack = self._new_stack(name)
            target = self._target(stack, submission)
            stack.termination_protection = termination_protection
            self._accept(stack, submission)
            self._operation(stack, target).create()
            return stack

    def update_stack(self, name: str, submission: Submission) -> Stack:
        """UpdateStack."""
        with self.lock:
            stack = self._updatable(name)
            target = self._target(stack, submission)
            if _same(stack.target, target):
                raise ValidationFault(NO_UPDATES)
            self._accept(stack, submission)
            self._operation(stack, target).update()
            return stack

    def delete_stack(self, name_or_id: str, retained: Iterable[str] = ()) -> None:
        """DeleteStack; of a stack that doesn't exist it is no fault.

        As on AWS, a stack whose exports are in use is left as it is and the reason stands in its status.
        """
        with self.lock:
            try:
                stack = self.stack(name_or_id)
            except StackMissing:
                return
            if stack.status == "DELETE_COMPLETE":
                return
            if stack.termination_protection:
                raise ValidationFault(
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
            Operation(stack, self.aws).delete(retained)
            if stack.status == "DELETE_COMPLETE":
                self._forget_change_sets(stack)

    # --- change sets

    def create_change_set(
        self, stack_name: str, name: str, kind: str, submission: Submission, description: str | None = None
    ) -> ChangeSet:
        """CreateChangeSet; a CREATE one makes its stack, under review."""
        with self.lock:
            stack = self._under_review(stack_name, name) if kind == "CREATE" else self._updatable(stack_name)
            target = self._target(stack, submission)
            changes = plan(
                stack, target.template, lambda resource: self._scope(stack, target, resource, set())
            )
            change_set = ChangeSet(
                id=self._arn(f"changeSet/{name}/{uuid.uuid4()}"),
                name=name,
                stack=stack,
                kind=kind,
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
            stack.role_arn = submission.role_arn or stack.role_arn
            self.change_sets[change_set.id] = change_set
            return change_set

    def execute_change_set(self, name: str, stack_name: str | None) -> None:
        """ExecuteChangeSet; afterwards the stack's other change sets are gone, as on AWS."""
        with self.lock:
            change_set = self.change_set(name, stack_name)
            if change_set.execution_status != "AVAILABLE":
                raise InvalidChangeSetStatus(change_set.id, change_set.status)
            stack = change_set.stack
            self._forget_change_sets(stack, keep=change_set)
            change_set.execution_status = "EXECUTE_IN_PROGRESS"
            operation = self._operation(stack, change_set.target)
            if change_set.kind == "CREATE":
                operation.create()
            else:
                operation.update()
            failed = "ROLLBACK" in stack.status
            change_set.execution_status = "EXECUTE_FAILED" if failed else "EXECUTE_COMPLETE"

    def delete_change_set(self, name: str, stack_name: str | None) -> None:
        """DeleteChangeSet; of one that doesn't exist it is no fault."""
        with self.lock:
            try:
                change_set = self.change_set(name, stack_name)
            except ChangeSetMissing:
                return
            del self.change_sets[change_set.id]

    def _forget_change_sets(self, stack: Stack, keep: ChangeSet | None = None) -> None:
        others = [one for one in self.change_sets.values() if one.stack is stack and one is not keep]
        for one in others:
            del self.change_sets[one.id]

    # --- exports

    def exports(self) -> list[tuple[Stack, str, str]]:
        """Every export: its stack, name and value."""
        return [(stack, name, value) for stack in self.live_stacks() for name, value in stack.exports.items()]

    def importers(self, export: str) -> list[str]:
        """The names of the stacks that use an export."""
        return [stack.name for stack in self.live_stacks() if export in stack.imports]

    def _import_value(self, name: str) -> str:
        for _, export, value in self.exports():
            if export == name:
                return value
        raise ValidationFault(f"No export named {name} found")

    def _check_exports(self, stack: Stack, outputs: list[Output]) -> None:
        wanted = {output.export_name: output.value for output in outputs if output.export_name}
        for owner, name, _ in self.exports():
            if owner is not stack and name in wanted:
                raise ResourceFault(f"Export with name {name} is already exported by stack {owner.name}")
        for name, value in stack.exports.items():
            importers = self.importers(name)
            if importers and wanted.get(name) != value:
                verb = "update" if name in wanted else "delete"
                raise ResourceFault(f"Cannot {verb} export {name} as it is in use by {_listed(importers)}")

    # --- what the operations rest on

    def _new_stack(self, name: str) -> Stack:
        return Stack(
            self._arn(f"stack/{name}/{uuid.uuid4()}"),
            name,
            self.account_id,
            self.region_name,
            "CREATE_IN_PROGRESS",
        )

    def _arn(self, resource: str) -> str:
        return f"arn:{self.partition}:cloudformation:{self.region_name}:{self.account_id}:{resource}"

    def _accept(self, stack: Stack, submission: Submission) -> None:
        stack.role_arn = submission.role_arn or stack.role_arn
        stack.notification_arns = list(submission.notification_arns) or stack.notification_arns
        self.stacks[stack.id] = stack

    def _updatable(self, name: str) -> Stack:
        stack = self.stack(name)
        if stack.status not in _UPDATABLE:
            raise ValidationFault(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
        return stack

    def _under_review(self, stack_name: str, change_set_name: str) -> Stack:
        for stack in self.live_stacks():
            if stack.name == stack_name:
                if stack.status == "REVIEW_IN_PROGRESS":
                    return stack
                raise ValidationFault(
                    f"Stack [{stack_name}] already exists and cannot be created again "
                    f"with the changeSet [{change_set_name}]."
                )
        return self._new_stack(stack_name)

    def _target(self, stack: Stack, submission: Submission) -> Target:
        """Read and check everything that can be refused before anything is touched."""
        previous = stack.target
        if submission.body is None and previous is None:
            raise ValidationFault("Either Template URL or Template Body must be specified.")
        if submission.body is None:
            assert previous is not None  # noqa: S101 - the line above
            template = previous.template
        else:
            template = Template.parse(submission.body)
        earlier = previous.given if previous else {}
        given: dict[str, str] = {}
        for name, value in submission.parameters.items():
            if value is not None:
                given[name] = value
            elif name in earlier:
                given[name] = earlier[name]
        tags = dict(submission.tags if submission.tags is not None else stack.tags)
        target = Target(template, given, resolve_parameters(template, given, self._stored_parameter), tags)
        scope = self._scope(stack, target, lambda _: _nothing(), set())
        check_rules(scope)
        refuse_unknown(template.resources[name]["Type"] for name in scope.active())
        return target

    def _stored_parameter(self, name: str) -> str:
        from botocore.exceptions import ClientError

        try:
            return str(self.aws.call("ssm", "get_parameter", {"Name": name})["Parameter"]["Value"])
        except ClientError:
            raise ValidationFault(
                f"Unable to fetch parameters [{name}] from parameter store for this account."
            ) from None

    def _operation(self, stack: Stack, target: Target) -> Operation:
        imports: set[str] = set()

        def live(logical_id: str) -> Referable:
            if logical_id not in stack.resources:
                raise ValidationFault(
                    f"Template format error: Unresolved resource dependencies [{logical_id}]: "
                    "its condition is false"
                )
            return stack.resources[logical_id]

        scope = self._scope(stack, target, live, imports)

        def check_exports(outputs: list[Output]) -> None:
            self._check_exports(stack, outputs)
            stack.imports = imports

        return Operation(stack, self.aws, target, scope, check_exports)

    def _scope(
        self, stack: Stack, target: Target, resource: Callable[[str], Referable], imports: set[str]
    ) -> Scope:
        def import_value(name: str) -> str:
            value = self._import_value(name)
            imports.add(name)
            return value

        names = {
            "AWS::AccountId": self.account_id,
            "AWS::NotificationARNs": stack.notification_arns,
            "AWS::Partition": self.partition,
            "AWS::Region": self.region_name,
            "AWS::StackId": stack.id,
            "AWS::StackName": stack.name,
            "AWS::URLSuffix": "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com",
        }
        return Scope(target.template, {**names, **target.parameters}, resource, import_value)


def _nothing() -> Referable:
    raise ValidationFault("Template format error: conditions and rules cannot refer to resources")


def _same(before: Target | None, after: Target) -> bool:
    """Whether an update would change nothing: neither the template nor any parameter's value nor a tag."""
    return before is not None and (before.template.document, before.parameters, before.tags) == (
        after.template.document,
        after.parameters,
        after.tags,
    )


def _listed(names: list[str]) -> str:
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])


cloudformation_services: BackendDict[CloudFormationService] = BackendDict(
    CloudFormationService, "cloudformation"
)
