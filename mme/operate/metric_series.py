"""An endpoint's metrics over time."""

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
"""CloudWatch keeps a minute's values for 15 days, those of 5 minutes for 63 and those of an hour for 455."""
_MINUTE_KEPT: Final = timedelta(days=15)
_FIVE_MINUTES_KEPT: Final = timedelta(days=63)
_HOUR_KEPT: Final = timedelta(days=455)
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


def check_statistic(text: str) -> str:
    """A statistic as CloudWatch spells it: `Sum`, `p99`, `TM(10%:90%)`.

    Raises:
        MmeError: there is no such statistic.
    """
    plain = {name.lower(): name for name in _PLAIN_STATISTICS}
    found = plain.get(text.lower())
    if found is None and not _STATISTIC.fullmatch(text):
        raise MmeError(
            f"{text!r} is no statistic of CloudWatch's",
            hint=f"choose among {', '.join(_PLAIN_STATISTICS)}, p0 to p100 as in p99 or p99.9, tm95",
        )
    return found or text


def fitting_period(since: datetime, until: datetime, most_points: int) -> int:
    """Seconds between points so that no more than that many come, and CloudWatch still has them.

    Raises:
        MmeError: it begins before anything that CloudWatch still has.
    """
    length = until - since
    if length > _HOUR_KEPT:
        raise MmeError(
            f"{since:%Y-%m-%d} is too long ago: CloudWatch keeps metrics for {_HOUR_KEPT.days} days",
            hint=f"look back {_HOUR_KEPT.days}d at most",
        )
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
