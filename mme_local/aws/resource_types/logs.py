"""AWS::Logs::LogGroup."""

from __future__ import annotations

from mme_local.aws.resource_types.api_type import ApiType, Calls
from mme_local.aws.resource_types.handler import ResourceRequest


class LogGroupType(ApiType):
    """A log group with its retention. Ref is its name."""

    def settle(self, request: ResourceRequest, id: str) -> None:
        days = request.properties.get("RetentionInDays")
        if days is None:
            request.call("logs", "delete_retention_policy", logGroupName=id)
        else:
            request.call("logs", "put_retention_policy", logGroupName=id, retentionInDays=days)


TYPES = {
    "AWS::Logs::LogGroup": LogGroupType(
        Calls("logs", "create_log_group", "delete_log_group", "logGroupName"),
        attributes={"Arn": "arn:aws:logs:{region}:{account}:log-group:{id}:*"},
        named="LogGroupName",
        longest=512,
        create_only=("KmsKeyId",),  # moto takes the key on create only
        separate=("RetentionInDays",),
        provided=("Tags",),
    )
}
