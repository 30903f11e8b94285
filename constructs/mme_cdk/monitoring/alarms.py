"""The alarms of an endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Duration, aws_cloudwatch
from constructs import Construct

from mme_cdk.monitoring.alarm_rule import AlarmRule
from mme_cdk.monitoring.alarm_thresholds import ALARM_RULES, AlarmThresholds
from mme_cdk.monitoring.metric_expressions import MetricExpressions


class AlarmFactory:
    """Creates the alarms of one endpoint.

    Missing data never breaches: an endpoint without traffic is idle, not broken.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        expressions: MetricExpressions,
        period: Duration,
        endpoint_name: str,
        name_prefix: str,
        runbook_url: str,
        actions: Mapping[str, Sequence[aws_cloudwatch.IAlarmAction]],
    ) -> None:
        """Store what the alarms have in common.

        Args:
            scope: Parent of each alarm.
            expressions: Metrics that the alarms watch.
            period: Period of these metrics.
            endpoint_name: Endpoint that the descriptions name.
            name_prefix: Prefix of the alarms' names.
            runbook_url: Page whose sections the descriptions link.
            actions: Actions by severity, taken when an alarm is raised and when it ends.
        """
        self._scope = scope
        self._expressions = expressions
        self._minutes = period.to_minutes()
        self._endpoint_name = endpoint_name
        self._name_prefix = name_prefix
        self._runbook_url = runbook_url
        self._actions = {severity.lower(): list(found) for severity, found in actions.items()}

    def create(
        self, thresholds: AlarmThresholds, *, has_gpu: bool, cpu_known: bool
    ) -> dict[str, list[aws_cloudwatch.Alarm]]:
        """Create an alarm for each threshold; return them by severity in lower case.

        Args:
            thresholds: Valid thresholds.
            has_gpu: Whether the instances have a GPU.
            cpu_known: Whether their number of vCPUs is known.
        """
        available = {"gpu": has_gpu, "vcpus": cpu_known}
        created: dict[str, list[aws_cloudwatch.Alarm]] = {}
        for prop, rule in ALARM_RULES.items():
            limits = thresholds.of(prop)
            if not limits or (rule.needs and not available[rule.needs]):
                continue
            metric = rule.expression(self._expressions, rule.metric)
            for severity, threshold in limits.items():
                alarm = self._alarm(rule, metric, severity, threshold)
                created.setdefault(severity.lower(), []).append(alarm)
        return created

    def _alarm(
        self, rule: AlarmRule, metric: aws_cloudwatch.IMetric, severity: str, threshold: float
    ) -> aws_cloudwatch.Alarm:
        name = f"{rule.title}-{severity.lower()}"
        alarm = aws_cloudwatch.Alarm(
            self._scope,
            "".join(part.capitalize() for part in name.split("-")),
            alarm_name=f"{self._name_prefix}-{name}",
            alarm_description=(
                f"[{severity}] {self._endpoint_name}: {rule.condition(threshold, self._minutes)}. "
                f"Runbook: {self._runbook_url}#{rule.title}"
            ),
            metric=metric,
            threshold=threshold,
            comparison_operator=(
                aws_cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
                if rule.below
                else aws_cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
            ),
            evaluation_periods=rule.periods,
            datapoints_to_alarm=rule.periods,
            treat_missing_data=aws_cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        actions = self._actions.get(severity.lower())
        if actions:
            alarm.add_alarm_action(*actions)
            alarm.add_ok_action(*actions)
        return alarm
