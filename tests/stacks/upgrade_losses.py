"""Losses of an update from one template to another: resources deleted, replaced or left unprotected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

Template = Mapping[str, Any]

# These hold no state and are replaced by design: the first two are never named, so that they can be.
REPLACEABLE = frozenset({"AWS::SageMaker::Model", "AWS::SageMaker::EndpointConfig", "AWS::IAM::Policy"})

_KEEPING = {"Retain", "RetainExceptOnCreate", "Snapshot"}


def losses(before: Template, after: Template) -> list[str]:
    """Each loss in a line; what a property's change means comes from CloudFormation's own schemas."""
    return [*_exports_lost(before, after), *_resources_lost(before, after)]


def _resources_lost(before: Template, after: Template) -> Iterator[str]:
    for name, old in before["Resources"].items():
        kind = old["Type"]
        if kind in REPLACEABLE:
            continue
        new = after["Resources"].get(name)
        if new is None or new["Type"] != kind:
            yield f"{name} ({kind}) is deleted"
            continue
        yield from (
            f"{name} ({kind}) is replaced: {pointer} changed"
            for pointer in _fixed_at_creation(kind)
            if _at(old, pointer) != _at(new, pointer)
        )
        yield from (
            f"{name} ({kind}) is no longer retained: {policy} is {new.get(policy)}"
            for policy in ("DeletionPolicy", "UpdateReplacePolicy")
            if old.get(policy) in _KEEPING and new.get(policy) not in _KEEPING
        )


def _exports_lost(before: Template, after: Template) -> Iterator[str]:
    """An export that goes while the other stack still imports it blocks the deployment of both."""
    exported = {output["Export"]["Name"] for output in _outputs(after) if "Export" in output}
    for output in _outputs(before):
        if "Export" in output and output["Export"]["Name"] not in exported:
            yield f"export {output['Export']['Name']} is gone"


def _outputs(template: Template) -> list[dict[str, Any]]:
    return list(template.get("Outputs", {}).values())


@cache
def _fixed_at_creation(kind: str) -> tuple[str, ...]:
    """JSON pointers of the properties that only a new resource can have otherwise."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    return (*schema.get("createOnlyProperties", ()), *schema.get("conditionalCreateOnlyProperties", ()))


def _at(resource: Mapping[str, Any], pointer: str) -> Any:
    """Return the value at the pointer, or the function or list that hides it."""
    found: Any = resource.get("Properties", {})
    for step in pointer.removeprefix("/properties/").split("/"):
        if not isinstance(found, dict) or any(key == "Ref" or key.startswith("Fn::") for key in found):
            return found
        found = found.get(step)
    return found
