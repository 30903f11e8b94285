"""Durations and sizes in units that AWS does not accept are reported with their prop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import Duration, Size, Stack

from mme_cdk import (
    DeploymentStrategy,
    EndpointBase,
    ModelBucket,
    ModelStore,
    MultiModelEndpoint,
    PropsError,
    ServingImage,
)
from mme_cdk.async_invocations import AsyncInvocations

BROKEN = Duration.millis(60_500)


def endpoint(stack: Stack, **props: Any) -> MultiModelEndpoint:
    models = ModelStore.from_bucket(ModelBucket(stack, "Models", access_logs=False))
    image = ServingImage.xgboost("3.2-0")
    return MultiModelEndpoint(
        stack, "Endpoint", image=image, models=models, instance_type="ml.m5.large", **props
    )


def queue(stack: Stack, **props: Any) -> AsyncInvocations:
    theirs = EndpointBase.from_endpoint_name(stack, "Theirs", "ep")
    return AsyncInvocations(stack, "Async", endpoint=theirs, **props)


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (
            lambda stack: endpoint(stack, model_data_download_timeout=BROKEN),
            r"model_data_download_timeout is 60\.5 s; must be whole seconds",
        ),
        (
            lambda stack: endpoint(stack, metric_publish_frequency=Duration.millis(10_500)),
            r"metric_publish_frequency is 10\.5 s; must be one of 10, 30",
        ),
        (
            lambda stack: endpoint(stack, volume_size=Size.mebibytes(1536)),
            r"volume_size is 1\.5 GiB; must be whole GiB, from 1 to 512",
        ),
        (
            lambda stack: endpoint(stack, volume_size=Size.gibibytes(513)),
            r"volume_size is 513 GiB; must be whole GiB, from 1 to 512",
        ),
        (
            lambda stack: DeploymentStrategy.all_at_once(wait_interval=BROKEN),
            r"^wait_interval is 60\.5 s; must be whole seconds",
        ),
        (
            lambda stack: (
                endpoint(stack)
                .auto_scale_instance_count(max_capacity=2)
                .scale_on_invocations("Load", max_requests_per_second=5, scale_in_cooldown=BROKEN)
            ),
            r"scale_in_cooldown is 60\.5 s; must be whole seconds",
        ),
        (
            lambda stack: endpoint(stack).add_monitoring(period=BROKEN),
            r"period is 60\.5 s; .*must be one or more whole minutes",
        ),
        (
            lambda stack: ModelBucket(stack, "Bucket", old_versions_expire_after=Duration.hours(36)),
            r"^Test/Bucket: old_versions_expire_after is 1\.5 days; must be whole days, at least 1$",
        ),
        (
            lambda stack: ModelBucket(stack, "Bucket", access_logs_expire_after=Duration.days(0)),
            r"access_logs_expire_after is 0 days; must be whole days, at least 1$",
        ),
        (
            lambda stack: queue(stack, memory_size=Size.kibibytes(1_000_000)),
            r"memory_size is 976\.562 MiB; must be whole MiB, from 128 to 10240",
        ),
        (
            lambda stack: queue(stack, timeout=Duration.millis(100_500)),
            r"timeout is 100\.5 s; must be whole seconds",
        ),
    ],
)
def test_what_aws_does_not_count(stack: Stack, make: Callable[[Stack], object], fault: str) -> None:
    with pytest.raises(PropsError, match=fault):
        make(stack)


def test_whole_ones_of_other_units_are_taken(stack: Stack, synth) -> None:
    endpoint(stack, volume_size=Size.mebibytes(2048), model_data_download_timeout=Duration.minutes(2))
    (variant,) = synth(stack).one("AWS::SageMaker::EndpointConfig")["ProductionVariants"]
    assert variant["VolumeSizeInGB"] == 2
    assert variant["ModelDataDownloadTimeoutInSeconds"] == 120
