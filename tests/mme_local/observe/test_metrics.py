"""Metrics counted, published, and read back with boto3 as `mme endpoint` reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mme.catalog.metrics import endpoint_metrics
from mme.operate.metric_series import read_series
from mme_local.aws import clients_of
from mme_local.aws.account import DEFAULT_ACCOUNT
from mme_local.endpoint import errors
from mme_local.endpoint.call import InvokeCall
from mme_local.endpoint.trace import Step, Trace
from mme_local.observe.instance_use import GpuUse, InstanceUse
from mme_local.observe.metrics import Measurements, VariantKey, publish, publish_use
from mme_local.observe.observed import ObservedRequest

pytestmark = pytest.mark.usefixtures("_empty_aws")

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = int(NOON.timestamp())
CALL = InvokeCall("e", "m.tar.gz", b"", region="eu-west-1")
KEY = VariantKey("eu-west-1", "e", "AllTraffic")
PLACE = errors.EndpointId("e", "eu-west-1", "123456789012")


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
        measurements.count([ObservedRequest.of(minute + 30.0, CALL, trace, 0.5, None)])
    measurements.stepped("eu-west-1", "e", "AllTraffic", Step.UNLOAD, 2)
    publish(measurements.take())


def values_of_one(trace: Trace, error: errors.InvokeError | None = None) -> dict[str, float]:
    """The values of one request that took 0.5 s."""
    measurements = Measurements()
    measurements.count([ObservedRequest.of(125.9, CALL, trace, 0.5, error)])
    ((key, minute), values), *more = measurements.take().items()
    assert (key, minute, more) == (KEY, 120, [])
    assert {one.count for one in values.values()} == {1}
    return {name: one.total for name, one in values.items()}


def one_endpoint(*instances: str) -> list[dict[str, Any]]:
    described = [{"id": each} for each in instances]
    return [{"region": "eu-west-1", "name": "e", "variant": "AllTraffic", "instances": described}]


def test_a_hit() -> None:
    trace = Trace("AllTraffic", "e/AllTraffic/0", 2, cache_hit=True, model_seconds=0.4)
    assert values_of_one(trace) == {
        "Invocations": 1,
        "InvocationsPerInstance": 0.5,
        "Invocation4XXErrors": 0,
        "Invocation5XXErrors": 0,
        "InvocationModelErrors": 0,
        "ModelLatency": 400_000,
        "OverheadLatency": pytest.approx(100_000),
        "ModelCacheHit": 1,
    }


@pytest.mark.parametrize(
    ("error", "counted"),
    [
        (errors.model_error(PLACE, 400, "bad tensor"), (1, 0, 1)),
        (errors.model_error(PLACE, 503, "busy"), (0, 1, 1)),
        (errors.timed_out(PLACE), (0, 1, 1)),
        (errors.model_not_ready("m"), (1, 0, 0)),
        (errors.artifact_unavailable("b", "k"), (1, 0, 0)),
        (errors.internal_failure("why"), (0, 1, 0)),
    ],
)
def test_an_error(error: errors.InvokeError, counted: tuple[int, int, int]) -> None:
    values = values_of_one(Trace("AllTraffic", cache_hit=False), error)
    names = ("Invocation4XXErrors", "Invocation5XXErrors", "InvocationModelErrors")
    assert tuple(values[name] for name in names) == counted
    assert "ModelLatency" not in values


def test_a_request_that_reached_no_variant_is_not_counted() -> None:
    measurements = Measurements()
    measurements.count([ObservedRequest.of(1, CALL, Trace(), 0.1, errors.unknown_endpoint("e", "1"))])
    assert measurements.take() == {}


def test_published_statistics() -> None:
    serve(100)
    assert read("Invocations", "Sum") == {NOON: 100}
    assert read("ModelCacheHit", "Average") == {NOON: 0.99}
    assert read("ModelLatency", "p99") == {NOON: pytest.approx(99_000)}
    assert read("ModelLatency", "p50") == {NOON: pytest.approx(50_000)}
    assert read("ModelLoadingWaitTime", "SampleCount") == {NOON: 1}
    assert read("ModelUnloadingTime", "Maximum") == {NOON: 2_000_000}
    assert read("Invocation5XXErrors", "Sum") == {NOON: 0}
    assert read("GPUUtilization", "Average") == {}
    assert client("us-east-1").list_metrics()["Metrics"] == []


def test_utilization_counts_once_a_minute_however_often_it_is_published() -> None:
    uses = {"i-1": InstanceUse(3, 50, 20, 10), "i-2": InstanceUse(2, 150, 30, 20)}
    for _ in range(5):
        publish_use(one_endpoint("i-1", "i-2"), uses, GpuUse(40, 30), MINUTE)
    assert read("LoadedModelCount", "Sum") == {NOON: 5}
    assert read("CPUUtilization", "Average") == {NOON: 100}
    assert read("CPUUtilization", "Maximum") == {NOON: 150}
    assert read("DiskUtilization", "Average") == {NOON: 15}
    assert read("GPUMemoryUtilization", "Average") == {NOON: 30}


def test_names_units_and_dimensions_are_those_of_the_catalog() -> None:
    serve(2)
    publish_use(one_endpoint("i-1"), {"i-1": InstanceUse(1, 1, 1, 1)}, GpuUse(1, 1), MINUTE)
    listed = client().list_metrics()["Metrics"]
    known = endpoint_metrics()
    for metric in listed:
        assert metric["Namespace"] == known[metric["MetricName"]].namespace
        assert sorted(one["Name"] for one in metric["Dimensions"]) == ["EndpointName", "VariantName"]
    not_loaded = {"ModelDownloadingTime", "ModelLoadingTime"}
    assert {metric["MetricName"] for metric in listed} == set(known) - not_loaded
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
