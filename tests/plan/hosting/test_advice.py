"""The hosting decision: which option fits, and which limit rules the others out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.catalog.prices import Price, PriceList
from mme.errors import MmeError
from mme.plan.hosting.advice import Advice, Verdict, advise
from mme.plan.hosting.workload import CUSTOM, Traffic, Wait, Workload

PRICES = PriceList(
    {
        (type, "us-east-1"): Price(usd, "us-east-1", "2025", "x")
        for type, usd in {"ml.g5.xlarge": 1.4, "ml.m5.xlarge": 0.25}.items()
    }
)


def decided(**given: Any) -> Advice:
    return advise(Workload.assume(**given)[0], PRICES, "us-east-1")


def verdict(advice: Advice, name: str) -> Verdict:
    return next(one for one in advice.verdicts if one.option.name == name)


def deciding(advice: Advice, name: str) -> str:
    found = verdict(advice, name).decisive
    assert found is not None
    return found.limit.text


@pytest.mark.parametrize(
    ("workload", "recommended"),
    [
        ({}, "real-time"),
        ({"wait": Wait.MILLISECONDS}, "real-time"),
        ({"traffic": Traffic.INTERMITTENT}, "serverless"),
        ({"traffic": Traffic.INTERMITTENT, "cold_starts": False}, "real-time"),
        ({"traffic": Traffic.INTERMITTENT, "gpu": True}, "real-time"),
        ({"traffic": Traffic.INTERMITTENT, "payload_bytes": 5_000_000}, "real-time"),
        ({"traffic": Traffic.INTERMITTENT, "model_bytes": 7 * 1024**3}, "real-time"),
        ({"traffic": Traffic.INTERMITTENT, "models": 50}, "serverless"),
        ({"traffic": Traffic.INTERMITTENT, "models": 51}, "multi-model"),
        ({"payload_bytes": 100_000_000}, "asynchronous"),
        ({"processing_seconds": 600.0}, "asynchronous"),
        ({"wait": Wait.MINUTES}, "asynchronous"),
        ({"traffic": Traffic.BATCH}, "batch-transform"),
        ({"wait": Wait.HOURS, "payload_bytes": 200_000_000}, "asynchronous"),
        ({"models": 500}, "multi-model"),
        ({"models": 500, "wait": Wait.MINUTES}, "multi-model"),
        ({"models": 500, "cold_starts": False}, "inference-components"),
        ({"models": 500, "gpu": True, "frameworks": ("triton",)}, "multi-model"),
        ({"models": 500, "gpu": True, "frameworks": ("xgboost",)}, "inference-components"),
        ({"models": 20, "gpu": True, "model_bytes": 9 * 1024**3}, "inference-components"),
        ({"models": 500, "hot_models": 5}, "hybrid"),
        ({"models": 500, "hot_models": 5, "cold_starts": False}, "inference-components"),
        ({"models": 3, "frameworks": ("triton", "xgboost")}, "multi-container"),
        ({"models": 15, "frameworks": ("triton", "xgboost"), "cold_starts": False}, "multi-container"),
        ({"models": 16, "frameworks": ("triton", "xgboost")}, "multi-model"),
        ({"steps": 3}, "serial-pipeline"),
        ({"steps": 2, "models": 100}, "serial-pipeline"),
        ({"models": 100, "payload_bytes": 30_000_000}, "asynchronous"),
    ],
)
def test_what_is_recommended(workload: dict[str, Any], recommended: str) -> None:
    found = decided(**workload).recommended
    assert found is not None
    assert found.option.name == recommended
    assert found.fits
    assert found.reason


@pytest.mark.parametrize(
    ("workload", "option", "limit"),
    [
        ({"payload_bytes": 25_000_001}, "real-time", "25 MB a request"),
        ({"processing_seconds": 61.0}, "real-time", "60 s a request"),
        ({"payload_bytes": 4_000_001}, "serverless", "4 MB a request"),
        ({"gpu": True}, "serverless", "no GPU"),
        ({"wait": Wait.MINUTES, "payload_bytes": 1_000_000_001}, "asynchronous", "1 GB a request"),
        ({"wait": Wait.HOURS, "payload_bytes": 100_000_001}, "batch-transform", "100 MB a record"),
        ({"models": 16}, "multi-container", "15 containers"),
        ({"steps": 16}, "serial-pipeline", "15 containers"),
        ({"models": 9, "type": "ml.g5.12xlarge"}, "multi-model", "CPU types, and types with one GPU"),
        (
            {"models": 9, "model_bytes": 6 * 1024**3},
            "multi-model",
            "a model of at most a third of ml.m5.xlarge's memory",
        ),
        ({"models": 9}, "hybrid", "some models take most of the calls"),
        ({}, "multi-model", "2 models or more"),
    ],
)
def test_which_limit_decides(workload: dict[str, Any], option: str, limit: str) -> None:
    assert deciding(decided(**workload), option) == limit


def test_a_need_at_the_limit_fits() -> None:
    assert verdict(decided(payload_bytes=25_000_000, processing_seconds=60.0), "real-time").fits


def test_when_nothing_fits() -> None:
    found = decided(steps=16)
    assert verdict(found, "serial-pipeline").decisive
    assert decided(payload_bytes=25_000_001, wait=Wait.SECONDS).recommended is None


def test_what_each_option_costs_in_a_month() -> None:
    found = decided(models=10)
    costs = {one.option.name: one.usd.text() if one.usd else None for one in found.verdicts}
    assert costs["real-time"] == "3,600"
    assert costs["multi-model"] == "360 to 720"
    assert costs["serverless"] is None
    assert costs["batch-transform"] is None
    # 10 reservations of 500 MB on instances of 16 GiB.
    assert costs["inference-components"] == "360 to 720"
    gpus = {one.option.name: one.usd for one in decided(models=10, gpu=True).verdicts}
    # A component reserves a whole GPU.
    assert gpus["inference-components"] is not None
    assert gpus["inference-components"].text() == "10,080 to 20,160"


def test_two_frameworks_are_two_multi_model_endpoints() -> None:
    found = decided(models=100, frameworks=("triton", "sklearn"))
    assert found.recommended is not None
    assert found.recommended.billing == "2 endpoints of 2 to 4 ml.m5.xlarge"
    assert any("scikit-learn" in note for note in found.notes)


def test_without_a_price_the_rest_is_advised() -> None:
    found = advise(Workload.assume(models=10, type="ml.r7i.large")[0], PRICES, "us-east-1").recommended
    assert found is not None
    assert found.usd is None
    assert "no price of ml.r7i.large" in found.billing


def test_what_cold_starts_would_save_is_noted() -> None:
    found = decided(models=100, gpu=True, cold_starts=False)
    assert any("2,016 to 4,032 USD" in note for note in found.notes)


@pytest.mark.parametrize(
    ("workload", "message"),
    [
        (
            {"wait": Wait.MILLISECONDS, "processing_seconds": 90.0},
            "callers wait milliseconds, and processing",
        ),
        (
            {"wait": Wait.SECONDS, "traffic": Traffic.BATCH},
            "callers wait seconds, and the data comes as a batch",
        ),
        ({"models": 5, "hot_models": 5}, "5 models are hot, and there are 5 models"),
        ({"hot_models": 2}, "2 models are hot"),
        ({"frameworks": ("triton", "xgboost")}, "2 frameworks"),
        ({"gpu": True, "type": "ml.m5.xlarge"}, "ml.m5.xlarge has none"),
        ({"model_bytes": 10**12}, "ml.m5.xlarge has 17.2 GB"),
    ],
)
def test_answers_that_contradict_each_other(workload: dict[str, Any], message: str) -> None:
    with pytest.raises(MmeError, match="two answers contradict each other") as caught:
        decided(**workload)
    assert message in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("workload", "message"),
    [
        ({"models": 0}, "0 models"),
        ({"steps": 0}, "0 containers"),
        ({"hot_models": -1}, "-1 hot models"),
        ({"frameworks": ("tritn",)}, "no container is known for the framework 'tritn'"),
        ({"type": "ml.m5.xlrage"}, "not a SageMaker hosting"),
    ],
)
def test_bad_answers(workload: dict[str, Any], message: str) -> None:
    with pytest.raises(MmeError, match=message) as caught:
        decided(**workload)
    assert caught.value.hint


def test_assumptions_fit_what_is_given() -> None:
    workload, assumed = Workload.assume(processing_seconds=600.0, type="ml.g5.xlarge")
    assert (workload.wait, workload.gpu, workload.cold_starts) == (Wait.MINUTES, True, True)
    assert "processing_seconds" not in assumed
    assert {"wait", "gpu", "models"} <= set(assumed)


@given(
    payload=st.integers(1, 2 * 10**9),
    processing=st.floats(0.001, 10_000),
    wait=st.sampled_from(Wait),
    traffic=st.sampled_from(Traffic),
    models=st.integers(1, 10_000),
    hot=st.integers(0, 20),
    size=st.integers(1, 2 * 10**10),
    frameworks=st.lists(st.sampled_from(["triton", "xgboost", "pytorch", CUSTOM]), max_size=3),
    steps=st.integers(1, 20),
    cold=st.booleans(),
    gpu=st.booleans(),
)
def test_the_recommended_option_is_within_all_its_limits(
    payload: int,
    processing: float,
    wait: Wait,
    traffic: Traffic,
    models: int,
    hot: int,
    size: int,
    frameworks: list[str],
    steps: int,
    cold: bool,
    gpu: bool,
) -> None:
    try:
        found = decided(
            payload_bytes=payload,
            processing_seconds=processing,
            wait=wait,
            traffic=traffic,
            models=models,
            hot_models=hot,
            model_bytes=size,
            frameworks=tuple(frameworks),
            steps=steps,
            cold_starts=cold,
            gpu=gpu,
        )
    except MmeError as error:
        assert error.hint  # noqa: PT017
        return
    fitting = [one for one in found.verdicts if one.fits]
    if found.recommended is None:
        # Options that fit are left out only if another purpose is theirs: a batch, a queue.
        assert not {one.option.name for one in fitting} - {"batch-transform", "asynchronous"}
    else:
        assert found.recommended.fits
        assert found.recommended in found.verdicts
