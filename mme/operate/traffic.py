"""What an endpoint did lately, in a few numbers: models loaded, cache hits, calls, errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from mme.operate.metric_series import MetricSeries, read_series

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

_HOUR: Final = timedelta(hours=1)
_FRESH: Final = timedelta(minutes=15)
_WANTED: Final = (
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
    """The last hour of an endpoint; None stands for what CloudWatch has no values of.

    Attributes:
        loaded_models: in the memory of all instances now; a model on two of them counts twice.
        cache_hit_ratio: share of calls whose model was loaded already, 0 to 1.
        invocations: calls.
        client_errors: calls answered with a 4XX.
        server_errors: calls answered with a 5XX.
        unloads: models that had to go for others. Many of them, and the memory is too small.
    """

    loaded_models: int | None
    cache_hit_ratio: float | None
    invocations: int | None
    client_errors: int | None
    server_errors: int | None
    unloads: int | None


def read_traffic(
    cloudwatch: CloudWatchClient, endpoint_name: str, variants: Sequence[str], now: datetime
) -> Traffic:
    """Reads the last hour, minute by minute."""
    series = read_series(cloudwatch, endpoint_name, variants, _WANTED, now - _HOUR, now, 60)
    hits, answers = _total(series, "ModelCacheHit", "Sum"), _total(series, "ModelCacheHit", "SampleCount")
    return Traffic(
        loaded_models=_latest(series, now),
        cache_hit_ratio=hits / answers if hits is not None and answers else None,
        invocations=_whole(_total(series, "Invocations", "Sum")),
        client_errors=_whole(_total(series, "Invocation4XXErrors", "Sum")),
        server_errors=_whole(_total(series, "Invocation5XXErrors", "Sum")),
        unloads=_whole(_total(series, "ModelUnloadingTime", "SampleCount")),
    )


def _latest(series: Iterable[MetricSeries], now: datetime) -> int | None:
    """Of each variant the last minute that CloudWatch has, added up."""
    latest = [
        one.points[-1][1]
        for one in series
        if one.metric.name == "LoadedModelCount" and one.points and one.points[-1][0] >= now - _FRESH
    ]
    return round(sum(latest)) if latest else None


def _total(series: Iterable[MetricSeries], name: str, statistic: str) -> float | None:
    values = [
        value
        for one in series
        if (one.metric.name, one.statistic) == (name, statistic)
        for _, value in one.points
    ]
    return sum(values) if values else None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
