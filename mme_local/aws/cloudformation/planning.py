"""What a change set would do, without doing it."""

from __future__ import annotations

from mme.aws.template_resolver import TemplateResolver
from mme_local.aws.cloudformation.stack import PlannedChange, Stack
from mme_local.aws.cloudformation.template import Template
from mme_local.aws.cloudformation.values import PlannedValues, active_resources
from mme_local.aws.resource_types.handler import changed
from mme_local.aws.resource_types.registry import resource_type


def plan(stack: Stack, template: Template, values: PlannedValues) -> list[PlannedChange]:
    """Return each resource that the template adds, modifies or removes, in the template's order.

    Args:
        stack: As it is now.
        template: The new template.
        values: What the template refers to.
    """
    resolver = TemplateResolver(template.document, values)
    active = active_resources(template, resolver)
    changes: list[PlannedChange] = []
    for logical_id in template.order(active):
        definition, before = template.resources[logical_id], stack.resources.get(logical_id)
        if before is None:
            changes.append(PlannedChange("Add", logical_id, None, definition["Type"]))
            continue
        after = resolver.resolve(definition.get("Properties")) or {}
        if differing := changed(before.properties, after):
            replaced = resource_type(before.resource_type).replaces(before.properties, after)
            if replaced:
                values.replaced.add(logical_id)
            changes.append(
                PlannedChange(
                    "Modify",
                    logical_id,
                    before.physical.id,
                    before.resource_type,
                    replaced,
                    tuple(sorted(differing)),
                )
            )
    gone = [resource for name, resource in stack.resources.items() if name not in active]
    return changes + [
        PlannedChange("Remove", one.logical_resource_id, one.physical.id, one.resource_type) for one in gone
    ]
