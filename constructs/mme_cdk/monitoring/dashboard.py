"""The dashboard of an endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from aws_cdk import Aws, aws_cloudwatch

from mme_cdk.monitoring.figures import Figure, Figures
from mme_cdk.monitoring.log_queries import LogQuery
from mme_cdk.monitoring.metrics import MonitoringMetrics

_WIDTH = 24
"""Columns of a CloudWatch dashboard."""
_HEIGHT = 6
"""Of a graph, in its rows."""
_TABLE_HEIGHT = 8
HEADER_HEIGHT = 2

_Item = TypeVar("_Item")


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


def header(endpoint_name: str, runbook_url: str) -> aws_cloudwatch.ConcreteWidget:
    """What the dashboard is of, with the way to the runbook."""
    return aws_cloudwatch.TextWidget(
        markdown=f"# {endpoint_name}\nSageMaker multi-model endpoint. What to do when an alarm goes off: "
        f"{runbook_url}",
        width=_WIDTH,
        height=HEADER_HEIGHT,
    )


def states_height(alarms: int) -> int:
    """Rows of a dashboard that the states of so many alarms need."""
    return 2 + (alarms + 5) // 6 if alarms else 0


def alarm_states(alarms: Sequence[aws_cloudwatch.CfnAlarm]) -> aws_cloudwatch.ConcreteWidget:
    """Every alarm's state at one glance."""
    return aws_cloudwatch.AlarmStatusWidget(
        title="Alarms", alarms=list(alarms), width=_WIDTH, height=states_height(len(alarms))
    )


class DashboardRows(aws_cloudwatch.ConcreteWidget):
    """Graphs and tables as one widget: a widget of CDK for each costs a tenth of an app's synthesis.

    Source: CloudWatch API reference, `CloudWatch-Dashboard-Body-Structure`.
    """

    def __init__(
        self,
        *,
        graphs: Sequence[Sequence[Graph]],
        tables: Sequence[Sequence[LogQuery]],
        metrics: MonitoringMetrics,
        log_group: str,
        top: int,
    ) -> None:
        """Take what is in the rows.

        Args:
            graphs: rows as wide as a dashboard.
            tables: rows below them.
            metrics: of the variant that the graphs show.
            log_group: that the tables' queries read.
            top: the dashboard's row in which the first one begins.
        """
        super().__init__(_WIDTH, _HEIGHT * len(graphs) + _TABLE_HEIGHT * len(tables))
        self._metrics = metrics
        self._log_group = log_group
        self._region = Aws.REGION
        below = top + _HEIGHT * len(graphs)
        self._written: list[Any] = [
            {"type": "metric", **place, "properties": self._graph(graph)}
            for graph, place in _placed(graphs, top, _HEIGHT)
        ] + [
            {"type": "log", **place, "properties": self._table(query)}
            for query, place in _placed(tables, below, _TABLE_HEIGHT)
        ]

    def to_json(self) -> list[Any]:
        """Called by CDK, several times a synthesis: the rows as a dashboard's source has them."""
        return self._written

    def _graph(self, graph: Graph) -> dict[str, Any]:
        high = {} if graph.high is None else {"max": graph.high}
        return {
            "view": "timeSeries",
            "title": graph.title,
            "region": self._region,
            "metrics": self._metrics.graphed(graph.figures),
            "yAxis": {"left": {"label": graph.axis, **high, "min": 0, "showUnits": False}},
        }

    def _table(self, query: LogQuery) -> dict[str, Any]:
        return {
            "view": "table",
            "title": query.title,
            "region": self._region,
            "query": f"SOURCE '{self._log_group}' | {query.text}",
        }


def _placed(rows: Sequence[Sequence[_Item]], top: int, height: int) -> Iterator[tuple[_Item, dict[str, int]]]:
    """What is in rows that share out a dashboard's width, and where."""
    for number, row in enumerate(rows):
        width = _WIDTH // len(row)
        for column, item in enumerate(row):
            yield item, {"width": width, "height": height, "x": column * width, "y": top + number * height}


def _graph(title: str, figures: Sequence[Figure], axis: str, high: int | None = None) -> Graph:
    return Graph(title=title, figures=figures, axis=axis, high=high)
