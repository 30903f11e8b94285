"""AWS::Events::Rule."""

from __future__ import annotations

from mme_local.aws.resource_types.api_type import ApiType, Calls
from mme_local.aws.resource_types.handler import Properties, ResourceRequest


class EventRuleType(ApiType):
    """A rule with its targets. Ref is its name."""

    def delete(self, request: ResourceRequest) -> None:
        name, bus = request.physical.id, request.select("EventBusName")
        self._remove(request, name, _targets(request.properties))
        request.call("events", "delete_rule", Name=name, **bus)

    def settle(self, request: ResourceRequest, id: str) -> None:
        self._remove(request, id, _targets(request.previous) - _targets(request.properties))
        if targets := request.properties.get("Targets"):
            bus = request.select("EventBusName")
            request.call("events", "put_targets", Rule=id, Targets=targets, **bus)

    def _remove(self, request: ResourceRequest, name: str, ids: set[str]) -> None:
        if ids:
            bus = request.select("EventBusName")
            request.call("events", "remove_targets", Rule=name, Ids=sorted(ids), **bus)


def _targets(properties: Properties) -> set[str]:
    return {target["Id"] for target in properties.get("Targets") or []}


TYPES = {
    "AWS::Events::Rule": EventRuleType(
        Calls("events", "put_rule", "delete_rule", "Name"),
        update="put_rule",
        attributes={"Arn": "{answer[RuleArn]}", "Name": "{id}"},
        named="Name",
        longest=64,
        create_only=("EventBusName",),
        separate=("Targets",),
    )
}
