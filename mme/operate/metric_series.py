"""Read an endpoint's metrics over time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from mme.catalog.metrics import EndpointMetric, endpoint_metrics
from mme.errors import MmeError

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

_PERIODS: Final = (60, 300, 900, 3600, 21600, 86400)
# CloudWatch User Guide, "Metrics retention".
_MINUTE_RETENTION: Final = timedelta(days=15)
_FIVE_MINUTES_RETENTION: Final = timedelta(days=63)
_HOUR_RETENTION: Final = timedelta(days=455)
_PLAIN_STATISTICS: Final = ("SampleCount", "Average", "Sum", "Minimum", "Maximum", "IQM")
_PERCENT: Final = r"(100|\d{1,2})(\.\d{1,10})?"
_STATISTIC: Final = re.compile(
    rf"(p|tm|wm|tc|ts){_PERCENT}"
    rf"|(TM|WM|TC|TS)\(({_PERCENT}%)?:({_PERCENT}%)?\)"
    r"|(PR|TM|WM|TC|TS)\((\d+(\.\d+)?)?:(\d+(\.\d+)?)?\)"
)
"""Percentiles, trimmed means and the like (CloudWatch User Guide, "CloudWatch statistics definitions")."""
_QUERIES_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """A metric of one variant.

    Attributes:
        statistic: `Sum`, `Average`, `SampleCount`, ...
        period: Seconds between two points.
        points: Moments in UTC and values, in order; periods without data have no point.
    """

    metric: EndpointMetric
    variant: str
    statistic: str
    period: int
    points: tuple[tuple[datetime, float], ...]


def check_metrics(names: Iterable[str]) -> list[str]:
    """Return the metrics' names in CloudWatch's spelling.

    Raises:
        MmeError: There is no such metric.
    """
    known = {name.lower(): name for name in endpoint_metrics()}
    names = list(names)
    for name in names:
        if name.lower() not in known:
            raise MmeError(
                f"{name!r} is not a metric of a multi-model endpoint",
                hint=f"use one of {', '.join(known.values())}",
            )
    return [known[name.lower()] for name in names]


def check_statistic(text: str) -> str:
    """Return a statistic in CloudWatch's spelling: `Sum`, `p99`, `TM(10%:90%)`.

    Raises:
        MmeError: There is no such statistic.
    """
    plain = {name.lower(): name for name in _PLAIN_STATISTICS}
    found = plain.get(text.lower())
    if found is None and not _STATISTIC.fullmatch(text):
        raise MmeError(
            f"{text!r} is not a statistic of CloudWatch",
            hint=f"use {', '.join(_PLAIN_STATISTICS)}, p0 to p100 as in p99 or p99.9, or tm95",
        )
    return found or text


def fitting_period(since: datetime, until: datetime, most_points: int) -> int:
    """Return the shortest period, in seconds, with at most so many points that CloudWatch still stores.

    Args:
        since: First moment.
        until: Last moment.
        most_points: Largest number of points.

    Raises:
        MmeError: CloudWatch has no data of the first moment any more.
    """
    length = until - since
    if length > _HOUR_RETENTION:
        raise MmeError(
            f"{since:%Y-%m-%d} is too long ago; CloudWatch stores metrics for {_HOUR_RETENTION.days} days",
            hint=f"look back {_HOUR_RETENTION.days}d at most",
        )
    wanted = length.total_seconds() / max(1, most_points)
    least = 60 if length <= _MINUTE_RETENTION else 300 if length <= _FIVE_MINUTES_RETENTION else 3600
    return next((period for period in _PERIODS if period >= max(wanted, least)), _PERIODS[-1])


def read_series(
    cloudwatch: CloudWatchClient,
    endpoint_name: str,
    variants: Sequence[str],
    wanted: Sequence[tuple[str, str]],
    since: datetime,
    until: datetime,
    period: int,
) -> list[MetricSeries]:
    """Return each metric of each variant; a series without data has no points.

    Args:
        cloudwatch: A boto3 client.
        endpoint_name: Name of the endpoint.
        variants: Names of its variants.
        wanted: Pairs of metric name and statistic.
        since: First moment, in UTC.
        until: Last moment, in UTC.
        period: In seconds, a multiple of 60.
    """
    metrics = endpoint_metrics()
    keys = [(name, statistic, variant) for name, statistic in wanted for variant in variants]
    queries: list[Any] = [
        {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": metrics[name].namespace,
                    "MetricName": name,
                    "Dimensions": [
                        {"Name": "EndpointName", "Value": endpoint_name},
                        {"Name": "VariantName", "Value": variant},
                    ],
                },
                "Period": period,
                "Stat": statistic,
            },
        }
        for number, (name, statistic, variant) in enumerate(keys)
    ]
    points: dict[str, list[tuple[datetime, float]]] = {}
    paginator = cloudwatch.get_paginator("get_metric_data")
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        pages = paginator.paginate(
            MetricDataQueries=queries[start : start + _QUERIES_AT_ONCE],
            StartTime=since,
            EndTime=until,
            ScanBy="TimestampAscending",
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                pairs = zip(result["Timestamps"], result["Values"], strict=True)
                points.setdefault(result["Id"], []).extend(pairs)
    return [
        MetricSeries(metrics[name], variant, statistic, period, tuple(sorted(points.get(f"m{number}", []))))
        for number, (name, statistic, variant) in enumerate(keys)
    ]
