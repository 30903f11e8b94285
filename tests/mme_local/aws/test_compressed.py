"""Requests that boto3 compresses."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ClientOf = Callable[[str], Any]


def many(count: int) -> list[dict[str, Any]]:
    """Metrics of which boto3 makes a request of some hundred bytes each."""
    return [{"MetricName": "Calls", "Timestamp": NOON, "Value": number + 0.5} for number in range(count)]


def test_many_metrics_at_once_come_compressed_and_are_counted(aws: ClientOf) -> None:
    cloudwatch = aws("cloudwatch")
    sent: list[str | None] = []

    def look(request: Any, **_: Any) -> None:
        sent.append(request.headers.get("Content-Encoding"))

    cloudwatch.meta.events.register("before-send.cloudwatch.PutMetricData", look)
    try:
        cloudwatch.put_metric_data(Namespace="Mine", MetricData=many(500))
    finally:
        cloudwatch.meta.events.unregister("before-send.cloudwatch.PutMetricData", look)
    assert [value and str(value, "ascii") if isinstance(value, bytes) else value for value in sent] == [
        "gzip"
    ]
    answer = cloudwatch.get_metric_statistics(
        Namespace="Mine",
        MetricName="Calls",
        StartTime=NOON,
        EndTime=NOON + timedelta(minutes=1),
        Period=60,
        Statistics=["SampleCount", "Sum"],
    )
    (point,) = answer["Datapoints"]
    assert (point["SampleCount"], point["Sum"]) == (500, 500 * 250)


@pytest.mark.parametrize("spoil", [lambda body: body[:-20], lambda _: b"no gzip at all"])
def test_a_damaged_body_is_refused(aws: ClientOf, spoil: Callable[[bytes], bytes]) -> None:
    cloudwatch = aws("cloudwatch")

    def damage(request: Any, **_: Any) -> None:
        request.body = spoil(request.body)
        request.headers["Content-Length"] = str(len(request.body))

    cloudwatch.meta.events.register("before-send.cloudwatch.PutMetricData", damage)
    try:
        with pytest.raises(ClientError) as refused:
            cloudwatch.put_metric_data(Namespace="Mine", MetricData=many(500))
    finally:
        cloudwatch.meta.events.unregister("before-send.cloudwatch.PutMetricData", damage)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert cloudwatch.list_metrics(Namespace="Mine")["Metrics"] == []


def test_an_object_that_is_compressed_stays_so(aws: ClientOf) -> None:
    s3 = aws("s3")
    s3.create_bucket(Bucket="packed")
    body = gzip.compress(b"text" * 1000)
    s3.put_object(Bucket="packed", Key="a", Body=body, ContentEncoding="gzip")
    assert s3.get_object(Bucket="packed", Key="a")["Body"].read() == body
