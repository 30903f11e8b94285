"""The dashboard of an endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import Aws, Stack, aws_cloudwatch
from constructs import IConstruct

from mme_cdk.monitoring.figures import Figure, Figures
from mme_cdk.monitoring.log_queries import LogQuery
from mme_cdk.monitoring.metrics import MonitoringMetrics

_WIDTH = 24
"""Columns of a CloudWatch dashboard."""
_HEIGHT = 6
"""Of a graph, in its rows."""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Lines over time.

    Attributes:
        title: above it.
        figures: the lines.
        axis: what the left axis says.
        high: where that ends; None = with the data.
    """

    title: str
    figures: Sequence[Figure]
    axis: str
    high: int | None = None


class EndpointGraphs:
    """Rows of graphs, from what callers see down to what the instances feel."""

    def __init__(self, figures: Figures, *, cpu_known: bool, has_gpu: bool) -> None:
        """Take the figures.

        Args:
            figures: of one variant.
            cpu_known: whether the processors' load is a share of all of them.
            has_gpu: whether there are GPU metrics.
        """
        self._figures = figures
        self._cpu_known = cpu_known
        self._has_gpu = has_gpu

    def rows(self) -> list[list[Graph]]:
        """The graphs; those of a row share its width."""
        return [self._callers(), self._models(), self._instances()]

    def _callers(self) -> list[Graph]:
        figures = self._figures
        requests = [
            figures.count("Invocations", "All"),
            figures.count("InvocationsPerInstance", "Per instance"),
        ]
        errors = [
            figures.count("Invocation5XXErrors", "5xx"),
            figures.count("InvocationModelErrors", "Model errors"),
            figures.count("Invocation4XXErrors", "4xx"),
        ]
        latency = [
            *(figures.seconds("ModelLatency", f"Container {rank}", rank) for rank in ("p50", "p90", "p99")),
            figures.seconds("OverheadLatency", "Overhead p99", "p99"),
        ]
        return [
            _graph("Requests", requests, "per period"),
            _graph("Errors", errors, "per period"),
            _graph("Latency", latency, "seconds"),
        ]

    def _models(self) -> list[Graph]:
        figures = self._figures
        waits = [
            figures.seconds("ModelLoadingWaitTime", "Wait p90", "p90"),
            figures.seconds("ModelDownloadingTime", "Download p90", "p90"),
            figures.seconds("ModelLoadingTime", "Load p90", "p90"),
        ]
        churn = [
            figures.samples("ModelLoadingTime", "Loads"),
            figures.samples("ModelUnloadingTime", "Unloads"),
        ]
        return [
            _graph("Cache hits", [figures.cache_hit_percent("Hits")], "% of requests", 100),
            _graph("Wait for a load", waits, "seconds"),
            _graph("Loads and unloads", churn, "per period"),
            # Of all instances: one model on two of them counts twice.
            _graph("Models in memory", [figures.count("LoadedModelCount", "Loaded")], "all instances"),
        ]

    def _instances(self) -> list[Graph]:
        figures = self._figures
        cpu_axis, cpu_high = ("%", 100) if self._cpu_known else ("100 for each vCPU", None)
        widgets = [
            _graph("CPU", [figures.cpu_percent("CPU")], cpu_axis, cpu_high),
            _graph("Memory", [figures.percent("MemoryUtilization", "Memory")], "%", 100),
            _graph("Disk", [figures.percent("DiskUtilization", "Disk")], "%", 100),
        ]
        if self._has_gpu:
            gpu = [
                figures.percent("GPUUtilization", "Load"),
                figures.percent("GPUMemoryUtilization", "Memory"),
            ]
            widgets.append(_graph("GPU", gpu, "%", 100))
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


class GraphRows(aws_cloudwatch.ConcreteWidget):
    """Rows of graphs as one widget: a widget of CDK for each costs a tenth of an app's synthesis."""

    def __init__(
        self, rows: Sequence[Sequence[Graph]], metrics: MonitoringMetrics, scope: IConstruct
    ) -> None:
        """Take the graphs.

        Args:
            rows: each as wide as a dashboard.
            metrics: of the variant that they show.
            scope: where the dashboard is.
        """
        super().__init__(_WIDTH, _HEIGHT * len(rows))
        self._rows = rows
        self._metrics = metrics
        self._scope = scope
        self._region = Aws.REGION
        self._written: list[Any] = []

    def position(self, x: float, y: float) -> None:
        """Called by the dashboard, which says where the first graph is.

        Args:
            x: column.
            y: row.
        """
        place = self._metrics.place_beside(Stack.of(self._scope))
        self._written = [
            {
                "type": "metric",
                "width": _WIDTH // len(row),
                "height": _HEIGHT,
                "x": x + column * (_WIDTH // len(row)),
                "y": y + number * _HEIGHT,
                "properties": self._properties(graph, place),
            }
            for number, row in enumerate(self._rows)
            for column, graph in enumerate(row)
        ]

    def to_json(self) -> list[Any]:
        """Called by CDK, several times a synthesis: the graphs as a dashboard's source has them."""
        return self._written

    def _properties(self, graph: Graph, place: Mapping[str, str]) -> dict[str, Any]:
        high = {} if graph.high is None else {"max": graph.high}
        return {
            "view": "timeSeries",
            "title": graph.title,
            "region": self._region,
            "metrics": self._metrics.graphed(graph.figures, place),
            "yAxis": {"left": {"label": graph.axis, **high, "min": 0, "showUnits": False}},
        }


def _graph(title: str, figures: Sequence[Figure], axis: str, high: int | None = None) -> Graph:
    return Graph(title=title, figures=figures, axis=axis, high=high)
