"""What one request and one load count, metric by metric."""

from __future__ import annotations

import pytest

from mme_local.endpoint import errors as outcome
from mme_local.endpoint.call import Call
from mme_local.observe.measurements import Measurements, VariantKey
from mme_local.observe.observed import SeenRequest
from mme_local.trace import Step, Trace

CALL = Call("e", "m.tar.gz", b"", region="eu-west-1")
KEY = VariantKey("eu-west-1", "e", "AllTraffic")
PLACE = outcome.Place("e", "eu-west-1", "123456789012")


def of_one(
    trace: Trace, error: outcome.InvocationError | None = None, seconds: float = 0.5
) -> dict[str, float]:
    measurements = Measurements()
    measurements.count([SeenRequest.of(125.9, CALL, trace, seconds, error)])
    ((key, minute), values), *more = measurements.take().items()
    assert (key, minute, more) == (KEY, 120, [])
    assert {one.count for one in values.values()} == {1}
    return {name: one.total for name, one in values.items()}


def test_a_hit() -> None:
    trace = Trace("AllTraffic", "e/AllTraffic/0", 2, cache_hit=True, model_seconds=0.4)
    assert of_one(trace) == {
        "Invocations": 1,
        "InvocationsPerInstance": 0.5,
        "Invocation4XXErrors": 0,
        "Invocation5XXErrors": 0,
        "InvocationModelErrors": 0,
        "ModelLatency": 400_000,
        "OverheadLatency": pytest.approx(100_000),
        "ModelCacheHit": 1,
    }


def test_a_miss_that_waited() -> None:
    values = of_one(Trace("AllTraffic", cache_hit=False, waited_seconds=0.3, model_seconds=0.1))
    assert (values["ModelCacheHit"], values["ModelLoadingWaitTime"]) == (0, 300_000)


@pytest.mark.parametrize(
    ("error", "counted"),
    [
        (outcome.model_error(PLACE, 400, "bad tensor"), (1, 0, 1)),
        (outcome.model_error(PLACE, 503, "busy"), (0, 1, 1)),
        (outcome.timed_out(PLACE), (0, 1, 1)),
        (outcome.model_not_ready("m"), (1, 0, 0)),
        (outcome.artifact_unavailable("b", "k"), (1, 0, 0)),
        (outcome.internal_failure("why"), (0, 1, 0)),
    ],
)
def test_an_error(error: outcome.InvocationError, counted: tuple[int, int, int]) -> None:
    values = of_one(Trace("AllTraffic", cache_hit=False), error)
    names = ("Invocation4XXErrors", "Invocation5XXErrors", "InvocationModelErrors")
    assert tuple(values[name] for name in names) == counted
    assert "ModelLatency" not in values
    assert values["Invocations"] == 1


def test_a_request_that_reached_no_variant_is_nobodys() -> None:
    measurements = Measurements()
    measurements.count([SeenRequest.of(1, CALL, Trace(), 0.1, outcome.unknown_endpoint("e", "1"))])
    assert measurements.take() == {}


def test_steps_are_timed_in_microseconds() -> None:
    measurements = Measurements(lambda: 60.0)
    for step, seconds in ((Step.DOWNLOAD, 0.1), (Step.LOAD, 0.2), (Step.UNLOAD, 2), (Step.UNLOAD, 1)):
        measurements.stepped(KEY.region, KEY.endpoint, KEY.variant, step, seconds)
    values = measurements.take()[KEY, 60]
    assert {name: (one.count, one.total) for name, one in values.items()} == {
        "ModelDownloadingTime": (1, 100_000),
        "ModelLoadingTime": (1, 200_000),
        "ModelUnloadingTime": (2, 3_000_000),
    }
    assert measurements.take() == {}


def test_requests_of_several_minutes_and_variants_are_kept_apart() -> None:
    measurements = Measurements()
    for at, variant in ((59.9, "a"), (60.0, "a"), (61.0, "a"), (61.0, "b")):
        measurements.count([SeenRequest.of(at, CALL, Trace(variant, cache_hit=True), 0.1, None)])
    counted = {
        (key.variant, minute): values["Invocations"].total
        for (key, minute), values in measurements.take().items()
    }
    assert counted == {("a", 0): 1, ("a", 60): 2, ("b", 60): 1}
