"""AWS::KMS::Key and Alias."""

from __future__ import annotations

from mme_local.aws.resource_types.api_type import ApiType, Calls
from mme_local.aws.resource_types.handler import Physical, ResourceRequest

_PENDING_DAYS = 30  # ScheduleKeyDeletion's default


class KeyType(ApiType):
    """A key. Ref is its id; deleting it schedules its deletion, as on AWS."""

    def update(self, request: ResourceRequest) -> Physical:
        key, after = request.physical.id, request.properties
        if "KeyPolicy" in request.changed and "KeyPolicy" in after:
            request.call("kms", "put_key_policy", KeyId=key, PolicyName="default", Policy=after["KeyPolicy"])
        request.call("kms", "update_key_description", KeyId=key, Description=after.get("Description", ""))
        return super().update(request)

    def delete(self, request: ResourceRequest) -> None:
        days = request.properties.get("PendingWindowInDays", _PENDING_DAYS)
        request.call("kms", "schedule_key_deletion", KeyId=request.physical.id, PendingWindowInDays=days)

    def settle(self, request: ResourceRequest, id: str) -> None:
        rotated = _true(request.properties.get("EnableKeyRotation"))
        request.call("kms", "enable_key_rotation" if rotated else "disable_key_rotation", KeyId=id)
        enabled = _true(request.properties.get("Enabled", True))
        request.call("kms", "enable_key" if enabled else "disable_key", KeyId=id)


def _true(value: object) -> bool:
    return str(value).lower() == "true"


TYPES = {
    "AWS::KMS::Alias": ApiType(
        Calls("kms", "create_alias", "delete_alias", "AliasName"),
        update="update_alias",
        named="AliasName",
        tagged=False,
    ),
    "AWS::KMS::Key": KeyType(
        Calls("kms", "create_key", "schedule_key_deletion", "KeyId"),
        "{answer[KeyMetadata][KeyId]}",
        attributes={"Arn": "{answer[KeyMetadata][Arn]}", "KeyId": "{id}"},
        create_only=("KeySpec", "KeyUsage", "MultiRegion", "Origin"),
        renamed={"KeyPolicy": "Policy"},
        separate=("EnableKeyRotation", "Enabled", "PendingWindowInDays"),
        provided=("Description", "KeyPolicy", "Tags"),
    ),
}
