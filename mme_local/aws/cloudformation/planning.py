"""What a change set would do, without doing it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mme.aws.template_resolver import TemplateResolver
from mme_local.aws.cloudformation.stack import DeployedResource, Stack
from mme_local.aws.cloudformation.template import Template
from mme_local.aws.cloudformation.values import PlannedValues, active_resources
from mme_local.aws.resource_types.handler import changed
from mme_local.aws.resource_types.registry import resource_type


def plan(stack: Stack, template: Template, values: PlannedValues) -> list[dict[str, Any]]:
    """Return the members of `Changes`: each resource that the template adds, modifies or removes.

    Args:
        stack: As it is now.
        template: The new template.
        values: What the template refers to.
    """
    resolver = TemplateResolver(template.document, values)
    active = active_resources(template, resolver)
    changes = []
    for logical_id in template.order(active):
        definition, before = template.resources[logical_id], stack.resources.get(logical_id)
        if before is None:
            changes.append(_change("Add", logical_id, definition["Type"]))
            continue
        after = resolver.resolve(definition.get("Properties")) or {}
        if differing := changed(before.properties, after):
            replaced = resource_type(before.resource_type).replaces(before.properties, after)
            if replaced:
                values.replaced.add(logical_id)
            changes.append(_modification(before, replaced, sorted(differing)))
    removed = [resource for name, resource in stack.resources.items() if name not in active]
    return changes + [
        _change("Remove", one.logical_resource_id, one.resource_type, PhysicalResourceId=one.physical.id)
        for one in removed
    ]


def _modification(before: DeployedResource, replaced: bool, properties: Iterable[str]) -> dict[str, Any]:
    recreation = "Always" if replaced else "Never"
    details = [
        {
            "Target": {"Attribute": "Properties", "Name": name, "RequiresRecreation": recreation},
            "Evaluation": "Static",
            "ChangeSource": "DirectModification",
        }
        for name in properties
    ]
    return _change(
        "Modify",
        before.logical_resource_id,
        before.resource_type,
        PhysicalResourceId=before.physical.id,
        Replacement=str(replaced),
        Scope=["Properties"],
        Details=details,
    )


def _change(action: str, logical_id: str, type_name: str, **more: Any) -> dict[str, Any]:
    change = {"Action": action, "LogicalResourceId": logical_id, "ResourceType": type_name, **more}
    return {"Type": "Resource", "ResourceChange": change}
