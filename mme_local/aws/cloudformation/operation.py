"""One operation on one stack, in AWS's order.

An update applies the new template's resources one after another, each after its dependencies. A new resource
is created, a changed one is updated in place, and one that cannot be is created again, so that its dependents
take the new reference before the old resource is deleted. Then the old resources and those that left the
template are deleted, dependents first. If anything fails, the steps are rolled back: updates in place first,
because they release the new resources, then the new resources are deleted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from moto.core.utils import utcnow

from mme.aws.template_resolver import TemplateError, TemplateResolver
from mme_local.aws.clients import EmbeddedClients
from mme_local.aws.cloudformation.errors import CloudFormationRequestError, failure_reason
from mme_local.aws.cloudformation.stack import STACK_TYPE, DeployedResource, Output, Stack, StackTarget
from mme_local.aws.cloudformation.values import active_resources
from mme_local.aws.resource_types.handler import Physical, ResourceError, ResourceRequest, ResourceType
from mme_local.aws.resource_types.registry import resource_type

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Step:
    """What was done to a resource; `before` is None for a new one."""

    before: DeployedResource | None
    after: DeployedResource
    replaced: bool = False


@dataclass(frozen=True)
class _Deletion:
    """A resource to delete unless a policy of its definition retains it."""

    resource: DeployedResource
    policy: str = "DeletionPolicy"
    just_created: bool = False

    @property
    def retained(self) -> bool:
        value = self.resource.definition.get(self.policy, "Delete")
        return value == "Retain" or (value == "RetainExceptOnCreate" and not self.just_created)


class StackOperation:
    """A create, update or delete of a stack.

    Args:
        stack: The stack.
        clients: Call the other services.
        target: The new template and its parameters; None for a delete.
        resolver: Resolves the new template; None for a delete.
        check_outputs: Raises ResourceError for outputs that other stacks forbid.
    """

    def __init__(
        self,
        stack: Stack,
        clients: EmbeddedClients,
        target: StackTarget | None = None,
        resolver: TemplateResolver | None = None,
        check_outputs: Callable[[list[Output]], None] = lambda _: None,
    ) -> None:
        self._stack = stack
        self._clients = clients
        self._target = target
        self._resolver = resolver
        self._check_outputs = check_outputs
        self._steps: list[_Step] = []
        self._active: list[str] = []

    def create(self) -> None:
        """Create the stack's resources; on failure delete them, and end as ROLLBACK_COMPLETE."""
        stack = self._stack
        stack.move_to("CREATE_IN_PROGRESS", "User Initiated")
        reason = self._apply_all("create")
        if reason is None:
            stack.move_to("CREATE_COMPLETE")
            return
        stack.move_to("ROLLBACK_IN_PROGRESS", f"{reason} Rollback requested by user.")
        left = self._delete_all(self._created())
        stack.resources = {resource.logical_resource_id: resource for resource in left}
        stack.move_to("ROLLBACK_FAILED" if left else "ROLLBACK_COMPLETE", _failed_to_delete(left))

    def update(self) -> None:
        """Update the stack; on failure restore it, and end as UPDATE_ROLLBACK_COMPLETE."""
        stack = self._stack
        before = dict(stack.resources)
        stack.last_updated_time = utcnow()
        stack.move_to("UPDATE_IN_PROGRESS", "User Initiated")
        reason = self._apply_all("update")
        if reason is not None:
            stack.resources = before
            self.roll_back(reason)
            return
        stack.move_to("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        removed = [name for name in before if name not in self._active]
        deletions = [_Deletion(stack.resources.pop(name)) for name in removed]
        deletions += [
            _Deletion(step.before, "UpdateReplacePolicy")
            for step in self._steps
            if step.replaced and step.before
        ]
        # As on AWS, the update is complete even if a deletion fails: the resource stays, with an event.
        self._delete_all(deletions)
        stack.move_to("UPDATE_COMPLETE")

    def delete(self, retained: Iterable[str] = ()) -> None:
        """Delete the stack's resources, dependents first; what fails, and its dependencies, stay.

        Args:
            retained: Logical ids to forget without deleting them.
        """
        stack = self._stack
        stack.move_to("DELETE_IN_PROGRESS", "User Initiated")
        for logical_id in retained:
            if resource := stack.resources.pop(logical_id, None):
                self._record(resource, "DELETE_SKIPPED")
        left = self._delete_all([_Deletion(resource) for resource in stack.resources.values()])
        stack.resources = {resource.logical_resource_id: resource for resource in left}
        if left:
            stack.move_to("DELETE_FAILED", _failed_to_delete(left))
            return
        stack.outputs, stack.imports, stack.deletion_time = [], set(), utcnow()
        stack.move_to("DELETE_COMPLETE")

    # --- applying the new template

    def _apply_all(self, verb: str) -> str | None:
        """Apply every resource and output; return the reason of a failure."""
        assert self._target  # noqa: S101 - creates and updates have both
        assert self._resolver  # noqa: S101
        template = self._target.template
        try:
            self._active = active_resources(template, self._resolver)
            for logical_id in template.order(self._active):
                if not self._apply(logical_id, self._target, self._resolver):
                    return f"The following resource(s) failed to {verb}: [{logical_id}]."
            outputs = _outputs(template.section("Outputs"), self._resolver)
            self._check_outputs(outputs)
        except Exception as error:  # a faulty output must end the operation too
            return f"{_reason(error, STACK_TYPE)}."
        self._stack.outputs, self._stack.target = outputs, self._target
        return None

    def _apply(self, logical_id: str, target: StackTarget, resolver: TemplateResolver) -> bool:
        """Create or update a resource; return whether that succeeded."""
        stack, definition = self._stack, target.template.resources[logical_id]
        before = stack.resources.get(logical_id)
        wanted = DeployedResource(
            stack_id=stack.id,
            stack_name=stack.name,
            logical_resource_id=logical_id,
            resource_type=definition["Type"],
            definition=definition,
            depends_on=frozenset(target.template.dependencies(logical_id)),
            physical=before.physical if before else Physical(""),
        )
        try:
            wanted.properties = resolver.resolve(definition.get("Properties")) or {}
            if before is None:
                self._create(None, wanted)
            else:
                self._update(before, wanted)
        except Exception as error:
            verb = "CREATE" if before is None else "UPDATE"
            self._record(wanted, f"{verb}_FAILED", _reason(error, wanted.resource_type))
            return False
        return True

    def _update(self, before: DeployedResource, wanted: DeployedResource) -> None:
        if before.resource_type != wanted.resource_type:
            raise ResourceError(
                "Update of resource type is not permitted. The new template modifies resource type"
            )
        if before.properties == wanted.properties:
            self._stack.resources[before.logical_resource_id] = replace(
                before, definition=wanted.definition, depends_on=wanted.depends_on
            )
            return
        handler = resource_type(wanted.resource_type)
        if handler.replaces(before.properties, wanted.properties):
            _check_replaceable(handler, before, wanted)
            self._create(before, wanted)
            return
        self._record(wanted, "UPDATE_IN_PROGRESS")
        # recorded before it is tried: a partial update is rolled back too
        self._steps.append(_Step(before, wanted))
        handler.check(wanted.resource_type, wanted.properties)
        wanted.physical = handler.update(self._request(wanted, before.properties))
        self._stack.resources[wanted.logical_resource_id] = wanted
        self._record(wanted, "UPDATE_COMPLETE")

    def _create(self, before: DeployedResource | None, wanted: DeployedResource) -> None:
        verb, reason = "CREATE", None
        if before is not None:
            verb = "UPDATE"
            reason = "Requested update requires the creation of a new physical resource; hence creating one."
        self._record(wanted, f"{verb}_IN_PROGRESS", reason)
        handler = resource_type(wanted.resource_type)
        handler.check(wanted.resource_type, wanted.properties)
        wanted.physical = handler.create(self._request(wanted))
        self._steps.append(_Step(before, wanted, replaced=before is not None))
        self._stack.resources[wanted.logical_resource_id] = wanted
        self._record(wanted, f"{verb}_COMPLETE")

    # --- rolling back

    def roll_back(self, reason: str, skipped: Collection[str] = ()) -> None:
        """Restore what the update has changed; if that fails, the stack can try again.

        Args:
            reason: Why.
            skipped: Logical ids of resources to leave as they are.
        """
        stack = self._stack
        stack.move_to("UPDATE_ROLLBACK_IN_PROGRESS", reason)
        failed = []
        for step in [step for step in self._steps if not step.replaced]:
            name, before = step.after.logical_resource_id, step.before
            if before is not None:
                if name in skipped or self._restore(before, step.after):
                    self._steps.remove(step)
                else:
                    failed.append(name)
        stack.roll_back = self.roll_back if failed else None
        if failed:
            names = ", ".join(failed)
            stack.move_to("UPDATE_ROLLBACK_FAILED", f"The following resource(s) failed to update: [{names}].")
            return
        stack.move_to("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        self._delete_all(self._created())
        stack.move_to("UPDATE_ROLLBACK_COMPLETE")

    def _restore(self, before: DeployedResource, after: DeployedResource) -> bool:
        self._record(before, "UPDATE_IN_PROGRESS")
        request = replace(self._request(before, after.properties), physical=after.physical)
        try:
            before.physical = resource_type(before.resource_type).update(request)
        except Exception as error:
            self._record(before, "UPDATE_FAILED", _reason(error, before.resource_type))
            return False
        self._record(before, "UPDATE_COMPLETE")
        return True

    def _created(self) -> list[_Deletion]:
        """Return the resources that this operation has created."""
        return [
            _Deletion(
                step.after, "UpdateReplacePolicy" if step.replaced else "DeletionPolicy", just_created=True
            )
            for step in self._steps
            if step.replaced or step.before is None
        ]

    # --- deleting

    def _delete_all(self, deletions: list[_Deletion]) -> list[DeployedResource]:
        """Delete, dependents first; return what could not be deleted, and its dependencies."""
        left: list[DeployedResource] = []
        for deletion in _dependents_first(deletions):
            resource = deletion.resource
            if any(resource.logical_resource_id in other.depends_on for other in left):
                left.append(resource)
            elif deletion.retained:
                self._record(resource, "DELETE_SKIPPED")
            elif not self._delete(resource):
                left.append(resource)
        return left[::-1]

    def _delete(self, resource: DeployedResource) -> bool:
        self._record(resource, "DELETE_IN_PROGRESS")
        try:
            resource_type(resource.resource_type).delete(self._request(resource))
        except Exception as error:
            self._record(resource, "DELETE_FAILED", _reason(error, resource.resource_type))
            return False
        self._record(resource, "DELETE_COMPLETE")
        return True

    def _request(self, resource: DeployedResource, previous: dict[str, Any] | None = None) -> ResourceRequest:
        return ResourceRequest(
            self._clients,
            self._stack.name,
            resource.logical_resource_id,
            resource.properties,
            previous or {},
            resource.physical,
        )

    def _record(self, resource: DeployedResource, status: str, reason: str | None = None) -> None:
        resource.resource_status, resource.resource_status_reason = status, reason
        resource.timestamp = utcnow()
        self._stack.record(
            resource.logical_resource_id, resource.physical.id, resource.resource_type, status, reason
        )


def _check_replaceable(handler: ResourceType, before: DeployedResource, wanted: DeployedResource) -> None:
    name = wanted.properties.get(handler.name_property or "")
    if name is not None and name == before.properties.get(handler.name_property or ""):
        raise ResourceError(
            "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
            f"Rename {name} and update the stack again."
        )


def _reason(error: Exception, type_name: str) -> str:
    if not isinstance(error, ResourceError | TemplateError | CloudFormationRequestError):
        _log.debug("embedded CloudFormation: %s failed", type_name, exc_info=error)
    return failure_reason(error, type_name)


def _dependents_first(deletions: list[_Deletion]) -> list[_Deletion]:
    """Return the reverse of an order in which they could have been created."""
    waiting, ordered = list(deletions), []
    while waiting:
        needed = {
            name for one in waiting for name in one.resource.depends_on - {one.resource.logical_resource_id}
        }
        free = [one for one in waiting if one.resource.logical_resource_id not in needed]
        # resources of two templates may depend on each other in a cycle; then any order will do
        chosen = (free or waiting)[-1]
        waiting.remove(chosen)
        ordered.append(chosen)
    return ordered


def _failed_to_delete(left: list[DeployedResource]) -> str | None:
    names = [one.logical_resource_id for one in left if one.resource_status == "DELETE_FAILED"]
    return f"The following resource(s) failed to delete: [{', '.join(names)}]. " if left else None


def _outputs(members: dict[str, dict[str, Any]], resolver: TemplateResolver) -> list[Output]:
    """Return the outputs whose condition holds, or that have none."""
    outputs = []
    for key, member in members.items():
        if "Condition" not in member or resolver.holds(member["Condition"]):
            name = resolver.resolve((member.get("Export") or {}).get("Name"))
            value = str(resolver.resolve(member.get("Value")))
            outputs.append(
                Output(key, value, member.get("Description"), str(name) if name is not None else None)
            )
    return outputs
