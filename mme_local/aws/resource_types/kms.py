"""AWS::KMS::Key and Alias."""

from __future__ import annotations

from typing import Any

from mme_local.aws.resource_types.handler import (
    Physical,
    ResourceRequest,
    ResourceType,
    changed,
    json_text,
    tags,
)

_PENDING_DAYS = 30  # ScheduleKeyDeletion's default


class KeyType(ResourceType):
    """A key. Ref is its id; deleting it schedules its deletion, as on AWS."""

    create_only = frozenset({"KeySpec", "KeyUsage", "MultiRegion", "Origin"})
    provided = create_only | {
        "Description",
        "EnableKeyRotation",
        "Enabled",
        "KeyPolicy",
        "PendingWindowInDays",
        "Tags",
    }

    def create(self, request: ResourceRequest) -> Physical:
        given = request.select(*self.create_only) | {"Tags": _tags(request)}
        given["Description"] = request.properties.get("Description", "")
        if "KeyPolicy" in request.properties:
            given["Policy"] = json_text(request.properties["KeyPolicy"])
        key = request.call("kms", "create_key", **given)["KeyMetadata"]
        self._set_state(request, key["KeyId"])
        return Physical(key["KeyId"], {"Arn": key["Arn"], "KeyId": key["KeyId"]})

    def update(self, request: ResourceRequest) -> Physical:
        key, after = request.physical.id, request.properties
        if "KeyPolicy" in changed(request.previous, after) and "KeyPolicy" in after:
            policy = json_text(after["KeyPolicy"])
            request.call("kms", "put_key_policy", KeyId=key, PolicyName="default", Policy=policy)
        request.call("kms", "update_key_description", KeyId=key, Description=after.get("Description", ""))
        if gone := request.removed_tags:
            request.call("kms", "untag_resource", KeyId=key, TagKeys=gone)
        if wanted := _tags(request):
            request.call("kms", "tag_resource", KeyId=key, Tags=wanted)
        self._set_state(request, key)
        return request.physical

    def delete(self, request: ResourceRequest) -> None:
        days = request.properties.get("PendingWindowInDays", _PENDING_DAYS)
        key = request.physical.id
        request.call("kms", "schedule_key_deletion", KeyId=key, PendingWindowInDays=days)

    def _set_state(self, request: ResourceRequest, key: str) -> None:
        rotated = _true(request.properties.get("EnableKeyRotation"))
        request.call("kms", "enable_key_rotation" if rotated else "disable_key_rotation", KeyId=key)
        enabled = _true(request.properties.get("Enabled", True))
        request.call("kms", "enable_key" if enabled else "disable_key", KeyId=key)


class AliasType(ResourceType):
    """A key's alias. Ref is its name."""

    name_property = "AliasName"
    create_only = frozenset({"AliasName"})
    delete_call = ("kms", "delete_alias", "AliasName")

    def create(self, request: ResourceRequest) -> Physical:
        request.call("kms", "create_alias", **request.properties)
        return Physical(request.properties["AliasName"])

    def update(self, request: ResourceRequest) -> Physical:
        request.call("kms", "update_alias", **request.properties)
        return request.physical


def _true(value: object) -> bool:
    return str(value).lower() == "true"


def _tags(request: ResourceRequest) -> list[dict[str, Any]]:
    return [{"TagKey": key, "TagValue": value} for key, value in tags(request.properties).items()]
