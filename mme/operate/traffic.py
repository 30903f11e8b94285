"""The last hour of an endpoint in a few numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from mme.operate.metric_series import MetricSeries, read_series

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

_HOUR: Final = timedelta(hours=1)
_CURRENT: Final = timedelta(minutes=15)
_METRICS: Final = (
    ("LoadedModelCount", "Sum"),
    ("ModelCacheHit", "Sum"),
    ("ModelCacheHit", "SampleCount"),
    ("Invocations", "Sum"),
    ("Invocation4XXErrors", "Sum"),
    ("Invocation5XXErrors", "Sum"),
    ("ModelUnloadingTime", "SampleCount"),
)


@dataclass(frozen=True, slots=True)
class Traffic:
    """The last hour of an endpoint. None means that CloudWatch has no data.

    Attributes:
        loaded_models: Models in the memory of all instances now; a model on two of them counts twice.
        cache_hit_ratio: Share of calls whose model was loaded already, 0 to 1.
        unloads: Evicted models. Many of them mean that memory is short.
    """

    loaded_models: int | None = None
    cache_hit_ratio: float | None = None
    invocations: int | None = None
    client_errors: int | None = None
    server_errors: int | None = None
    unloads: int | None = None


def read_traffic(
    cloudwatch: CloudWatchClient, endpoint_name: str, variants: Sequence[str], now: datetime
) -> Traffic:
    """Read the metrics of the last hour by the minute.

    Args:
        cloudwatch: A boto3 client.
        endpoint_name: Name of the endpoint.
        variants: Names of its variants.
        now: End of the hour, in UTC.
    """
    series = read_series(cloudwatch, endpoint_name, variants, _METRICS, now - _HOUR, now, 60)
    hits, calls = _total(series, "ModelCacheHit", "Sum"), _total(series, "ModelCacheHit", "SampleCount")
    return Traffic(
        loaded_models=_latest(series, now),
        cache_hit_ratio=hits / calls if hits is not None and calls else None,
        invocations=_total(series, "Invocations", "Sum"),
        client_errors=_total(series, "Invocation4XXErrors", "Sum"),
        server_errors=_total(series, "Invocation5XXErrors", "Sum"),
        unloads=_total(series, "ModelUnloadingTime", "SampleCount"),
    )


def _latest(series: Iterable[MetricSeries], now: datetime) -> int | None:
    """Add up the latest value of each variant."""
    latest = [
        one.points[-1][1]
        for one in series
        if one.metric.name == "LoadedModelCount" and one.points and one.points[-1][0] >= now - _CURRENT
    ]
    return round(sum(latest)) if latest else None


def _total(series: Iterable[MetricSeries], name: str, statistic: str) -> int | None:
    values = [
        value
        for one in series
        if (one.metric.name, one.statistic) == (name, statistic)
        for _, value in one.points
    ]
    return round(sum(values)) if values else None
