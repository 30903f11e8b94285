"""AWS::Events::Rule."""

from __future__ import annotations

import json
from collections.abc import Callable

from mme_local.aws.cloudformation.resource import Physical, Properties, Request, ResourceType, changed

_LONGEST_NAME = 64


class Rule:
    """A rule with its targets. Ref is its name."""

    name_property = "Name"

    def replaces(self, before: Properties, after: Properties) -> bool:
        """A change of the name or the bus."""
        return bool(changed(before, after) & {"Name", "EventBusName"})

    def create(self, request: Request, properties: Properties) -> Physical:
        """PutRule, then its targets."""
        return self._put(request, properties.get("Name") or request.generated_name(_LONGEST_NAME), properties)

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:
        """PutRule of the same name, which replaces its content; targets that are gone are removed."""
        name = physical.attributes["Name"]
        kept = {target["Id"] for target in after.get("Targets") or []}
        self._remove(request, name, before, [id for id in _targets(before) if id not in kept])
        return self._put(request, name, after)

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:
        """DeleteRule, after its targets."""
        name = physical.attributes["Name"]
        self._remove(request, name, properties, _targets(properties))
        request.aws.call("events", "delete_rule", {"Name": name, **_bus(properties)})

    def _put(self, request: Request, name: str, properties: Properties) -> Physical:
        rule = {member: value for member, value in properties.items() if member != "Targets"}
        if "EventPattern" in rule and not isinstance(rule["EventPattern"], str):
            rule["EventPattern"] = json.dumps(rule["EventPattern"])
        arn = request.aws.call("events", "put_rule", {**rule, "Name": name})["RuleArn"]
        if properties.get("Targets"):
            targets = {"Rule": name, "Targets": properties["Targets"], **_bus(properties)}
            request.aws.call("events", "put_targets", targets)
        return Physical(name, {"Arn": arn, "Name": name})

    def _remove(self, request: Request, name: str, properties: Properties, ids: list[str]) -> None:
        if ids:
            request.aws.call("events", "remove_targets", {"Rule": name, "Ids": ids, **_bus(properties)})


def _targets(properties: Properties) -> list[str]:
    return [target["Id"] for target in properties.get("Targets") or []]


def _bus(properties: Properties) -> Properties:
    return {"EventBusName": properties["EventBusName"]} if "EventBusName" in properties else {}


TYPES: dict[str, Callable[[], ResourceType]] = {"AWS::Events::Rule": Rule}
