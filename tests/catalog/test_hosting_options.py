"""Hosting options: each limit has a source, and agrees with botocore and with the other limits."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from botocore.loaders import Loader

from mme.catalog import limits
from mme.catalog.hosting_options import HostingLimit, hosting_options
from mme.catalog.records import record


def most(option: str, need: str) -> float:
    (found,) = (
        one.most for one in hosting_options()[option].limits if one.need == need and one.most is not None
    )
    return found


def test_each_limit_has_a_bound_a_source_and_a_date() -> None:
    assert all(record("hosting_options")["sources"])
    for option in hosting_options().values():
        assert option.limits, option.name
        for limit in option.limits:
            assert (limit.most is None) != (limit.least is None), limit
            assert limit.source
            assert datetime.date.fromisoformat(limit.date)


@pytest.mark.parametrize(
    "option",
    ["real-time", "multi-model", "multi-container", "serial-pipeline", "inference-components", "hybrid"],
)
def test_real_time_limits_are_those_of_the_client(option: str) -> None:
    assert most(option, "payload_bytes") == limits.PAYLOAD_MAX_BYTES
    assert most(option, "processing_seconds") == limits.INVOKE_TIMEOUT_SECONDS


@pytest.fixture(scope="module")
def shapes() -> dict[str, Any]:
    loader = Loader()
    return {
        **loader.load_service_model("sagemaker-runtime", "service-2")["shapes"],
        **loader.load_service_model("sagemaker", "service-2")["shapes"],
    }


@pytest.mark.parametrize(
    ("option", "need", "shape", "factor"),
    [
        ("serial-pipeline", "steps", "ContainerDefinitionList", 1),
        ("multi-container", "models", "ContainerDefinitionList", 1),
        ("serverless", "model_bytes", "ServerlessMemorySizeInMB", 1024 * 1024),
        ("asynchronous", "processing_seconds", "InvocationTimeoutSecondsHeader", 1),
        ("batch-transform", "processing_seconds", "InvocationsTimeoutInSeconds", 1),
    ],
)
def test_a_limit_is_botocores(
    shapes: dict[str, Any], option: str, need: str, shape: str, factor: int
) -> None:
    assert most(option, need) == shapes[shape]["max"] * factor


def test_a_need_at_the_limit_fits() -> None:
    limit = HostingLimit(need="models", text="x", source="x", date="2026-11-30", most=15)
    assert limit.fits(15)
    assert not limit.fits(16)
    limit = HostingLimit(need="models", text="x", source="x", date="2026-11-30", least=2)
    assert limit.fits(2)
    assert not limit.fits(1)
