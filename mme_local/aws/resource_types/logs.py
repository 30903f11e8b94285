"""AWS::Logs::LogGroup."""

from __future__ import annotations

from mme_local.aws.resource_types.handler import Physical, ResourceRequest, ResourceType, changed, tags

_LONGEST_NAME = 512


class LogGroupType(ResourceType):
    """A log group with its retention. Ref is its name."""

    name_property = "LogGroupName"
    create_only = frozenset({"LogGroupName", "KmsKeyId"})  # moto takes the key on create only
    provided = create_only | {"RetentionInDays", "Tags"}
    delete_call = ("logs", "delete_log_group", "logGroupName")

    def create(self, request: ResourceRequest) -> Physical:
        name = request.name("LogGroupName", _LONGEST_NAME)
        given = {"logGroupName": name, "tags": tags(request.properties)}
        if key := request.properties.get("KmsKeyId"):
            given["kmsKeyId"] = key
        request.call("logs", "create_log_group", **given)
        self._set_retention(request, name)
        arn = f"arn:aws:logs:{request.region}:{request.account}:log-group:{name}:*"
        return Physical(name, {"Arn": arn})

    def update(self, request: ResourceRequest) -> Physical:
        name = request.physical.id
        self._set_retention(request, name)
        if "Tags" in changed(request.previous, request.properties):
            request.call("logs", "untag_log_group", logGroupName=name, tags=request.removed_tags)
            request.call("logs", "tag_log_group", logGroupName=name, tags=tags(request.properties))
        return request.physical

    def _set_retention(self, request: ResourceRequest, name: str) -> None:
        days = request.properties.get("RetentionInDays")
        if days is None:
            request.call("logs", "delete_retention_policy", logGroupName=name)
        else:
            request.call("logs", "put_retention_policy", logGroupName=name, retentionInDays=days)
