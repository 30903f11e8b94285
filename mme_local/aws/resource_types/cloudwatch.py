"""AWS::CloudWatch::Alarm, CompositeAlarm and InsightRule."""

from __future__ import annotations

from collections.abc import Callable

from mme_local.aws.cloudformation.resource import Physical, Properties, Request, ResourceType

_LONGEST_NAME = 255


class Alarm:
    """A metric alarm. Ref is its name."""

    name_property = "AlarmName"

    def replaces(self, before: Properties, after: Properties) -> bool:
        """Only a change of the name."""
        return before.get("AlarmName") != after.get("AlarmName")

    def create(self, request: Request, properties: Properties) -> Physical:
        """PutMetricAlarm, whose parameters are the template's properties."""
        name = properties.get("AlarmName") or request.generated_name(_LONGEST_NAME)
        return self._put(request, name, properties)

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:  # noqa: ARG002
        """PutMetricAlarm of the same name, which replaces its content."""
        return self._put(request, physical.id, after)

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """DeleteAlarms."""
        request.aws.call("cloudwatch", "delete_alarms", {"AlarmNames": [physical.id]})

    def _put(self, request: Request, name: str, properties: Properties) -> Physical:
        request.aws.call("cloudwatch", "put_metric_alarm", {**properties, "AlarmName": name})
        described = request.aws.call("cloudwatch", "describe_alarms", {"AlarmNames": [name]})
        return Physical(name, {"Arn": described["MetricAlarms"][0]["AlarmArn"]})


class CompositeAlarm(Alarm):
    """An alarm whose rule is about others. Ref is its name."""

    def _put(self, request: Request, name: str, properties: Properties) -> Physical:
        request.aws.call("cloudwatch", "put_composite_alarm", {**properties, "AlarmName": name})
        asked = {"AlarmNames": [name], "AlarmTypes": ["CompositeAlarm"]}
        described = request.aws.call("cloudwatch", "describe_alarms", asked)
        return Physical(name, {"Arn": described["CompositeAlarms"][0]["AlarmArn"]})


class InsightRule:
    """A Contributor Insights rule: kept and described; nothing counts its contributors. Ref is its name."""

    name_property = "RuleName"

    def replaces(self, before: Properties, after: Properties) -> bool:
        """Only a change of the name."""
        return before.get("RuleName") != after.get("RuleName")

    def create(self, request: Request, properties: Properties) -> Physical:
        """PutInsightRule."""
        return self._put(request, str(properties["RuleName"]), properties)

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:  # noqa: ARG002
        """PutInsightRule of the same name, which replaces its content."""
        return self._put(request, physical.id, after)

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """DeleteInsightRules."""
        request.aws.call("cloudwatch", "delete_insight_rules", {"RuleNames": [physical.id]})

    def _put(self, request: Request, name: str, properties: Properties) -> Physical:
        rule = {
            "RuleName": name,
            "RuleState": properties["RuleState"],
            "RuleDefinition": properties["RuleBody"],
            "Tags": properties.get("Tags") or [],
        }
        request.aws.call("cloudwatch", "put_insight_rule", rule)
        arn = f"arn:aws:cloudwatch:{request.region}:{request.account}:insight-rule/{name}"
        return Physical(name, {"Arn": arn, "RuleName": name})


TYPES: dict[str, Callable[[], ResourceType]] = {
    "AWS::CloudWatch::Alarm": Alarm,
    "AWS::CloudWatch::CompositeAlarm": CompositeAlarm,
    "AWS::CloudWatch::InsightRule": InsightRule,
}
