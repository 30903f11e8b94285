"""The dashboard of an endpoint."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch

from mme_cdk.monitoring.log_queries import LogQuery
from mme_cdk.monitoring.metrics import MonitoringMetrics

_WIDTH = 24
"""Columns of a CloudWatch dashboard."""


class DashboardWidgets:
    """Rows of widgets, from what callers see down to what the instances feel."""

    def __init__(self, metrics: MonitoringMetrics, *, cpu_known: bool, has_gpu: bool) -> None:
        """Take the figures.

        Args:
            metrics: of one variant.
            cpu_known: whether the processors' load is a share of all of them.
            has_gpu: whether there are GPU metrics.
        """
        self._metrics = metrics
        self._cpu_known = cpu_known
        self._has_gpu = has_gpu

    def rows(self) -> list[list[aws_cloudwatch.IWidget]]:
        """The graphs, each row as wide as a dashboard."""
        return [self._callers(), self._models(), self._instances()]

    def _callers(self) -> list[aws_cloudwatch.IWidget]:
        metrics, width = self._metrics, _WIDTH // 3
        requests = [
            metrics.count("Invocations", "All"),
            metrics.count("InvocationsPerInstance", "Per instance"),
        ]
        errors = [
            metrics.count("Invocation5XXErrors", "5xx"),
            metrics.count("InvocationModelErrors", "Model errors"),
            metrics.count("Invocation4XXErrors", "4xx"),
        ]
        latency = [
            *(metrics.seconds("ModelLatency", f"Container {rank}", rank) for rank in ("p50", "p90", "p99")),
            metrics.seconds("OverheadLatency", "Overhead p99", "p99"),
        ]
        return [
            _graph("Requests", requests, width, "per period"),
            _graph("Errors", errors, width, "per period"),
            _graph("Latency", latency, width, "seconds"),
        ]

    def _models(self) -> list[aws_cloudwatch.IWidget]:
        metrics, width = self._metrics, _WIDTH // 4
        waits = [
            metrics.seconds("ModelLoadingWaitTime", "Wait p90", "p90"),
            metrics.seconds("ModelDownloadingTime", "Download p90", "p90"),
            metrics.seconds("ModelLoadingTime", "Load p90", "p90"),
        ]
        churn = [
            metrics.samples("ModelLoadingTime", "Loads"),
            metrics.samples("ModelUnloadingTime", "Unloads"),
        ]
        return [
            _graph("Model in memory", [metrics.cache_hit_percent("Hits")], width, "% of requests", 100),
            _graph("Wait for a load", waits, width, "seconds"),
            _graph("Loads and unloads", churn, width, "per period"),
            # Of all instances: one model on two of them counts twice.
            _graph("Models in memory", [metrics.count("LoadedModelCount", "Loaded")], width, "all instances"),
        ]

    def _instances(self) -> list[aws_cloudwatch.IWidget]:
        metrics, width = self._metrics, _WIDTH // (4 if self._has_gpu else 3)
        cpu_axis, cpu_high = ("%", 100) if self._cpu_known else ("100 for each vCPU", None)
        widgets = [
            _graph("CPU", [metrics.cpu_percent("CPU")], width, cpu_axis, cpu_high),
            _graph("Memory", [metrics.percent("MemoryUtilization", "Memory")], width, "%", 100),
            _graph("Disk", [metrics.percent("DiskUtilization", "Disk")], width, "%", 100),
        ]
        if self._has_gpu:
            gpu = [
                metrics.percent("GPUUtilization", "Load"),
                metrics.percent("GPUMemoryUtilization", "Memory"),
            ]
            widgets.append(_graph("GPU", gpu, width, "%", 100))
        return widgets


def header(endpoint_name: str, runbook_url: str) -> aws_cloudwatch.IWidget:
    """What the dashboard is of, with the way to the runbook."""
    return aws_cloudwatch.TextWidget(
        markdown=f"# {endpoint_name}\nSageMaker multi-model endpoint. What to do when an alarm goes off: "
        f"{runbook_url}",
        width=_WIDTH,
        height=2,
    )


def alarm_states(alarms: Sequence[aws_cloudwatch.IAlarm]) -> aws_cloudwatch.IWidget:
    """Every alarm's state at one glance."""
    return aws_cloudwatch.AlarmStatusWidget(
        title="Alarms", alarms=list(alarms), width=_WIDTH, height=2 + (len(alarms) + 5) // 6
    )


def log_tables(log_group: str, queries: Sequence[LogQuery]) -> list[aws_cloudwatch.IWidget]:
    """What the container's log says of single models: a table for each query."""
    return [
        aws_cloudwatch.LogQueryWidget(
            title=query.title,
            log_group_names=[log_group],
            query_string=query.text,
            view=aws_cloudwatch.LogQueryVisualizationType.TABLE,
            width=_WIDTH // len(queries),
            height=8,
        )
        for query in queries
    ]


def _graph(
    title: str, metrics: Sequence[aws_cloudwatch.IMetric], width: int, label: str, high: float | None = None
) -> aws_cloudwatch.IWidget:
    return aws_cloudwatch.GraphWidget(
        title=title,
        left=list(metrics),
        width=width,
        left_y_axis=aws_cloudwatch.YAxisProps(label=label, min=0, max=high, show_units=False),
    )
