"""Creates the alarms of an endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import jsii
from aws_cdk import Names, aws_cloudwatch
from constructs import Construct

from mme_cdk.monitoring.alarm_thresholds import ALARM_RULES, AlarmRule, AlarmThresholds
from mme_cdk.monitoring.metric_expressions import MetricExpressions

_PERMISSION_BY_ALARM: Final = "@aws-cdk/aws-cloudwatch-actions:changeLambdaPermissionLogicalIdForLambdaAction"


def pascal_case(name: str) -> str:
    """Return a name in kebab case as a construct id: `load-waits` becomes `LoadWaits`."""
    return "".join(part.capitalize() for part in name.split("-"))


def wanted_alarms(
    expressions: MetricExpressions, thresholds: AlarmThresholds
) -> Iterator[tuple[str, AlarmRule, str, float]]:
    """Yield name, rule, severity and threshold of each alarm that the instance type has metrics for.

    Args:
        expressions: Metrics that the alarms watch.
        thresholds: Thresholds of each alarm.
    """
    available = {None: True, "gpu": expressions.has_gpu, "vcpus": expressions.vcpus is not None}
    for prop, rule in ALARM_RULES.items():
        if available[rule.needs]:
            for severity, threshold in thresholds.of(prop).items():
                yield f"{rule.title}-{severity.lower()}", rule, severity, threshold


def create_alarms(
    scope: Construct,
    expressions: MetricExpressions,
    thresholds: AlarmThresholds,
    *,
    name_prefix: str,
    runbook_url: str,
    actions: Mapping[str, Sequence[aws_cloudwatch.IAlarmAction]],
) -> dict[str, list[aws_cloudwatch.Alarm]]:
    """Create an alarm for each threshold; return them by severity in lower case.

    Missing data never breaches: an endpoint without traffic is idle, not broken.

    Args:
        scope: Parent of each alarm.
        expressions: Metrics that the alarms watch.
        thresholds: Thresholds of each alarm.
        name_prefix: Prefix of the alarms' names.
        runbook_url: Page whose sections the descriptions link.
        actions: Actions by severity, taken when an alarm is raised and when it ends.
    """
    operators = aws_cloudwatch.ComparisonOperator
    minutes = expressions.period.to_minutes()
    endpoint_name = expressions.endpoint.endpoint_name
    by_severity = {severity.lower(): found for severity, found in actions.items() if found}
    created: dict[str, list[aws_cloudwatch.Alarm]] = {}
    for name, rule, severity, threshold in wanted_alarms(expressions, thresholds):
        operator = operators.LESS_THAN_THRESHOLD if rule.below else operators.GREATER_THAN_THRESHOLD
        alarm = aws_cloudwatch.Alarm(
            scope,
            pascal_case(name),
            alarm_name=f"{name_prefix}-{name}",
            alarm_description=(
                f"[{severity}] {endpoint_name}: {rule.condition(threshold, minutes)}. "
                f"Runbook: {runbook_url}#{rule.title}"
            ),
            metric=rule.expression(expressions, rule.metric),
            threshold=threshold,
            comparison_operator=operator,
            evaluation_periods=rule.periods,
            datapoints_to_alarm=rule.periods,
            treat_missing_data=aws_cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        if severity.lower() in by_severity:
            bound = [_bound(scope, alarm, action) for action in by_severity[severity.lower()]]
            alarm.add_alarm_action(*bound)
            alarm.add_ok_action(*bound)
        created.setdefault(severity.lower(), []).append(alarm)
    return created


@jsii.implements(aws_cloudwatch.IAlarmAction)
class _BoundAction:
    """An action whose permissions exist."""

    def __init__(self, config: aws_cloudwatch.AlarmActionConfig) -> None:
        self._config = config

    def bind(self, *_: object) -> aws_cloudwatch.AlarmActionConfig:
        return self._config


def _bound(
    scope: Construct, alarm: aws_cloudwatch.Alarm, action: aws_cloudwatch.IAlarmAction
) -> aws_cloudwatch.IAlarmAction:
    """Return the action of a Lambda function with a permission for this alarm; other actions as they are.

    CDK names a function's permission by the alarm's id, which two endpoints' alarms share; without a feature
    flag it gives all alarms the same name. Here it sees an import of the alarm with an id of its own.
    """
    from aws_cdk import aws_cloudwatch_actions

    if not isinstance(action, aws_cloudwatch_actions.LambdaAction):
        return action
    place = Construct(scope, f"Function{len(scope.node.children)}")
    place.node.set_context(_PERMISSION_BY_ALARM, True)
    known_as = aws_cloudwatch.Alarm.from_alarm_arn(
        place, f"{Names.unique_resource_name(alarm, max_length=200)}", alarm.alarm_arn
    )
    return _BoundAction(action.bind(place, known_as))
