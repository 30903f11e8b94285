"""AWS::Logs::LogGroup."""

from __future__ import annotations

from collections.abc import Callable

from mme_local.aws.cloudformation.faults import ResourceFault
from mme_local.aws.cloudformation.resource import Physical, Properties, Request, ResourceType, changed

_LONGEST_NAME = 512
_PROVIDED = frozenset({"KmsKeyId", "LogGroupName", "RetentionInDays", "Tags"})


class LogGroup:
    """A log group with its retention. Ref is its name."""

    name_property = "LogGroupName"

    def replaces(self, before: Properties, after: Properties) -> bool:
        """A change of the name, or of the key, which moto takes on create only."""
        return bool(changed(before, after) & {"LogGroupName", "KmsKeyId"})

    def create(self, request: Request, properties: Properties) -> Physical:
        """CreateLogGroup, then its retention."""
        if unknown := sorted(set(properties) - _PROVIDED):
            raise ResourceFault(f"Embedded AWS does not provide {', '.join(unknown)} of AWS::Logs::LogGroup")
        name = properties.get("LogGroupName") or request.generated_name(_LONGEST_NAME)
        made = {"logGroupName": name, "tags": _tags(properties)}
        if "KmsKeyId" in properties:
            made["kmsKeyId"] = properties["KmsKeyId"]
        request.aws.call("logs", "create_log_group", made)
        self._retain(request, name, properties)
        arn = f"arn:aws:logs:{request.region}:{request.account}:log-group:{name}:*"
        return Physical(name, {"Arn": arn})

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:
        """Retention and tags."""
        self._retain(request, physical.id, after)
        if before.get("Tags") != after.get("Tags"):
            gone = [key for key in _tags(before) if key not in _tags(after)]
            request.aws.call("logs", "untag_log_group", {"logGroupName": physical.id, "tags": gone})
            request.aws.call("logs", "tag_log_group", {"logGroupName": physical.id, "tags": _tags(after)})
        return physical

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """DeleteLogGroup."""
        request.aws.call("logs", "delete_log_group", {"logGroupName": physical.id})

    def _retain(self, request: Request, name: str, properties: Properties) -> None:
        if "RetentionInDays" in properties:
            kept = {"logGroupName": name, "retentionInDays": properties["RetentionInDays"]}
            request.aws.call("logs", "put_retention_policy", kept)
        else:
            request.aws.call("logs", "delete_retention_policy", {"logGroupName": name})


def _tags(properties: Properties) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in properties.get("Tags") or []}


TYPES: dict[str, Callable[[], ResourceType]] = {"AWS::Logs::LogGroup": LogGroup}
