"""Figures as alarms and a dashboard's source name them: plain Python, as CDK's objects cost at synthesis."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from aws_cdk import Stack

from mme.catalog.metrics import endpoint_metrics
from mme_cdk._internal.validation import known
from mme_cdk.endpoint.endpoint_base import EndpointBase
from mme_cdk.monitoring.figures import Figure, Part


class MonitoringMetrics:
    """The metrics of one variant."""

    def __init__(self, endpoint: EndpointBase, *, stack: Stack, variant_name: str, seconds: float) -> None:
        """Take an endpoint's metrics.

        Args:
            endpoint: defined here or imported.
            stack: that watches it.
            variant_name: which variant's.
            seconds: the period of every figure.
        """
        self._endpoint = endpoint
        self._variant = variant_name
        self._stack = stack
        self._seconds = seconds

    def watched(self, figure: Figure) -> list[dict[str, Any]]:
        """A figure as an alarm's resource takes it: metric data queries.

        Source: CloudFormation template reference, `AWS::CloudWatch::Alarm MetricDataQuery`.
        """
        shown = figure.expression is None
        queries: list[dict[str, Any]] = [
            self._query(
                part, id="m1" if shown else part.id, label=figure.label if shown else part.name, shown=shown
            )
            for part in figure.parts
        ]
        if not shown:
            expression = {"expression": figure.expression, "id": "expr_1", "label": figure.label}
            queries.insert(0, {**expression, "returnData": True})
        return queries

    def graphed(self, figures: Iterable[Figure]) -> list[list[Any]]:
        """Figures as a dashboard's source lists them.

        Source: CloudWatch API reference, `CloudWatch-Dashboard-Body-Structure`.

        Args:
            figures: of one graph.
        """
        listed: list[list[Any]] = []
        hidden: set[Part] = set()
        for figure in figures:
            if figure.expression is None:
                listed.append(self._listed(figure.parts[0], {"label": figure.label, **self.place}))
                continue
            line = {"label": figure.label, "expression": figure.expression, **self._rhythm}
            listed.append([line])
            for part in figure.parts:
                if part not in hidden:
                    hidden.add(part)
                    options = {"label": part.name, "id": part.id, "visible": False, **self.place}
                    listed.append(self._listed(part, options))
        return listed

    @cached_property
    def place(self) -> dict[str, str]:
        """Account and region of the endpoint, as far as they are known to be others than the stack's."""
        account, region = self._endpoint.place
        ours = {"accountId": self._stack.account, "region": self._stack.region}
        theirs = {"accountId": account, "region": region}
        return {name: place for name, place in theirs.items() if known(place) and place != ours[name]}

    @cached_property
    def _rhythm(self) -> dict[str, float]:
        # A dashboard's own period, which needs no word, is 300 s.
        return {} if self._seconds == 300 else {"period": self._seconds}

    def _listed(self, part: Part, options: dict[str, Any]) -> list[Any]:
        statistic = {} if part.statistic == "Average" else {"stat": part.statistic}
        return [
            endpoint_metrics()[part.name].namespace,
            part.name,
            "EndpointName",
            self._endpoint.endpoint_name,
            "VariantName",
            self._variant,
            {**options, **self._rhythm, **statistic},
        ]

    def _query(self, part: Part, *, id: str, label: str, shown: bool) -> dict[str, Any]:
        dimensions = {"EndpointName": self._endpoint.endpoint_name, "VariantName": self._variant}
        account = self.place.get("accountId")
        return {
            "id": id,
            "label": label,
            "returnData": shown,
            **({"accountId": account} if account else {}),
            "metricStat": {
                "metric": {
                    "namespace": endpoint_metrics()[part.name].namespace,
                    "metricName": part.name,
                    "dimensions": [{"name": name, "value": value} for name, value in dimensions.items()],
                },
                "period": self._seconds,
                "stat": part.statistic,
            },
        }
