"""Changing the type of a scaled variant: two deployments, one line each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Annotations, Match
from aws_cdk.aws_applicationautoscaling import ScalingInterval, Schedule

from mme_cdk import (
    ModelBucket,
    ModelStore,
    MultiModelEndpoint,
    Processor,
    ScalableInstanceCount,
    ServingImage,
    TritonSettings,
)

SCALING = "AWS::ApplicationAutoScaling::"
TARGET = f"{SCALING}ScalableTarget"
CONFIG = "AWS::SageMaker::EndpointConfig"


def scale(endpoint: MultiModelEndpoint) -> ScalableInstanceCount:
    """Every kind of policy: a user changes none of them for a change of type."""
    count = endpoint.auto_scale_instance_count(min_capacity=2, max_capacity=8)
    count.scale_on_invocations("Load", max_requests_per_second=20)
    count.scale_on_cpu_utilization("Cpu", target_utilization_percent=60)
    count.scale_on_metric(
        "Waits",
        metric=endpoint.metric_model_loading_wait_time(),
        scaling_steps=[ScalingInterval(upper=1_000, change=-1), ScalingInterval(lower=5_000_000, change=1)],
    )
    count.scale_on_schedule("Morning", schedule=Schedule.cron(hour="8", minute="0"), min_capacity=4)
    return count


@pytest.fixture
def template_of(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """The template of one endpoint, of a new app for each call, as its types say."""

    def template(**types: str) -> dict[str, Any]:
        folder = tmp_path / "-".join(types.values())
        app = App(outdir=str(folder), analytics_reporting=False)
        stack = Stack(app, "Serving")
        endpoint = MultiModelEndpoint(
            stack,
            "Endpoint",
            image=ServingImage.triton("26.05", processor=Processor.CPU),
            models=ModelStore.from_bucket(ModelBucket(stack, "Models")),
            triton=TritonSettings(thread_count=4),
            **types,  # type: ignore[arg-type]
        )
        scale(endpoint)
        app.synth()
        found: dict[str, Any] = json.loads((folder / "Serving.template.json").read_text("utf-8"))
        return found

    return template


def kinds(template: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {id: one for id, one in template["Resources"].items() if one["Type"].startswith(prefix)}


def test_the_two_phases(template_of: Callable[..., dict[str, Any]]) -> None:
    before = template_of(instance_type="ml.m5.xlarge")
    first = template_of(instance_type="ml.m5.xlarge", next_instance_type="ml.m5.2xlarge")
    second = template_of(instance_type="ml.m5.2xlarge", next_instance_type="ml.m5.2xlarge")
    after = template_of(instance_type="ml.m5.2xlarge")

    scaling = {*kinds(before, SCALING), *kinds(before, "AWS::CloudWatch::Alarm")}
    assert len(scaling) == 1 + 4 + 2
    # The first phase takes away what scales, and touches nothing else: the endpoint is not even updated.
    assert first["Resources"] == {id: one for id, one in before["Resources"].items() if id not in scaling}
    # The second changes the type alone and brings the same scaling back.
    changed = {id for id, one in second["Resources"].items() if one != before["Resources"][id]}
    assert {second["Resources"][id]["Type"] for id in changed} == {CONFIG, f"{SCALING}ScalingPolicy"}
    assert second["Resources"].keys() == before["Resources"].keys()
    (config,) = kinds(second, CONFIG).values()
    (variant,) = config["Properties"]["ProductionVariants"]
    assert (variant["InstanceType"], variant["InitialInstanceCount"]) == ("ml.m5.2xlarge", 2)
    # Then the line may go or stay.
    assert after == second


def test_the_target_of_vcpus_follows_the_new_type(template_of: Callable[..., dict[str, Any]]) -> None:
    targets = [
        policy["Properties"]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
        for policy in kinds(template_of(instance_type="ml.m5.2xlarge"), f"{SCALING}ScalingPolicy").values()
        if "TargetTrackingScalingPolicyConfiguration" in policy["Properties"]
    ]
    assert sorted(targets) == [60 * 8, 20 * 0.5 * 60]


@pytest.fixture
def changing(stack: Stack, models: ModelStore) -> MultiModelEndpoint:
    return MultiModelEndpoint(
        stack,
        "Endpoint",
        image=ServingImage.triton("26.05"),
        models=models,
        instance_type="ml.g5.xlarge",
        next_instance_type="ml.g5.2xlarge",
        initial_instance_count=2,
    )


def test_the_first_phase_warns_at_synth(stack: Stack, changing: MultiModelEndpoint, synth) -> None:
    scaling = changing.auto_scale_instance_count(min_capacity=2, max_capacity=8)
    assert not scaling.registered
    assert synth(stack).all(TARGET) == []
    Annotations.from_stack(stack).has_warning(
        "*",
        Match.string_like_regexp(
            r"AllTraffic is not scaled while next_instance_type is ml\.g5\.2xlarge and instance_type is "
            r"ml\.g5\.xlarge; .* set instance_type to ml\.g5\.2xlarge and deploy again"
        ),
    )


def test_both_phases_retain_the_live_count(stack: Stack, changing: MultiModelEndpoint, synth) -> None:
    changing.auto_scale_instance_count(min_capacity=2, max_capacity=8)
    assert synth(stack).one("AWS::SageMaker::Endpoint")["RetainAllVariantProperties"] is True


def test_only_the_variant_that_changes_is_left_out(stack: Stack, changing: MultiModelEndpoint, synth) -> None:
    changing.config.add_variant("Second", model=changing.model, instance_type="ml.g5.xlarge")
    changing.auto_scale_instance_count(max_capacity=8)
    assert changing.auto_scale_instance_count(max_capacity=4, variant_name="Second").registered
    assert synth(stack).one(TARGET)["ResourceId"].endswith("variant/Second")
