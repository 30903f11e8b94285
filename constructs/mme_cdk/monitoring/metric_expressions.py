"""The metrics of one variant, in the units that alarms and graphs use."""

from __future__ import annotations

from dataclasses import dataclass, field

from aws_cdk import Duration, aws_cloudwatch

from mme_cdk.endpoint.endpoint_base import EndpointBase

_MICROSECONDS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class MetricExpressions:
    """Rates, times and shares of one variant.

    No expression has data while there is no traffic, so an idle endpoint raises no alarm.

    Attributes:
        endpoint: Defined here or imported.
        variant_name: Variant whose metrics are read.
        period: Period of every metric.
        vcpus: Number of vCPUs of the instance type; None if unknown.
        has_gpu: Whether the instance type has a GPU.
        minimum_requests: Rates are 0 in a period with fewer requests.
    """

    endpoint: EndpointBase
    variant_name: str
    period: Duration
    vcpus: int | None
    has_gpu: bool
    minimum_requests: int
    _metrics: dict[tuple[str, str, str], aws_cloudwatch.Metric] = field(default_factory=dict)

    def metric(self, name: str, statistic: str, label: str = "") -> aws_cloudwatch.Metric:
        """Return a metric as SageMaker publishes it.

        Args:
            name: Such as `ModelLatency`.
            statistic: Such as `p99`; `SampleCount` of a duration counts its events.
            label: Label in graphs. Default: the metric's name.
        """
        key = name, statistic, label or name
        if key not in self._metrics:
            self._metrics[key] = self.endpoint.metric(
                name,
                statistic=statistic,
                label=label or name,
                period=self.period,
                variant_name=self.variant_name,
            )
        return self._metrics[key]

    def rate(self, name: str, label: str, *, statistic: str = "Sum") -> aws_cloudwatch.MathExpression:
        """Return events per 100 requests.

        Args:
            name: Metric that counts the events.
            label: Label in graphs.
            statistic: Statistic that counts them.
        """
        events, requests = _id(name, statistic), _id("Invocations", "Sum")
        return aws_cloudwatch.MathExpression(
            expression=(
                f"IF({requests} >= {self.minimum_requests}, 100 * FILL({events}, 0) / {requests}, 0)"
            ),
            using_metrics={
                events: self.metric(name, statistic),
                requests: self.metric("Invocations", "Sum"),
            },
            label=label,
            period=self.period,
        )

    def seconds(self, name: str, statistic: str, label: str) -> aws_cloudwatch.MathExpression:
        """Return a duration in seconds; SageMaker publishes microseconds.

        Args:
            name: Metric of a duration.
            statistic: Such as `p90`.
            label: Label in graphs.
        """
        return self._scaled(name, statistic, label, f"{{}} / {_MICROSECONDS}")

    def cache_hit_percent(self, label: str) -> aws_cloudwatch.MathExpression:
        """Return the percentage of requests whose model was in memory."""
        return self._scaled("ModelCacheHit", "Average", label, "100 * {}")

    def cpu_percent(self, label: str) -> aws_cloudwatch.IMetric:
        """Return the load of all vCPUs, 0 to 100; of each vCPU, 0 to 100, if their number is unknown."""
        if self.vcpus is None:
            return self.metric("CPUUtilization", "Average", label)
        return self._scaled("CPUUtilization", "Average", label, f"{{}} / {self.vcpus}")

    def _scaled(self, name: str, statistic: str, label: str, template: str) -> aws_cloudwatch.MathExpression:
        id = _id(name, statistic)
        return aws_cloudwatch.MathExpression(
            expression=template.format(id),
            using_metrics={id: self.metric(name, statistic)},
            label=label,
            period=self.period,
        )


def _id(name: str, statistic: str) -> str:
    """Return a metric's id in expressions: unique in a graph, first letter in lower case."""
    return f"{name[0].lower()}{name[1:]}_{statistic.lower()}"
