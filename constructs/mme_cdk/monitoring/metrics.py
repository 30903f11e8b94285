"""Figures as CDK's metrics, and as a dashboard's source names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from aws_cdk import Duration, Stack, aws_cloudwatch

from mme.catalog.metrics import endpoint_metrics
from mme_cdk.endpoint_base import EndpointBase
from mme_cdk.monitoring.figures import Figure, Part
from mme_cdk.validation import known


class MonitoringMetrics:
    """The metrics of one variant."""

    def __init__(self, endpoint: EndpointBase, *, variant_name: str, period: Duration) -> None:
        """Take an endpoint's metrics.

        Args:
            endpoint: defined here or imported.
            variant_name: which variant's.
            period: of every figure.
        """
        self._endpoint = endpoint
        self._variant = variant_name
        self._period = period
        self._parts: dict[Part, aws_cloudwatch.Metric] = {}

    def metric(self, figure: Figure) -> aws_cloudwatch.IMetric:
        """A figure as an alarm takes it."""
        if figure.expression is None:
            return self._metric(figure.parts[0], figure.label)
        return aws_cloudwatch.MathExpression(
            expression=figure.expression,
            label=figure.label,
            using_metrics={part.id: self._part(part) for part in figure.parts},
            period=self._period,
        )

    def graphed(self, figures: Iterable[Figure], place: Mapping[str, str]) -> list[list[Any]]:
        """Figures as a dashboard's source lists them; plain Python, as CDK's objects cost at synthesis.

        Source: CloudWatch API reference, `CloudWatch-Dashboard-Body-Structure`.

        Args:
            figures: of one graph.
            place: what `place_beside` says of the dashboard's stack.
        """
        listed: list[list[Any]] = []
        hidden: set[Part] = set()
        for figure in figures:
            if figure.expression is None:
                listed.append(self._listed(figure.parts[0], {"label": figure.label, **place}))
                continue
            line = {"label": figure.label, "expression": figure.expression, **self._rhythm}
            listed.append([line])
            for part in figure.parts:
                if part not in hidden:
                    hidden.add(part)
                    options = {"label": part.name, "id": part.id, "visible": False, **place}
                    listed.append(self._listed(part, options))
        return listed

    def place_beside(self, stack: Stack) -> dict[str, str]:
        """Account and region of the endpoint, as far as they are known to be others than a stack's."""
        account, region = self._endpoint.place
        ours = {"accountId": stack.account, "region": stack.region}
        theirs = {"accountId": account, "region": region}
        return {name: place for name, place in theirs.items() if known(place) and place != ours[name]}

    @cached_property
    def _rhythm(self) -> dict[str, float]:
        # A dashboard's own period, which needs no word, is 300 s.
        length = self._period.to_seconds()
        return {} if length == 300 else {"period": length}

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

    def _metric(self, part: Part, label: str) -> aws_cloudwatch.Metric:
        return self._endpoint.metric(
            part.name,
            statistic=part.statistic,
            label=label,
            period=self._period,
            variant_name=self._variant,
        )

    def _part(self, part: Part) -> aws_cloudwatch.Metric:
        """A metric that only an expression shows; each is made once, as every object costs at synthesis."""
        if part not in self._parts:
            self._parts[part] = self._metric(part, part.name)
        return self._parts[part]
