"""GetMetricStatistics at moto's web layer, with the percentiles that moto leaves out."""

from __future__ import annotations

from typing import Any

from moto.cloudwatch.exceptions import InvalidParameterCombination
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult

from mme_local.aws.cloudwatch.store import MetricKey


def get_metric_statistics(self: CloudWatchResponse) -> ActionResult:
    """Answer the request, which may have both `Statistics` and `ExtendedStatistics`."""
    statistics = [*self._get_param("Statistics", []), *(self._get_param("ExtendedStatistics") or [])]
    if not statistics:
        raise InvalidParameterCombination("Must specify either Statistics or ExtendedStatistics")
    name = self._get_param("MetricName")
    pairs = {one["Name"]: one["Value"] for one in self._get_param("Dimensions", [])}
    backend: Any = self.cloudwatch_backend
    datapoints = backend.datapoints(
        MetricKey.of(self._get_param("Namespace"), name, pairs),
        self._get_param("StartTime"),
        self._get_param("EndTime"),
        self._get_int_param("Period"),
        statistics,
        self._get_param("Unit"),
    )
    return ActionResult({"Label": name, "Datapoints": datapoints})
