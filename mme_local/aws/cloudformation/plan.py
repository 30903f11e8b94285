"""What a change set would do, without doing it."""

from __future__ import annotations

from collections.abc import Callable

from mme_local.aws.cloudformation.intrinsics import Referable, Scope, UnknownResource
from mme_local.aws.cloudformation.registry import resource_type
from mme_local.aws.cloudformation.resource import Deployed, changed
from mme_local.aws.cloudformation.stack import PlannedChange, Stack
from mme_local.aws.cloudformation.template import Template

ScopeMaker = Callable[[Callable[[str], Referable]], Scope]


def plan(stack: Stack, template: Template, scope_with: ScopeMaker) -> list[PlannedChange]:
    """Each resource that the template would add, modify or remove, in the order of the template.

    Args:
        stack: as it is now.
        template: what it would become.
        scope_with: makes the template's scope, given what its references to resources mean.
    """
    fresh: set[str] = set()

    def referable(logical_id: str) -> Referable:
        if logical_id in fresh or logical_id not in stack.resources:
            return UnknownResource()
        return stack.resources[logical_id]

    scope = scope_with(referable)
    active = scope.active()
    changes: list[PlannedChange] = []
    for logical_id in template.order(active):
        change = _planned(logical_id, stack.resources.get(logical_id), scope)
        if change is not None:
            changes.append(change)
            if change.action == "Add" or change.replacement:
                fresh.add(logical_id)
    gone = [resource for name, resource in stack.resources.items() if name not in active]
    changes += [PlannedChange("Remove", one.logical_id, one.physical.id, one.type_name) for one in gone]
    return changes


def _planned(logical_id: str, before: Deployed | None, scope: Scope) -> PlannedChange | None:
    definition = scope.template.resources[logical_id]
    if before is None:
        return PlannedChange("Add", logical_id, None, definition["Type"])
    after = scope.resolve(definition.get("Properties")) or {}
    differing = changed(before.properties, after)
    if not differing:
        return None
    handler = resource_type(before.type_name)
    replacement = handler is not None and handler.replaces(before.properties, after)
    return PlannedChange(
        "Modify", logical_id, before.physical.id, before.type_name, replacement, tuple(sorted(differing))
    )
