"""The figures that a dashboard shows and alarms watch, made from an endpoint's metrics."""

from __future__ import annotations

from aws_cdk import Duration, aws_cloudwatch

from mme_cdk.endpoint_base import EndpointBase

_MICROSECONDS = 1_000_000


class MonitoringMetrics:
    """Rates, times and shares of one variant, in the units that people think in.

    Every figure is without data where there was no traffic, so silence is never an alarm.
    """

    def __init__(
        self,
        endpoint: EndpointBase,
        *,
        variant_name: str,
        period: Duration,
        vcpus: int | None,
        minimum_requests: int,
    ) -> None:
        """Take an endpoint's metrics.

        Args:
            endpoint: defined here or imported.
            variant_name: which variant's.
            period: of every figure.
            vcpus: of the instance type; None = unknown, and the processors' load is shown as it comes.
            minimum_requests: in a period, below which a share of requests says nothing.
        """
        self._endpoint = endpoint
        self._variant = variant_name
        self._period = period
        self._vcpus = vcpus
        self._minimum = minimum_requests
        self._parts: dict[tuple[str, str], aws_cloudwatch.Metric] = {}

    def count(self, name: str, label: str) -> aws_cloudwatch.Metric:
        """A metric's sum in a period."""
        return self._metric(name, label, "Sum")

    def samples(self, name: str, label: str) -> aws_cloudwatch.Metric:
        """How often a metric came in a period: of a duration, how many of these events there were."""
        return self._metric(name, label, "SampleCount")

    def share_of_requests(self, name: str, label: str, *, statistic: str = "Sum") -> aws_cloudwatch.IMetric:
        """What a metric counts, per 100 requests."""
        part, requests = _id(name, statistic), _id("Invocations", "Sum")
        return self._math(
            f"IF({requests} >= {max(1, self._minimum)}, 100 * FILL({part}, 0) / {requests}, 0)",
            label,
            (name, statistic),
            ("Invocations", "Sum"),
        )

    def seconds(self, name: str, label: str, statistic: str) -> aws_cloudwatch.IMetric:
        """A duration metric, which comes in microseconds, in seconds."""
        return self._math(f"{_id(name, statistic)} / {_MICROSECONDS}", label, (name, statistic))

    def percent(self, name: str, label: str, *, statistic: str = "Average") -> aws_cloudwatch.IMetric:
        """A utilization of the instances, 0 to 100."""
        return self._metric(name, label, statistic)

    def cpu_percent(self, label: str) -> aws_cloudwatch.IMetric:
        """Load of an instance: 0 to 100 of all its vCPUs; of each, where their number is unknown."""
        if not self._vcpus:
            return self._metric("CPUUtilization", label, "Average")
        cpu = ("CPUUtilization", "Average")
        return self._math(f"{_id(*cpu)} / {self._vcpus}", label, cpu)

    def cache_hit_percent(self, label: str) -> aws_cloudwatch.IMetric:
        """Share of requests whose model was in memory, 0 to 100."""
        hits = ("ModelCacheHit", "Average")
        return self._math(f"100 * {_id(*hits)}", label, hits)

    def _metric(self, name: str, label: str, statistic: str) -> aws_cloudwatch.Metric:
        return self._endpoint.metric(
            name, statistic=statistic, label=label, period=self._period, variant_name=self._variant
        )

    def _math(self, expression: str, label: str, *metrics: tuple[str, str]) -> aws_cloudwatch.IMetric:
        used = {_id(name, statistic): self._part(name, statistic) for name, statistic in metrics}
        return aws_cloudwatch.MathExpression(
            expression=expression, label=label, using_metrics=used, period=self._period
        )

    def _part(self, name: str, statistic: str) -> aws_cloudwatch.Metric:
        """A metric that only an expression shows; each is made once, as every object costs at synthesis."""
        if (name, statistic) not in self._parts:
            self._parts[name, statistic] = self._metric(name, name, statistic)
        return self._parts[name, statistic]


def _id(name: str, statistic: str) -> str:
    """What a metric is called in an expression: unique in its graph, a small letter first."""
    return f"{name[0].lower()}{name[1:]}_{statistic.lower()}"
