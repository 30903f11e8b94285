"""Metrics as boto3 puts and reads them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ClientOf = Callable[[str], Any]


def stat(identifier: str, name: str, statistic: str, period: int = 60, **dimensions: str) -> dict[str, Any]:
    pairs = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    metric = {"Namespace": "Mine", "MetricName": name, "Dimensions": pairs}
    return {"Id": identifier, "MetricStat": {"Metric": metric, "Period": period, "Stat": statistic}}


def put(cloudwatch: Any, name: str, *values: float, at: datetime = NOON, **more: Any) -> None:
    cloudwatch.put_metric_data(
        Namespace="Mine",
        MetricData=[{"MetricName": name, "Timestamp": at, "Values": list(values), **more}],
    )


def read(cloudwatch: Any, *queries: dict[str, Any], **more: Any) -> dict[str, dict[datetime, float]]:
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=list(queries), StartTime=NOON, EndTime=NOON + timedelta(minutes=10), **more
    )
    return {
        one["Id"]: dict(zip(one["Timestamps"], one["Values"], strict=True))
        for one in answer["MetricDataResults"]
    }


def test_statistics_and_percentiles_by_get_metric_data(aws: ClientOf) -> None:
    cloudwatch = aws("cloudwatch")
    put(cloudwatch, "Time", *range(1, 101), Unit="Microseconds")
    put(cloudwatch, "Time", 7, at=NOON + timedelta(minutes=3), Unit="Microseconds")
    names = ("Sum", "Average", "Minimum", "Maximum", "SampleCount", "p50", "p99", "p99.9")
    found = read(cloudwatch, *(stat(f"q{n}", "Time", name) for n, name in enumerate(names)))
    later = NOON + timedelta(minutes=3)
    assert [found[f"q{n}"][NOON] for n in range(8)] == [5050, 50.5, 1, 100, 100, 50, 99, 100]
    assert [found[f"q{n}"][later] for n in range(8)] == [7, 7, 7, 7, 1, 7, 7, 7]


def test_many_values_come_compressed_and_are_counted(aws: ClientOf) -> None:
    cloudwatch, encodings = aws("cloudwatch"), []

    def record(request: Any, **_: Any) -> None:
        encodings.append(request.headers.get("Content-Encoding"))

    cloudwatch.meta.events.register("before-send.cloudwatch.PutMetricData", record)
    try:
        metrics = [{"MetricName": "Calls", "Timestamp": NOON, "Value": number} for number in range(500)]
        cloudwatch.put_metric_data(Namespace="Mine", MetricData=metrics)
    finally:
        cloudwatch.meta.events.unregister("before-send.cloudwatch.PutMetricData", record)
    assert encodings in (["gzip"], [b"gzip"])
    assert read(cloudwatch, stat("q", "Calls", "SampleCount"))["q"] == {NOON: 500}


def test_longer_periods_merge_minutes(aws: ClientOf) -> None:
    cloudwatch = aws("cloudwatch")
    for minute in range(10):
        put(cloudwatch, "Calls", minute, at=NOON + timedelta(minutes=minute))
    found = read(cloudwatch, stat("q", "Calls", "Sum", 300))
    assert found["q"] == {NOON: 0 + 1 + 2 + 3 + 4, NOON + timedelta(minutes=5): 5 + 6 + 7 + 8 + 9}


def test_dimensions_must_be_the_same_ones(aws: ClientOf) -> None:
    cloudwatch = aws("cloudwatch")
    put(cloudwatch, "Calls", 1, Dimensions=[{"Name": "A", "Value": "1"}, {"Name": "B", "Value": "2"}])
    found = read(
        cloudwatch,
        stat("both", "Calls", "Sum", B="2", A="1"),
        stat("one", "Calls", "Sum", A="1"),
        stat("none", "Calls", "Sum"),
    )
    assert found == {"both": {NOON: 1}, "one": {}, "none": {}}


def test_expressions_over_metrics(aws: ClientOf) -> None:
    cloudwatch = aws("cloudwatch")
    put(cloudwatch, "Calls", 50)
    put(cloudwatch, "Calls", 50, at=NOON + timedelta(minutes=1))
    put(cloudwatch, "Errors", 5)
    hidden = {"ReturnData": False}
    found = read(
        cloudwatch,
        {"Id": "rate", "Expression": "IF(c >= 20, 100 * FILL(e, 0) / c, 0)"},
        stat("c", "Calls", "Sum") | hidden,
        stat("e", "Errors", "Sum") | hidden,
    )
    assert found == {"rate": {NOON: 10, NOON + timedelta(minutes=1): 0}}


@pytest.mark.parametrize("expression", ["q + 1", "unknown + 1", "SEARCH(1)", "c +"])
def test_an_invalid_expression_is_refused(aws: ClientOf, expression: str) -> None:
    with pytest.raises(ClientError, match="ValidationError"):
        read(aws("cloudwatch"), {"Id": "q", "Expression": expression}, stat("c", "Calls", "Sum"))


def test_statistics_and_percentiles_by_get_metric_statistics(aws: ClientOf) -> None:
    cloudwatch = aws("cloudwatch")
    put(cloudwatch, "Time", *range(1, 101), Unit="Microseconds")
    question: dict[str, Any] = {
        "Namespace": "Mine",
        "MetricName": "Time",
        "StartTime": NOON,
        "EndTime": NOON + timedelta(minutes=5),
        "Period": 60,
    }
    (basic,) = cloudwatch.get_metric_statistics(**question, Statistics=["Average", "SampleCount"])[
        "Datapoints"
    ]
    assert basic == {"Timestamp": NOON, "Unit": "Microseconds", "Average": 50.5, "SampleCount": 100}
    (extended,) = cloudwatch.get_metric_statistics(**question, ExtendedStatistics=["p90", "p99"])[
        "Datapoints"
    ]
    assert extended["ExtendedStatistics"] == {"p90": 90, "p99": 99}
    other = cloudwatch.get_metric_statistics(**question, Statistics=["Sum"], Unit="Bytes")
    assert other["Datapoints"] == []
    with pytest.raises(ClientError, match="tm99"):
        cloudwatch.get_metric_statistics(**question, ExtendedStatistics=["tm99"])


@pytest.mark.parametrize(
    "metric",
    [
        {"Value": float("inf")},
        {"Value": float("nan")},
        {"Values": [1, float("-inf")]},
        {"Values": [1, 2], "Counts": [1, float("inf")]},
        {"StatisticValues": {"SampleCount": 1, "Sum": float("inf"), "Minimum": 0, "Maximum": 1}},
    ],
)
def test_values_that_are_not_finite_are_refused_as_a_whole(aws: ClientOf, metric: dict[str, Any]) -> None:
    cloudwatch = aws("cloudwatch")
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        cloudwatch.put_metric_data(
            Namespace="Mine", MetricData=[{"MetricName": "a", "Value": 1}, {"MetricName": "b", **metric}]
        )
    assert cloudwatch.list_metrics(Namespace="Mine")["Metrics"] == []


def test_metrics_are_listed_once(aws: ClientOf) -> None:
    cloudwatch = aws("cloudwatch")
    for minute in range(3):
        put(cloudwatch, "Calls", 1, 2, at=NOON + timedelta(minutes=minute))
    (listed,) = cloudwatch.list_metrics(Namespace="Mine")["Metrics"]
    assert listed["MetricName"] == "Calls"
