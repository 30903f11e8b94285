"""The alarms of an endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from aws_cdk import aws_cloudwatch
from constructs import Construct

from mme_cdk.monitoring.alarm_actions import AlarmActions
from mme_cdk.monitoring.alarm_rules import ALARM_RULES, AlarmRule
from mme_cdk.monitoring.alarm_thresholds import AlarmThresholds
from mme_cdk.monitoring.figures import Figures
from mme_cdk.monitoring.metrics import MonitoringMetrics


class EndpointAlarm:
    """One alarm, defined by its resource: CDK's `Alarm`, its metrics and actions are five calls to CDK.

    Attributes:
        resource: what is in the template.
    """

    def __init__(self, scope: Construct, resource: aws_cloudwatch.CfnAlarm) -> None:
        """Take what the factory made.

        Args:
            scope: of the alarm only.
            resource: in that scope.
        """
        self._scope = scope
        self.resource = resource

    @cached_property
    def reference(self) -> aws_cloudwatch.IAlarm:
        """As other constructs take it; who uses it depends on the resource."""
        return aws_cloudwatch.Alarm.from_alarm_name(self._scope, "Alarm", self.resource.ref)


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
        self._actions = AlarmActions(actions)

    def alarms(
        self, thresholds: AlarmThresholds, *, has_gpu: bool, cpu_known: bool
    ) -> dict[str, list[EndpointAlarm]]:
        """One for each threshold, by severity in lower case.

        Args:
            thresholds: that hold, without fault.
            has_gpu: whether there are GPU metrics.
            cpu_known: whether the share of processors in use is known.
        """
        made: dict[str, list[EndpointAlarm]] = {}
        for rule in ALARM_RULES:
            if (rule.gpu and not has_gpu) or (rule.prop == "cpu_percent" and not cpu_known):
                continue
            limits = thresholds.of(rule)
            if not limits:
                continue
            watched = self._metrics.watched(rule.figure(self._figures))
            for severity, threshold in limits.items():
                made.setdefault(severity.lower(), []).append(self._alarm(rule, watched, severity, threshold))
        return made

    def _alarm(
        self, rule: AlarmRule, watched: list[dict[str, Any]], severity: str, threshold: float
    ) -> EndpointAlarm:
        id = "".join(part.capitalize() for part in f"{rule.title}-{severity.lower()}".split("-"))
        name = f"{self._name_prefix}-{rule.title}-{severity.lower()}"
        scope = Construct(self._scope, id)
        actions = self._actions.arns(severity, scope, id, name)
        resource = aws_cloudwatch.CfnAlarm(
            scope,
            "Resource",
            alarm_name=name,
            alarm_description=self._description(rule, severity, threshold),
            metrics=watched,
            threshold=threshold,
            comparison_operator="LessThanThreshold" if rule.below else "GreaterThanThreshold",
            evaluation_periods=rule.periods,
            datapoints_to_alarm=rule.periods,
            treat_missing_data="notBreaching",
            alarm_actions=actions,
            ok_actions=actions,
        )
        return EndpointAlarm(scope, resource)

    def _description(self, rule: AlarmRule, severity: str, threshold: float) -> str:
        side = "below" if rule.below else "above"
        return (
            f"[{severity}] {self._endpoint_name}: {rule.meaning}, is {side} {threshold:g} {rule.unit} "
            f"for {rule.periods} periods. What to do: {self._runbook_url}#{rule.title}"
        )
