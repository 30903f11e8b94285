"""The alarms of an endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import aws_cloudwatch
from constructs import Construct

from mme_cdk.monitoring.alarm_rule import AlarmRule
from mme_cdk.monitoring.alarm_thresholds import ALARM_RULES, AlarmThresholds
from mme_cdk.monitoring.metric_expressions import MetricExpressions


@dataclass(frozen=True, kw_only=True)
class AlarmFactory:
    """Creates the alarms of one endpoint.

    Missing data never breaches: an endpoint without traffic is idle, not broken.

    Attributes:
        scope: Parent of each alarm.
        expressions: Metrics that the alarms watch.
        name_prefix: Prefix of the alarms' names.
        runbook_url: Page whose sections the descriptions link.
        actions: Actions by severity, taken when an alarm is raised and when it ends.
    """

    scope: Construct
    expressions: MetricExpressions
    name_prefix: str
    runbook_url: str
    actions: Mapping[str, Sequence[aws_cloudwatch.IAlarmAction]]

    def create(self, thresholds: AlarmThresholds) -> dict[str, list[aws_cloudwatch.Alarm]]:
        """Create an alarm for each threshold; return them by severity in lower case."""
        available = {
            None: True,
            "gpu": self.expressions.has_gpu,
            "vcpus": self.expressions.vcpus is not None,
        }
        created: dict[str, list[aws_cloudwatch.Alarm]] = {}
        for prop, rule in ALARM_RULES.items():
            limits = thresholds.of(prop)
            if not limits or not available[rule.needs]:
                continue
            metric = rule.expression(self.expressions, rule.metric)
            for severity, threshold in limits.items():
                alarm = self._alarm(rule, metric, severity, threshold)
                created.setdefault(severity.lower(), []).append(alarm)
        return created

    def _alarm(
        self, rule: AlarmRule, metric: aws_cloudwatch.IMetric, severity: str, threshold: float
    ) -> aws_cloudwatch.Alarm:
        name = f"{rule.title}-{severity.lower()}"
        condition = rule.condition(threshold, self.expressions.period.to_minutes())
        operators = aws_cloudwatch.ComparisonOperator
        alarm = aws_cloudwatch.Alarm(
            self.scope,
            "".join(part.capitalize() for part in name.split("-")),
            alarm_name=f"{self.name_prefix}-{name}",
            alarm_description=(
                f"[{severity}] {self.expressions.endpoint.endpoint_name}: {condition}. "
                f"Runbook: {self.runbook_url}#{rule.title}"
            ),
            metric=metric,
            threshold=threshold,
            comparison_operator=(
                operators.LESS_THAN_THRESHOLD if rule.below else operators.GREATER_THAN_THRESHOLD
            ),
            evaluation_periods=rule.periods,
            datapoints_to_alarm=rule.periods,
            treat_missing_data=aws_cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        for key, actions in self.actions.items():
            if key.lower() == severity.lower() and actions:
                alarm.add_alarm_action(*actions)
                alarm.add_ok_action(*actions)
        return alarm
