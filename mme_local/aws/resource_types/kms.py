"""AWS::KMS::Key and Alias."""

from __future__ import annotations

import json
from collections.abc import Callable

from mme_local.aws.cloudformation.faults import ResourceFault
from mme_local.aws.cloudformation.resource import Physical, Properties, Request, ResourceType, changed

_CREATE_ONLY = frozenset({"KeySpec", "KeyUsage", "MultiRegion", "Origin"})
_PROVIDED = _CREATE_ONLY | {
    "Description",
    "EnableKeyRotation",
    "Enabled",
    "KeyPolicy",
    "PendingWindowInDays",
    "Tags",
}
_PENDING_DAYS = 30  # ScheduleKeyDeletion's default


class Key:
    """A key. Ref is its id; deleting it schedules its deletion, as on AWS."""

    name_property = None

    def replaces(self, before: Properties, after: Properties) -> bool:
        """A change of what the key is; its policy, rotation and description change in place."""
        return bool(changed(before, after) & _CREATE_ONLY)

    def create(self, request: Request, properties: Properties) -> Physical:
        """CreateKey, then rotation and state."""
        if unknown := sorted(set(properties) - _PROVIDED):
            raise ResourceFault(f"Embedded AWS does not provide {', '.join(unknown)} of AWS::KMS::Key")
        made = {name: value for name, value in properties.items() if name in _CREATE_ONLY}
        made["Description"] = properties.get("Description", "")
        made["Policy"] = _policy(properties)
        made["Tags"] = _tags(properties)
        made = {name: value for name, value in made.items() if value is not None}
        key = request.aws.call("kms", "create_key", made)["KeyMetadata"]
        self._settle(request, key["KeyId"], properties)
        return Physical(key["KeyId"], {"Arn": key["Arn"], "KeyId": key["KeyId"]})

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:
        """Policy, description, rotation, state and tags."""
        key = {"KeyId": physical.id}
        if (policy := _policy(after)) and policy != _policy(before):
            request.aws.call("kms", "put_key_policy", {**key, "PolicyName": "default", "Policy": policy})
        described = {**key, "Description": after.get("Description", "")}
        request.aws.call("kms", "update_key_description", described)
        gone = [tag["TagKey"] for tag in _tags(before) if tag not in _tags(after)]
        if gone:
            request.aws.call("kms", "untag_resource", {**key, "TagKeys": gone})
        if _tags(after):
            request.aws.call("kms", "tag_resource", {**key, "Tags": _tags(after)})
        self._settle(request, physical.id, after)
        return physical

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:
        """ScheduleKeyDeletion."""
        days = properties.get("PendingWindowInDays", _PENDING_DAYS)
        request.aws.call("kms", "schedule_key_deletion", {"KeyId": physical.id, "PendingWindowInDays": days})

    def _settle(self, request: Request, key_id: str, properties: Properties) -> None:
        rotation = (
            "enable_key_rotation" if _true(properties.get("EnableKeyRotation")) else "disable_key_rotation"
        )
        request.aws.call("kms", rotation, {"KeyId": key_id})
        state = "enable_key" if _true(properties.get("Enabled", True)) else "disable_key"
        request.aws.call("kms", state, {"KeyId": key_id})


class Alias:
    """A key's alias. Ref is its name."""

    name_property = "AliasName"

    def replaces(self, before: Properties, after: Properties) -> bool:
        """A change of the name."""
        return before.get("AliasName") != after.get("AliasName")

    def create(self, request: Request, properties: Properties) -> Physical:
        """CreateAlias."""
        request.aws.call("kms", "create_alias", properties)
        return Physical(properties["AliasName"])

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:  # noqa: ARG002
        """UpdateAlias: another key."""
        request.aws.call("kms", "update_alias", after)
        return physical

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """DeleteAlias."""
        request.aws.call("kms", "delete_alias", {"AliasName": physical.id})


def _true(value: object) -> bool:
    return str(value).lower() == "true"


def _policy(properties: Properties) -> str | None:
    return json.dumps(properties["KeyPolicy"]) if "KeyPolicy" in properties else None


def _tags(properties: Properties) -> list[dict[str, str]]:
    return [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in properties.get("Tags") or []]


TYPES: dict[str, Callable[[], ResourceType]] = {"AWS::KMS::Alias": Alias, "AWS::KMS::Key": Key}
