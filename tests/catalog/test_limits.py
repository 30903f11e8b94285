"""The limits agree with botocore's service models that state them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.loaders import Loader

from mme.catalog import limits


@pytest.fixture(scope="module")
def shapes() -> dict[str, Any]:
    loader = Loader()
    return {
        **loader.load_service_model("sagemaker-runtime", "service-2")["shapes"],
        **loader.load_service_model("sagemaker", "service-2")["shapes"],
    }


@pytest.mark.parametrize(
    ("limit", "shape", "bound"),
    [
        (limits.TARGET_MODEL_MAX_CHARS, "TargetModelHeader", "max"),
        (limits.MODEL_DATA_URL_MAX_CHARS, "Url", "max"),
        (limits.PAYLOAD_WARN_BYTES, "BodyBlob", "max"),
        (limits.ENDPOINT_NAME_MAX_CHARS, "EndpointName", "max"),
        (limits.ENDPOINT_NAME_PATTERN, "EndpointName", "pattern"),
        (limits.ENVIRONMENT_MAX_ENTRIES, "EnvironmentMap", "max"),
        (limits.ENVIRONMENT_NAME_PATTERN, "EnvironmentKey", "pattern"),
        (limits.ENVIRONMENT_ENTRY_MAX_BYTES, "EnvironmentKey", "max"),
        (limits.ENVIRONMENT_ENTRY_MAX_BYTES, "EnvironmentValue", "max"),
        (limits.PIPELINE_MAX_CONTAINERS, "ContainerDefinitionList", "max"),
        (limits.CONTAINER_HOSTNAME_PATTERN, "ContainerHostname", "pattern"),
        (limits.VPC_MAX_SUBNETS, "Subnets", "max"),
        (limits.VPC_MAX_SECURITY_GROUPS, "VpcSecurityGroupIds", "max"),
        (limits.VARIANT_MIN_INSTANCES, "InitialTaskCount", "min"),
        (limits.ROLLBACK_ALARMS_MAX, "AlarmList", "max"),
        (limits.VARIANT_NAME_PATTERN, "VariantName", "pattern"),
        (limits.VARIANT_NAME_MAX_CHARS, "VariantName", "max"),
        (limits.VARIANTS_MAX, "ProductionVariantList", "max"),
        (limits.CAPTURE_URI_MAX_CHARS, "DestinationS3Uri", "max"),
    ],
)
def test_limit_is_botocores(shapes: dict[str, Any], limit: object, shape: str, bound: str) -> None:
    assert shapes[shape][bound] == limit


@pytest.mark.parametrize(
    "shape",
    [
        "ProductionVariantModelDataDownloadTimeoutInSeconds",
        "ProductionVariantContainerStartupHealthCheckTimeoutInSeconds",
    ],
)
def test_container_timeouts_are_botocores(shapes: dict[str, Any], shape: str) -> None:
    assert (shapes[shape]["min"], shapes[shape]["max"]) == limits.CONTAINER_TIMEOUT_RANGE_SECONDS


@pytest.mark.parametrize(
    ("bounds", "shape"),
    [
        (limits.DEPLOYMENT_WAIT_RANGE_SECONDS, "WaitIntervalInSeconds"),
        (limits.DEPLOYMENT_WAIT_RANGE_SECONDS, "TerminationWaitInSeconds"),
        (limits.DEPLOYMENT_TIMEOUT_RANGE_SECONDS, "MaximumExecutionTimeoutInSeconds"),
        (limits.VOLUME_SIZE_RANGE_GIB, "ProductionVariantVolumeSizeInGB"),
        (limits.CAPTURE_PERCENT_RANGE, "SamplingPercentage"),
    ],
)
def test_ranges_are_botocores(shapes: dict[str, Any], bounds: tuple[int, int], shape: str) -> None:
    assert (shapes[shape]["min"], shapes[shape]["max"]) == bounds


def test_metric_frequencies_are_botocores(shapes: dict[str, Any]) -> None:
    text = shapes["MetricsConfig"]["members"]["MetricPublishFrequencyInSeconds"]["documentation"]
    (choices,) = re.findall(r"Valid values: (.*?)\.", text)
    assert tuple(map(int, re.findall(r"\d+", choices))) == limits.METRIC_FREQUENCIES_SECONDS


def test_a_client_waits_longer_than_the_service_takes() -> None:
    assert limits.INVOKE_TIMEOUT_SECONDS < limits.CLIENT_READ_TIMEOUT_SECONDS < limits.LOAD_TIMEOUT_SECONDS
    assert limits.PAYLOAD_WARN_BYTES < limits.PAYLOAD_MAX_BYTES
