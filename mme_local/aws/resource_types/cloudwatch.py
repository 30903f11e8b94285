"""AWS::CloudWatch::Alarm, CompositeAlarm and InsightRule. Ref of each is its name."""

from __future__ import annotations

from mme_local.aws.resource_types.handler import Physical, ResourceRequest, ResourceType

_LONGEST_NAME = 255


class AlarmType(ResourceType):
    """A metric alarm; the properties are the API's parameters."""

    name_property = "AlarmName"
    create_only = frozenset({"AlarmName"})
    _PUT = "put_metric_alarm"
    _KIND = "MetricAlarm"

    def create(self, request: ResourceRequest) -> Physical:
        return self._put(request, request.name("AlarmName", _LONGEST_NAME))

    def update(self, request: ResourceRequest) -> Physical:
        return self._put(request, request.physical.id)

    def delete(self, request: ResourceRequest) -> None:
        request.call("cloudwatch", "delete_alarms", AlarmNames=[request.physical.id])

    def _put(self, request: ResourceRequest, name: str) -> Physical:
        request.call("cloudwatch", self._PUT, **{**request.properties, "AlarmName": name})
        described = request.call("cloudwatch", "describe_alarms", AlarmNames=[name], AlarmTypes=[self._KIND])
        return Physical(name, {"Arn": described[f"{self._KIND}s"][0]["AlarmArn"]})


class CompositeAlarmType(AlarmType):
    """A composite alarm, which is described but not evaluated."""

    _PUT = "put_composite_alarm"
    _KIND = "CompositeAlarm"


class InsightRuleType(ResourceType):
    """A Contributor Insights rule, which is described but counts nothing."""

    name_property = "RuleName"
    create_only = frozenset({"RuleName"})

    def create(self, request: ResourceRequest) -> Physical:
        name = str(request.properties["RuleName"])
        request.call(
            "cloudwatch",
            "put_insight_rule",
            RuleName=name,
            RuleState=request.properties["RuleState"],
            RuleDefinition=request.properties["RuleBody"],
            Tags=request.properties.get("Tags") or [],
        )
        arn = f"arn:aws:cloudwatch:{request.region}:{request.account}:insight-rule/{name}"
        return Physical(name, {"Arn": arn, "RuleName": name})

    def update(self, request: ResourceRequest) -> Physical:
        return self.create(request)

    def delete(self, request: ResourceRequest) -> None:
        request.call("cloudwatch", "delete_insight_rules", RuleNames=[request.physical.id])
