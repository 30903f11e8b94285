"""AWS::Events::Rule."""

from __future__ import annotations

from mme_local.aws.resource_types.handler import (
    Physical,
    Properties,
    ResourceRequest,
    ResourceType,
    json_text,
)

_LONGEST_NAME = 64


class EventRuleType(ResourceType):
    """A rule with its targets. Ref is its name."""

    name_property = "Name"
    create_only = frozenset({"Name", "EventBusName"})

    def create(self, request: ResourceRequest) -> Physical:
        return self._put(request, request.name("Name", _LONGEST_NAME))

    def update(self, request: ResourceRequest) -> Physical:
        self._remove(request, _targets(request.previous) - _targets(request.properties))
        return self._put(request, request.physical.attributes["Name"])

    def delete(self, request: ResourceRequest) -> None:
        self._remove(request, _targets(request.properties))
        name = request.physical.attributes["Name"]
        request.call("events", "delete_rule", Name=name, **request.select("EventBusName"))

    def _put(self, request: ResourceRequest, name: str) -> Physical:
        rule = request.without("Targets") | {"Name": name}
        if "EventPattern" in rule:
            rule["EventPattern"] = json_text(rule["EventPattern"])
        arn = request.call("events", "put_rule", **rule)["RuleArn"]
        if targets := request.properties.get("Targets"):
            bus = request.select("EventBusName")
            request.call("events", "put_targets", Rule=name, Targets=targets, **bus)
        return Physical(name, {"Arn": arn, "Name": name})

    def _remove(self, request: ResourceRequest, ids: set[str]) -> None:
        if ids:
            name, bus = request.physical.attributes["Name"], request.select("EventBusName")
            request.call("events", "remove_targets", Rule=name, Ids=sorted(ids), **bus)


def _targets(properties: Properties) -> set[str]:
    return {target["Id"] for target in properties.get("Targets") or []}
