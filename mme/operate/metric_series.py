"""An endpoint's metrics over time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from mme.catalog.metrics import EndpointMetric, endpoint_metrics
from mme.errors import MmeError

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

_PERIODS: Final = (60, 300, 900, 3600, 21600, 86400)
"""CloudWatch keeps a minute's values for 15 days, those of 5 minutes for 63 and those of an hour for 455."""
_MINUTE_KEPT: Final = timedelta(days=15)
_FIVE_MINUTES_KEPT: Final = timedelta(days=63)
_QUERIES_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """One metric of one variant.

    Attributes:
        metric: what is measured, and in what unit.
        variant: of the endpoint.
        statistic: how each period's values were put together: `Sum`, `Average`, `SampleCount`, ...
        period: seconds between two points.
        points: moments in UTC with their values, in order; periods without values are left out.
    """

    metric: EndpointMetric
    variant: str
    statistic: str
    period: int
    points: tuple[tuple[datetime, float], ...]


def check_metrics(names: Iterable[str]) -> list[str]:
    """The metrics' names as CloudWatch spells them.

    Raises:
        MmeError: there is no such metric.
    """
    known = {name.lower(): name for name in endpoint_metrics()}
    names = list(names)
    for name in names:
        if name.lower() not in known:
            raise MmeError(
                f"{name!r} is no metric of a multi-model endpoint",
                hint=f"choose among {', '.join(known.values())}",
            )
    return [known[name.lower()] for name in names]


def fitting_period(since: datetime, until: datetime, most_points: int) -> int:
    """Seconds between points so that no more than that many come, and CloudWatch still has them."""
    length = until - since
    wanted = length.total_seconds() / max(1, most_points)
    oldest = timedelta() if length <= _MINUTE_KEPT else length
    least = 60 if not oldest else 300 if oldest <= _FIVE_MINUTES_KEPT else 3600
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
    """Each metric of each variant, by GetMetricData; those without values come with no points.

    Args:
        cloudwatch: a boto3 CloudWatch client.
        endpoint_name: whose metrics.
        variants: its variants.
        wanted: pairs of a metric's name and a statistic.
        since: the first moment, in UTC.
        until: the last moment, in UTC.
        period: seconds, a multiple of 60.
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
