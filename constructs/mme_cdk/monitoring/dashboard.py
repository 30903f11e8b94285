"""The widgets of an endpoint's dashboard, from what callers observe down to the instances."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch

from mme_cdk.monitoring.log_queries import LogQuery
from mme_cdk.monitoring.metric_expressions import MetricExpressions

_COLUMNS = 24  # of a CloudWatch dashboard


def heading_row(endpoint_name: str, runbook_url: str) -> list[aws_cloudwatch.IWidget]:
    """Return the endpoint's name and the link to the runbook.

    Args:
        endpoint_name: Name of the endpoint.
        runbook_url: Page that explains the alarms.
    """
    text = f"# {endpoint_name}\nSageMaker multi-model endpoint. Runbook: {runbook_url}"
    return [aws_cloudwatch.TextWidget(markdown=text, width=_COLUMNS, height=2)]


def alarm_row(alarms: Sequence[aws_cloudwatch.IAlarm]) -> list[aws_cloudwatch.IWidget]:
    """Return the states of these alarms."""
    height = 2 + (len(alarms) + 5) // 6
    return [aws_cloudwatch.AlarmStatusWidget(title="Alarms", alarms=alarms, width=_COLUMNS, height=height)]


def query_rows(queries: Sequence[LogQuery], log_group: str) -> list[list[aws_cloudwatch.IWidget]]:
    """Return the results of log queries as tables, two in a row.

    Args:
        queries: Logs Insights queries.
        log_group: Name of the log group that they read.
    """
    tables: list[aws_cloudwatch.IWidget] = [
        aws_cloudwatch.LogQueryWidget(
            title=query.title,
            log_group_names=[log_group],
            query_string=query.text,
            width=_COLUMNS // 2,
            height=8,
        )
        for query in queries
    ]
    return [tables[start : start + 2] for start in range(0, len(tables), 2)]


def graph_rows(metrics: MetricExpressions) -> list[list[aws_cloudwatch.IWidget]]:
    """Return the graphs of requests, models and instances."""
    return [_requests(metrics), _models(metrics), _instances(metrics)]


def _requests(metrics: MetricExpressions) -> list[aws_cloudwatch.IWidget]:
    requests = [
        metrics.metric("Invocations", "Sum", "All"),
        metrics.metric("InvocationsPerInstance", "Sum", "Per instance"),
    ]
    errors = [
        metrics.metric("Invocation5XXErrors", "Sum", "5xx"),
        metrics.metric("InvocationModelErrors", "Sum", "Model errors"),
        metrics.metric("Invocation4XXErrors", "Sum", "4xx"),
    ]
    latency = [
        *(metrics.seconds("ModelLatency", rank, f"Container {rank}") for rank in ("p50", "p90", "p99")),
        metrics.seconds("OverheadLatency", "p99", "Overhead p99"),
    ]
    width = _COLUMNS // 3
    return [
        _graph("Requests", requests, "per period", width),
        _graph("Errors", errors, "per period", width),
        _graph("Latency", latency, "seconds", width),
    ]


def _models(metrics: MetricExpressions) -> list[aws_cloudwatch.IWidget]:
    waits = [
        metrics.seconds("ModelLoadingWaitTime", "p90", "Wait p90"),
        metrics.seconds("ModelDownloadingTime", "p90", "Download p90"),
        metrics.seconds("ModelLoadingTime", "p90", "Load p90"),
    ]
    churn = [
        metrics.metric("ModelLoadingTime", "SampleCount", "Loads"),
        metrics.metric("ModelUnloadingTime", "SampleCount", "Unloads"),
    ]
    # The sum over all instances: a model on two of them counts twice.
    loaded = metrics.metric("LoadedModelCount", "Sum", "Loaded")
    width = _COLUMNS // 4
    return [
        _graph("Cache hits", [metrics.cache_hit_percent("Hits")], "% of requests", width, 100),
        _graph("Wait for a load", waits, "seconds", width),
        _graph("Loads and unloads", churn, "per period", width),
        _graph("Models in memory", [loaded], "all instances", width),
    ]


def _instances(metrics: MetricExpressions) -> list[aws_cloudwatch.IWidget]:
    memory = metrics.metric("MemoryUtilization", "Average", "Memory")
    disk = metrics.metric("DiskUtilization", "Average", "Disk")
    axis, high = ("%", 100) if metrics.vcpus else ("100 for each vCPU", None)
    width = _COLUMNS // (4 if metrics.has_gpu else 3)
    graphs: list[aws_cloudwatch.IWidget] = [
        _graph("CPU", [metrics.cpu_percent("CPU")], axis, width, high),
        _graph("Memory", [memory], "%", width, 100),
        _graph("Disk", [disk], "%", width, 100),
    ]
    if metrics.has_gpu:
        gpu = [
            metrics.metric("GPUUtilization", "Average", "Load"),
            metrics.metric("GPUMemoryUtilization", "Average", "Memory"),
        ]
        graphs.append(_graph("GPU", gpu, "%", width, 100))
    return graphs


def _graph(
    title: str, lines: Sequence[aws_cloudwatch.IMetric], axis: str, width: int, high: int | None = None
) -> aws_cloudwatch.GraphWidget:
    return aws_cloudwatch.GraphWidget(
        title=title,
        left=lines,
        left_y_axis=aws_cloudwatch.YAxisProps(label=axis, min=0, max=high, show_units=False),
        width=width,
        height=6,
    )
