"""What one alarm watches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from aws_cdk import aws_cloudwatch

from mme_cdk.monitoring.metric_expressions import MetricExpressions


@dataclass(frozen=True, kw_only=True)
class AlarmRule:
    """One kind of alarm.

    Attributes:
        title: Part of the alarm's name and its section in the runbook, in kebab case.
        metric: What is compared with the threshold, such as `p99 ModelLatency`.
        expression: Makes the metric from the expressions and its label.
        unit: Unit of the thresholds: `%` or `s`.
        low: Lowest valid threshold.
        high: Highest valid threshold.
        below: Whether values below the threshold raise the alarm, instead of values above it.
        periods: Consecutive periods that must breach.
        needs: What must be known of the instance type: its GPU, or its number of vCPUs.
        defaults: Threshold by severity.
    """

    title: str
    metric: str
    expression: Callable[[MetricExpressions, str], aws_cloudwatch.IMetric]
    unit: str = "%"
    low: float = 1
    high: float = 100
    below: bool = False
    periods: int = 3
    needs: Literal["gpu", "vcpus"] | None = None
    defaults: Mapping[str, float]

    def condition(self, threshold: float, minutes: float) -> str:
        """Return the condition as people read it: `p99 ModelLatency > 10 s for 3 min`.

        Args:
            threshold: In the rule's unit.
            minutes: Length of one period.
        """
        sign = "<" if self.below else ">"
        return f"{self.metric} {sign} {threshold:g} {self.unit} for {self.periods * minutes:g} min"
