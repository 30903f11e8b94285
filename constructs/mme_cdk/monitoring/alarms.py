"""The alarms of an endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import aws_cloudwatch
from constructs import Construct

from mme_cdk.monitoring.alarm_rules import ALARM_RULES, AlarmRule
from mme_cdk.monitoring.alarm_thresholds import AlarmThresholds
from mme_cdk.monitoring.figures import Figures
from mme_cdk.monitoring.metrics import MonitoringMetrics

_Comparison = aws_cloudwatch.ComparisonOperator


class AlarmFactory:
    """Makes the alarms of one endpoint, all in one manner.

    An alarm never goes off for want of data: an endpoint without traffic is quiet, not broken.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        figures: Figures,
        metrics: MonitoringMetrics,
        endpoint_name: str,
        name_prefix: str,
        runbook_url: str,
        actions: Mapping[str, Sequence[aws_cloudwatch.IAlarmAction]],
    ) -> None:
        """Take what the alarms have in common.

        Args:
            scope: the parent of each.
            figures: what they watch.
            metrics: of the endpoint.
            endpoint_name: for their descriptions.
            name_prefix: of their names.
            runbook_url: the page whose sections they link.
            actions: by severity, taken when an alarm goes off and when it is over.
        """
        self._scope = scope
        self._figures = figures
        self._metrics = metrics
        self._endpoint_name = endpoint_name
        self._name_prefix = name_prefix
        self._runbook_url = runbook_url
        self._actions = {severity.lower(): list(found) for severity, found in actions.items()}

    def alarms(
        self, thresholds: AlarmThresholds, *, has_gpu: bool, cpu_known: bool
    ) -> dict[str, list[aws_cloudwatch.Alarm]]:
        """One for each threshold, by severity in lower case.

        Args:
            thresholds: that hold, without fault.
            has_gpu: whether there are GPU metrics.
            cpu_known: whether the share of processors in use is known.
        """
        made: dict[str, list[aws_cloudwatch.Alarm]] = {}
        for rule in ALARM_RULES:
            if (rule.gpu and not has_gpu) or (rule.prop == "cpu_percent" and not cpu_known):
                continue
            limits = thresholds.of(rule)
            if not limits:
                continue
            # One figure for the alarms of all severities: every object costs at synthesis.
            figure = self._metrics.metric(rule.figure(self._figures))
            for severity, threshold in limits.items():
                made.setdefault(severity.lower(), []).append(self._alarm(rule, figure, severity, threshold))
        return made

    def _alarm(
        self, rule: AlarmRule, figure: aws_cloudwatch.IMetric, severity: str, threshold: float
    ) -> aws_cloudwatch.Alarm:
        alarm = aws_cloudwatch.Alarm(
            self._scope,
            "".join(part.capitalize() for part in f"{rule.title}-{severity.lower()}".split("-")),
            alarm_name=f"{self._name_prefix}-{rule.title}-{severity.lower()}",
            alarm_description=self._description(rule, severity, threshold),
            metric=figure,
            threshold=threshold,
            comparison_operator=_Comparison.LESS_THAN_THRESHOLD
            if rule.below
            else _Comparison.GREATER_THAN_THRESHOLD,
            evaluation_periods=rule.periods,
            datapoints_to_alarm=rule.periods,
            treat_missing_data=aws_cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        for action in self._actions.get(severity.lower(), ()):
            alarm.add_alarm_action(action)
            alarm.add_ok_action(action)
        return alarm

    def _description(self, rule: AlarmRule, severity: str, threshold: float) -> str:
        side = "below" if rule.below else "above"
        return (
            f"[{severity}] {self._endpoint_name}: {rule.meaning}, is {side} {threshold:g} {rule.unit} "
            f"for {rule.periods} periods. What to do: {self._runbook_url}#{rule.title}"
        )
