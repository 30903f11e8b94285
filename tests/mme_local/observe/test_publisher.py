"""Metrics published and read back as `mme endpoint` reads them, with boto3's own client."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mme.catalog.metrics import endpoint_metrics
from mme.operate.metric_series import read_series
from mme.operate.traffic import read_traffic
from mme_local.aws.account import DEFAULT_ACCOUNT
from mme_local.aws.clients import clients_of
from mme_local.endpoint.call import Call
from mme_local.observe.instance_use import GpuUse, InstanceUse
from mme_local.observe.measurements import Measurements
from mme_local.observe.observed import SeenRequest
from mme_local.observe.publisher import publish, publish_use
from mme_local.trace import Step, Trace

pytestmark = pytest.mark.usefixtures("_empty_aws")

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = int(NOON.timestamp())
CALL = Call("e", "m.tar.gz", b"", region="eu-west-1")


def client(region: str = "eu-west-1") -> Any:
    return clients_of(DEFAULT_ACCOUNT, region).client("cloudwatch")


def read(name: str, statistic: str) -> dict[datetime, float]:
    (series,) = read_series(
        client(), "e", ["AllTraffic"], [(name, statistic)], NOON, NOON + timedelta(hours=1), 60
    )
    return dict(series.points)


def serve(requests: int, minute: int = MINUTE) -> None:
    measurements = Measurements(lambda: minute + 30.0)
    for number in range(1, requests + 1):
        trace = Trace("AllTraffic", cache_hit=number > 1, waited_seconds=2, model_seconds=number / 1000)
        measurements.count([SeenRequest.of(minute + 30.0, CALL, trace, 0.5, None)])
    measurements.stepped("eu-west-1", "e", "AllTraffic", Step.UNLOAD, 2)
    publish(measurements.take())


def one_endpoint(*instances: str) -> list[dict[str, Any]]:
    return [
        {
            "region": "eu-west-1",
            "name": "e",
            "variant": "AllTraffic",
            "instances": [{"id": each} for each in instances],
        }
    ]


def test_statistics_come_out_right() -> None:
    serve(100)
    assert read("Invocations", "Sum") == {NOON: 100}
    assert read("ModelCacheHit", "Average") == {NOON: 0.99}
    assert read("ModelLatency", "p99") == {NOON: pytest.approx(99_000)}
    assert read("ModelLatency", "p50") == {NOON: pytest.approx(50_000)}
    assert read("ModelLoadingWaitTime", "SampleCount") == {NOON: 1}
    assert read("ModelUnloadingTime", "SampleCount") == {NOON: 1}
    assert read("Invocation5XXErrors", "Sum") == {NOON: 0}
    assert read("GPUUtilization", "Average") == {}


def test_publishing_often_adds_up_to_the_same_minute() -> None:
    for _ in range(3):
        serve(2)
    assert read("Invocations", "Sum") == {NOON: 6}


def test_what_is_measured_counts_once_a_minute_however_often_it_is_published() -> None:
    uses = {"i-1": InstanceUse(3, 50, 20, 10), "i-2": InstanceUse(2, 150, 30, 20)}
    for _ in range(5):
        publish_use(one_endpoint("i-1", "i-2"), uses, GpuUse(40, 30), MINUTE)
    assert read("LoadedModelCount", "Sum") == {NOON: 5}
    assert read("CPUUtilization", "Average") == {NOON: 100}
    assert read("CPUUtilization", "Maximum") == {NOON: 150}
    assert read("DiskUtilization", "Average") == {NOON: 15}
    assert read("GPUMemoryUtilization", "Average") == {NOON: 30}


def test_the_status_of_an_endpoint_reads_them() -> None:
    serve(10)
    publish_use(one_endpoint("i-1"), {"i-1": InstanceUse(3, 0, 0, 0)}, None, MINUTE)
    traffic = read_traffic(client(), "e", ["AllTraffic"], NOON + timedelta(minutes=5))
    assert (traffic.invocations, traffic.loaded_models, traffic.cache_hit_ratio) == (10, 3, 0.9)
    assert (traffic.client_errors, traffic.server_errors, traffic.unloads) == (0, 0, 1)


def test_another_region_has_none() -> None:
    serve(1)
    assert client("us-east-1").list_metrics()["Metrics"] == []


def test_names_units_and_dimensions_are_the_catalogs() -> None:
    serve(2)
    publish_use(one_endpoint("i-1"), {"i-1": InstanceUse(1, 1, 1, 1)}, GpuUse(1, 1), MINUTE)
    listed = client().list_metrics()["Metrics"]
    known = endpoint_metrics()
    for metric in listed:
        assert metric["Namespace"] == known[metric["MetricName"]].namespace
        assert sorted(one["Name"] for one in metric["Dimensions"]) == ["EndpointName", "VariantName"]
    unseen = {"ModelDownloadingTime", "ModelLoadingTime"}  # nothing was loaded in this test
    assert {metric["MetricName"] for metric in listed} == set(known) - unseen
    (point,) = client().get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName="ModelLatency",
        Dimensions=listed[0]["Dimensions"],
        StartTime=NOON,
        EndTime=NOON + timedelta(minutes=1),
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    assert (point["Unit"], point["Maximum"]) == ("Microseconds", pytest.approx(2000))
