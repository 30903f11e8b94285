"""AWS::CloudWatch::Alarm, CompositeAlarm, Dashboard and InsightRule. Ref of each is its name.

Composite alarms, dashboards and Contributor Insights rules are described, but not evaluated.
"""

from __future__ import annotations

from mme_local.aws.resource_types.api_type import ApiType, Calls

_ALARM = {"Arn": "arn:aws:cloudwatch:{region}:{account}:alarm:{id}"}
_INSIGHT_RULE = {"Arn": "arn:aws:cloudwatch:{region}:{account}:insight-rule/{id}", "RuleName": "{id}"}

TYPES = {
    "AWS::CloudWatch::Alarm": ApiType(
        Calls("cloudwatch", "put_metric_alarm", "delete_alarms", "AlarmNames"),
        update="put_metric_alarm",
        attributes=_ALARM,
        named="AlarmName",
    ),
    "AWS::CloudWatch::CompositeAlarm": ApiType(
        Calls("cloudwatch", "put_composite_alarm", "delete_alarms", "AlarmNames"),
        update="put_composite_alarm",
        attributes=_ALARM,
        named="AlarmName",
    ),
    "AWS::CloudWatch::Dashboard": ApiType(
        Calls("cloudwatch", "put_dashboard", "delete_dashboards", "DashboardNames"),
        update="put_dashboard",
        named="DashboardName",
        tagged=False,
    ),
    "AWS::CloudWatch::InsightRule": ApiType(
        Calls("cloudwatch", "put_insight_rule", "delete_insight_rules", "RuleNames"),
        update="put_insight_rule",
        attributes=_INSIGHT_RULE,
        named="RuleName",
        renamed={"RuleBody": "RuleDefinition"},
        tagged=False,
    ),
}
