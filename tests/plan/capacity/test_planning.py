"""The choice: cheapest, objectives, models that should leave."""

from __future__ import annotations

import pytest

from mme.catalog.instances import instance_types
from mme.catalog.prices import Price
from mme.errors import MmeError
from mme.plan.capacity.instance_choice import given_assumptions, parse_assumptions, parse_counts, parse_daily
from mme.plan.capacity.objectives import Objectives
from mme.plan.capacity.planning import Plan, make_plan
from mme.plan.models.assumptions import Assumptions
from mme.plan.prediction.trace_traffic import TraceTraffic
from mme.plan.traffic.mix import Mix
from tests.plan.workload import a_mix, a_trace, some_fleet

KINDS = [instance_types()[name] for name in ("ml.c5.large", "ml.m5.xlarge", "ml.m5.2xlarge")]
PRICES = {"ml.c5.large": 0.1, "ml.m5.xlarge": 0.23, "ml.m5.2xlarge": 0.46}


def price(name: str) -> Price:
    return Price(PRICES[name], "us-east-1", "2026", "a test")


def planned(traffic: object, *, replays: int = 0, **objectives: float) -> Plan:
    return make_plan(traffic, KINDS, [1, 2, 4], price, Objectives(**objectives), replays=replays)  # type: ignore[arg-type]


def test_the_cheapest_that_meets_the_objectives() -> None:
    plan = planned(a_mix(some_fleet()), replays=1, hit_ratio=0.9, p95_ms=2000)
    assert plan.best.hit_ratio >= 0.9
    assert plan.best.p95_ms <= 2000
    cheaper = [one for one in plan.estimates if one.usd_per_month < plan.best.usd_per_month]
    assert cheaper
    assert all(one.hit_ratio < 0.9 or one.p95_ms > 2000 for one in cheaper)
    assert plan.best.usd_per_month == pytest.approx(plan.best.price.usd_per_hour * plan.best.count * 720)
    assert plan.best.usd_per_million == pytest.approx(plan.best.usd_per_month / (5 * 2.592))
    replayed = plan.replays[plan.best.name]
    assert replayed.hits == pytest.approx(plan.best.hit_ratio, abs=0.02)
    assert [one.p95_ms for one in plan.front] == sorted((one.p95_ms for one in plan.front), reverse=True)


def test_the_busiest_models_of_a_mix_have_their_copies_when_the_replay_counts() -> None:
    # 60 % of 1,000 requests per second for one model: 12 in flight, more than one instance takes.
    plan = planned(a_mix(some_fleet(20), rate=1000.0, zipf=2.0), replays=1, p95_ms=300)
    replayed = plan.replays[plan.best.name]
    assert plan.best.count > 1
    assert replayed.requests == 45_000
    assert replayed.hits == pytest.approx(plan.best.hit_ratio, abs=0.001)


def test_an_impossible_objective_names_the_best_available() -> None:
    with pytest.raises(
        MmeError, match=r"none of 9 configurations .* best available is 4 x ml.m5.2xlarge .* p95"
    ):
        planned(a_mix(some_fleet(service_ms=50.0)), p95_ms=20)


def test_a_model_larger_than_every_type() -> None:
    with pytest.raises(MmeError, match=r"model-\d+_v0.tar.gz needs .* type compared, ml.m5.2xlarge, "):
        planned(a_mix(some_fleet(weight_factor=2000.0)))


def test_a_type_that_is_too_small_is_left_out() -> None:
    plan = planned(a_mix(some_fleet(weight_factor=100.0)))
    assert "needs" in plan.left_out["ml.c5.large"]
    assert {one.kind.name for one in plan.estimates} == {"ml.m5.xlarge", "ml.m5.2xlarge"}


def test_few_requests_state_their_uncertainty() -> None:
    trace = a_trace(a_mix(some_fleet(30)), 400)
    plan = planned(trace)
    assert plan.uncertainty is not None
    assert 0.005 < plan.uncertainty < 0.05
    assert planned(a_trace(a_mix(some_fleet(30)), 5000)).uncertainty is None


def test_a_model_above_the_spill_threshold_should_leave() -> None:
    plan = planned(a_mix(some_fleet(50, service_ms=200.0, workers=64), rate=200.0, zipf=1.5))
    assert plan.leaving[0].model == "model-000_v0.tar.gz"
    assert plan.leaving[0].in_flight > 8
    assert "several instances" in plan.leaving[0].reason


def test_a_model_that_pays_for_an_instance_should_leave() -> None:
    plan = planned(a_mix(some_fleet(200, service_ms=5.0), rate=100.0, zipf=2.0), hit_ratio=0.999)
    assert plan.best.usd_per_month >= 2 * 72
    assert "pays for a dedicated ml.c5.large" in plan.leaving[0].reason


def test_a_daily_curve_raises_the_peak() -> None:
    daily = (0.0,) * 12 + (1.0,) * 12
    mix = Mix(10.0, 1.0, daily)
    assert mix.peak_rate == 20.0
    trace = mix.sample(["a", "b"], 20_000)
    hours = trace.seconds / 3600 % 24
    assert (hours >= 12).all()
    assert len(trace) / 20_000 * 20.0 == pytest.approx(20.0)
    fleet = some_fleet(2)
    assert TraceTraffic(mix.sample(fleet.names, 1_000_000), fleet).peak_rate == pytest.approx(20, rel=0.1)


@pytest.mark.parametrize(("text", "expected"), [("1-3", [1, 2, 3]), ("2,8", [2, 8]), (" 1 - 2 ,2", [1, 2])])
def test_counts(text: str, expected: list[int]) -> None:
    assert parse_counts(text) == expected


@pytest.mark.parametrize("text", ["", "0", "3-1", "1-", "-1", "x", "1,,2", "2000"])
def test_counts_refused(text: str) -> None:
    with pytest.raises(MmeError, match="is not a list of instance counts"):
        parse_counts(text)


def test_other_refusals() -> None:
    with pytest.raises(MmeError, match="is not a daily curve"):
        parse_daily("1,x")
    with pytest.raises(MmeError, match="has 2 values; a curve has 24"):
        Mix(1.0, 1.0, (1.0, 2.0))
    with pytest.raises(MmeError, match="'speed=1' is not an assumption; there are service_ms"):
        parse_assumptions(["speed=1"], ["service_ms"])
    with pytest.raises(MmeError, match="'x' is not a number"):
        parse_assumptions(["service_ms=x"], ["service_ms"])
    with pytest.raises(MmeError, match=r"workers can't be 1.5; it is a whole number"):
        given_assumptions(["workers=1.5"])
    with pytest.raises(MmeError, match="service_ms can't be 0"):
        Assumptions(service_ms=0)
    with pytest.raises(MmeError, match="a rate of -1 requests/s is not possible"):
        Mix(-1.0)
    with pytest.raises(MmeError, match="--hit-ratio 95 is not a share"):
        Objectives(hit_ratio=95)
