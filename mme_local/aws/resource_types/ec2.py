"""What EC2's resource types have in common: how they are tagged, and what they refuse."""

from __future__ import annotations

from typing import Any

from mme_local.aws.cloudformation.faults import ResourceFault
from mme_local.aws.cloudformation.resource import Properties, Request


def refuse_others(type_name: str, properties: Properties, provided: frozenset[str]) -> None:
    """Raise for properties that would otherwise have to be left out.

    Raises:
        ResourceFault: names each of them.
    """
    if unknown := sorted(set(properties) - provided):
        raise ResourceFault(f"Embedded AWS does not provide {', '.join(unknown)} of {type_name}")


def specification(kind: str, properties: Properties) -> dict[str, Any]:
    """The `TagSpecifications` of a create call; `kind` is EC2's word for the resource, such as `vpc`."""
    tags = properties.get("Tags")
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]} if tags else {}


def retag(request: Request, id: str, before: Properties, after: Properties) -> None:
    """Bring the tags of the resource from `before` to `after`."""
    old, new = before.get("Tags") or [], after.get("Tags") or []
    kept = {tag["Key"] for tag in new}
    if gone := [{"Key": tag["Key"]} for tag in old if tag["Key"] not in kept]:
        request.aws.call("ec2", "delete_tags", {"Resources": [id], "Tags": gone})
    if new and new != old:
        request.aws.call("ec2", "create_tags", {"Resources": [id], "Tags": new})
