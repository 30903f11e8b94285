"""Tags of EC2's resources."""

from __future__ import annotations

from typing import Any

from mme_local.aws.resource_types.handler import Physical, ResourceRequest, ResourceType


class TaggedType(ResourceType):
    """A type of which only the tags change in place."""

    def update(self, request: ResourceRequest) -> Physical:
        update_tags(request)
        return request.physical


def tag_specifications(kind: str, request: ResourceRequest) -> dict[str, Any]:
    """Return the `TagSpecifications` of a create call.

    Args:
        kind: EC2's name of the resource, for example `vpc`.
        request: Has the tags.
    """
    tags = request.properties.get("Tags")
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]} if tags else {}


def update_tags(request: ResourceRequest) -> None:
    """Change the resource's tags to the wanted ones."""
    resources = [request.physical.id]
    if gone := [{"Key": key} for key in request.removed_tags]:
        request.call("ec2", "delete_tags", Resources=resources, Tags=gone)
    tags = request.properties.get("Tags")
    if tags and tags != request.previous.get("Tags"):
        request.call("ec2", "create_tags", Resources=resources, Tags=tags)
