"""One operation on one stack, in AWS's order.

An update settles the new template's resources one after another, each after those it depends on: what is
new is created, what changed is updated in place, and what cannot be is *created again* beside the old one, so
that those that refer to it take the new reference before the old resource goes. Only when all is settled are
the old ones, and those the template no longer has, deleted, dependents first. When anything fails, the steps
are taken back: updates in place first (they let go of the new resources), then the new resources are deleted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from moto.core.utils import utcnow

from mme_local.aws.clients import AwsClients
from mme_local.aws.cloudformation.faults import ResourceFault, ValidationFault, reason_of
from mme_local.aws.cloudformation.intrinsics import Scope
from mme_local.aws.cloudformation.registry import resource_type
from mme_local.aws.cloudformation.resource import Deployed, Physical, Request, ResourceType
from mme_local.aws.cloudformation.stack import Output, Stack, Target

_log = logging.getLogger(__name__)


@dataclass
class _Step:
    """What was done to one resource: `before` is None for a new one."""

    before: Deployed | None
    after: Deployed
    replaced: bool = False

    @property
    def made_new(self) -> bool:
        return self.before is None or self.replaced


@dataclass(frozen=True)
class _Doomed:
    """A resource to delete, and which of its policies may save it."""

    resource: Deployed
    policy: str = "DeletionPolicy"
    # made by the operation that now takes it back
    just_created: bool = False

    @property
    def retained(self) -> bool:
        value = self.resource.definition.get(self.policy, "Delete")
        return value == "Retain" or (value == "RetainExceptOnCreate" and not self.just_created)


@dataclass
class _Failed(Exception):  # noqa: N818 - how the walk through the template ends, not an error of ours
    logical_id: str


@dataclass
class Operation:
    """A create, update or delete of `stack`.

    Attributes:
        scope: what the new template's references mean; None for a delete.
        check_exports: refuses outputs that other stacks forbid, by raising ValidationFault.
    """

    stack: Stack
    aws: AwsClients
    target: Target | None = None
    scope: Scope | None = None
    check_exports: Callable[[list[Output]], None] = lambda _: None
    _steps: list[_Step] = field(default_factory=list)
    _active: list[str] = field(default_factory=list)

    # --- the three operations

    def create(self) -> None:
        """Bring a new stack up; on failure what was made is deleted, and it ends as ROLLBACK_COMPLETE."""
        stack = self.stack
        stack.move_to("CREATE_IN_PROGRESS", "User Initiated")
        reason = self._settle_all("create")
        if reason is None:
            stack.move_to("CREATE_COMPLETE")
            return
        stack.move_to("ROLLBACK_IN_PROGRESS", f"{reason} Rollback requested by user.")
        kept = self._delete_all(_taken_back(self._steps))
        stack.resources = {resource.logical_id: resource for resource in kept}
        stack.move_to("ROLLBACK_FAILED" if kept else "ROLLBACK_COMPLETE", _failed_to_delete(kept))

    def update(self) -> None:
        """Move a stack to another template; on failure it goes back and ends as UPDATE_ROLLBACK_COMPLETE."""
        stack = self.stack
        before = dict(stack.resources)
        stack.updated = utcnow()
        stack.move_to("UPDATE_IN_PROGRESS", "User Initiated")
        reason = self._settle_all("update")
        if reason is not None:
            stack.resources = before
            self._roll_back_update(reason)
            return
        stack.move_to("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        doomed = [_Doomed(resource) for name, resource in before.items() if name not in self._active]
        for removed in doomed:
            del stack.resources[removed.resource.logical_id]
        doomed += [
            _Doomed(step.before, "UpdateReplacePolicy")
            for step in self._steps
            if step.replaced and step.before
        ]
        # AWS too calls the update complete when a clean-up fails; the resource is left behind, with an event
        self._delete_all(doomed)
        stack.move_to("UPDATE_COMPLETE")

    def delete(self, retained: Iterable[str] = ()) -> None:
        """Delete the stack's resources, dependents first; what fails, and what it needs, stays.

        Args:
            retained: logical ids to let go of without deleting them.
        """
        stack = self.stack
        stack.move_to("DELETE_IN_PROGRESS", "User Initiated")
        for logical_id in retained:
            if resource := stack.resources.pop(logical_id, None):
                self._event(resource, "DELETE_SKIPPED")
        kept = self._delete_all([_Doomed(resource) for resource in stack.resources.values()])
        stack.resources = {resource.logical_id: resource for resource in kept}
        if kept:
            stack.move_to("DELETE_FAILED", _failed_to_delete(kept))
            return
        stack.outputs, stack.imports, stack.deleted = [], set(), utcnow()
        stack.move_to("DELETE_COMPLETE")

    # --- settling the new template

    @property
    def _wanted(self) -> tuple[Target, Scope]:
        assert self.target is not None  # noqa: S101 - creates and updates are made with both
        assert self.scope is not None  # noqa: S101
        return self.target, self.scope

    def _settle_all(self, verb: str) -> str | None:
        """Settle every resource and the outputs; the reason why not, or None when all went well."""
        target, scope = self._wanted
        try:
            self._active = scope.active()
            for logical_id in target.template.order(self._active):
                self._settle(logical_id)
            outputs = resolve_outputs(scope)
            self.check_exports(outputs)
        except _Failed as failed:
            return f"The following resource(s) failed to {verb}: [{failed.logical_id}]."
        except Exception as fault:  # an output may be as wrong as a resource; a stack always comes to rest
            return f"{_reason(fault, 'AWS::CloudFormation::Stack')}."
        self.stack.outputs = outputs
        self.stack.target, self.stack.tags = target, target.tags
        return None

    def _settle(self, logical_id: str) -> None:
        target, scope = self._wanted
        definition = target.template.resources[logical_id]
        before = self.stack.resources.get(logical_id)
        wanted = Deployed(
            logical_id=logical_id,
            type_name=definition["Type"],
            definition=definition,
            properties={},
            physical=before.physical if before else Physical(""),
            depends_on=frozenset(target.template.dependencies(logical_id)),
            status="CREATE_IN_PROGRESS",
        )
        try:
            wanted.properties = scope.resolve(definition.get("Properties")) or {}
            self._converge(before, wanted)
        except Exception as fault:
            verb = "CREATE" if before is None else "UPDATE"
            self._event(wanted, f"{verb}_FAILED", _reason(fault, wanted.type_name))
            raise _Failed(logical_id) from fault

    def _converge(self, before: Deployed | None, wanted: Deployed) -> None:
        handler = _handler(wanted.type_name)
        if before is None:
            self._create(handler, None, wanted)
        elif before.type_name != wanted.type_name:
            raise ResourceFault(
                "Update of resource type is not permitted. The new template modifies resource type"
            )
        elif before.properties == wanted.properties:
            self.stack.resources[before.logical_id] = replace(
                before, definition=wanted.definition, depends_on=wanted.depends_on
            )
        elif handler.replaces(before.properties, wanted.properties):
            fixed = handler.name_property
            if (
                fixed
                and fixed in wanted.properties
                and wanted.properties[fixed] == before.properties.get(fixed)
            ):
                name = wanted.properties[fixed]
                raise ResourceFault(
                    "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
                    f"Rename {name} and update the stack again."
                )
            self._create(handler, before, wanted)
        else:
            self._event(wanted, "UPDATE_IN_PROGRESS")
            # noted before it is tried: an update that fails half-way is taken back too
            self._steps.append(_Step(before, wanted))
            wanted.physical = handler.update(
                self._request(wanted.logical_id), before.physical, before.properties, wanted.properties
            )
            self._settled(wanted, "UPDATE_COMPLETE")

    def _create(self, handler: ResourceType, before: Deployed | None, wanted: Deployed) -> None:
        verb = "CREATE" if before is None else "UPDATE"
        reason = (
            None
            if before is None
            else ("Requested update requires the creation of a new physical resource; hence creating one.")
        )
        self._event(wanted, f"{verb}_IN_PROGRESS", reason)
        wanted.physical = handler.create(self._request(wanted.logical_id), wanted.properties)
        self._steps.append(_Step(before, wanted, replaced=before is not None))
        self._settled(wanted, f"{verb}_COMPLETE")

    def _settled(self, resource: Deployed, status: str) -> None:
        self.stack.resources[resource.logical_id] = resource
        self._event(resource, status)

    # --- going back

    def _roll_back_update(self, reason: str) -> None:
        stack = self.stack
        stack.move_to("UPDATE_ROLLBACK_IN_PROGRESS", reason)
        failed: list[str] = []
        for step in self._steps:
            if step.before and not step.replaced and not self._restore(step.before, step.after):
                failed.append(step.after.logical_id)
        if failed:
            names = ", ".join(failed)
            stack.move_to("UPDATE_ROLLBACK_FAILED", f"The following resource(s) failed to update: [{names}].")
            return
        stack.move_to("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        self._delete_all(_taken_back(self._steps))
        stack.move_to("UPDATE_ROLLBACK_COMPLETE")

    def _restore(self, before: Deployed, after: Deployed) -> bool:
        self._event(before, "UPDATE_IN_PROGRESS")
        try:
            before.physical = _handler(before.type_name).update(
                self._request(before.logical_id), after.physical, after.properties, before.properties
            )
        except Exception as fault:
            self._event(before, "UPDATE_FAILED", _reason(fault, before.type_name))
            return False
        self._event(before, "UPDATE_COMPLETE")
        return True

    # --- deleting

    def _delete_all(self, doomed: list[_Doomed]) -> list[Deployed]:
        """Delete, dependents first; what could not be deleted, and what those depend on, is returned."""
        kept: list[Deployed] = []
        for one in _dependents_first(doomed):
            resource = one.resource
            if any(resource.logical_id in other.depends_on for other in kept):
                kept.append(resource)
            elif one.retained:
                self._event(resource, "DELETE_SKIPPED")
            elif not self._delete(resource):
                kept.append(resource)
        kept.reverse()
        return kept

    def _delete(self, resource: Deployed) -> bool:
        self._event(resource, "DELETE_IN_PROGRESS")
        try:
            _handler(resource.type_name).delete(
                self._request(resource.logical_id), resource.physical, resource.properties
            )
        except Exception as fault:
            self._event(resource, "DELETE_FAILED", _reason(fault, resource.type_name))
            return False
        self._event(resource, "DELETE_COMPLETE")
        return True

    # --- small things

    def _request(self, logical_id: str) -> Request:
        return Request(self.aws, self.stack.id, self.stack.name, logical_id)

    def _event(self, resource: Deployed, status: str, reason: str | None = None) -> None:
        resource.status, resource.reason, resource.timestamp = status, reason, utcnow()
        self.stack.note(resource.logical_id, resource.physical.id, resource.type_name, status, reason)


def _reason(fault: Exception, type_name: str) -> str:
    if isinstance(fault, ValidationFault):
        return str(fault.message)
    if not isinstance(fault, ResourceFault):
        _log.debug("embedded CloudFormation met a fault with %s", type_name, exc_info=fault)
    return reason_of(fault, type_name)


def _handler(type_name: str) -> ResourceType:
    handler = resource_type(type_name)
    if (
        handler is None
    ):  # requests with such types are refused before, so this is a template from before a change
        raise ResourceFault(f"Embedded AWS does not provide {type_name}")
    return handler


def _taken_back(steps: list[_Step]) -> list[_Doomed]:
    return [
        _Doomed(step.after, "UpdateReplacePolicy" if step.replaced else "DeletionPolicy", just_created=True)
        for step in steps
        if step.made_new
    ]


def _dependents_first(doomed: list[_Doomed]) -> list[_Doomed]:
    """The reverse of an order in which they could have been created."""
    waiting, ordered = list(doomed), []
    while waiting:
        needed = {name for one in waiting for name in one.resource.depends_on - {one.resource.logical_id}}
        free = [one for one in waiting if one.resource.logical_id not in needed]
        # resources of two templates at once may name each other in a circle; any order will do then
        chosen = (free or waiting)[-1]
        waiting.remove(chosen)
        ordered.append(chosen)
    return ordered


def _failed_to_delete(kept: list[Deployed]) -> str | None:
    names = ", ".join(resource.logical_id for resource in kept if resource.status == "DELETE_FAILED")
    return f"The following resource(s) failed to delete: [{names}]. " if kept else None


def resolve_outputs(scope: Scope) -> list[Output]:
    """The outputs whose condition holds."""
    outputs = []
    for key, member in scope.template.outputs.items():
        if scope.holds_for(member):
            value: Any = scope.resolve(member.get("Value"))
            name = scope.resolve((member.get("Export") or {}).get("Name"))
            description = member.get("Description")
            outputs.append(Output(key, str(value), description, str(name) if name is not None else None))
    return outputs
