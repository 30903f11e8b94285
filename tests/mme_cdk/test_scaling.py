from __future__ import annotations

import pytest
from aws_cdk import Duration, Stack, Token

from mme_cdk import Endpoint, EndpointConfig, ModelStore, MultiModel, PropsError, ServingImage

TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"
POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"


def endpoint_of(stack: Stack, models: ModelStore, count: int = 1) -> Endpoint:
    model = MultiModel(stack, "Model", image=ServingImage.triton("26.05"), models=models)
    config = EndpointConfig(
        stack, "Config", model=model, instance_type="ml.g5.xlarge", initial_instance_count=count
    )
    return Endpoint(stack, "Endpoint", config=config, endpoint_name="mine")


@pytest.fixture
def endpoint(stack: Stack, models: ModelStore) -> Endpoint:
    return endpoint_of(stack, models)


def test_target(stack: Stack, endpoint: Endpoint, synth) -> None:
    endpoint.auto_scale_instance_count(min_capacity=1, max_capacity=8)
    template = synth(stack)
    assert template.one(TARGET) == {
        "MinCapacity": 1,
        "MaxCapacity": 8,
        "ResourceId": "endpoint/mine/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "ServiceNamespace": "sagemaker",
    }
    # An update must not undo what scaling did.
    assert template.one("AWS::SageMaker::Endpoint")["RetainAllVariantProperties"] is True
    # The endpoint comes first, although the target only names it.
    (target,) = template.all(TARGET)
    assert target["DependsOn"] == [template.id_of("AWS::SageMaker::Endpoint")]


def test_a_low_initial_count_is_raised_to_the_minimum(stack: Stack, endpoint: Endpoint, synth) -> None:
    endpoint.auto_scale_instance_count(min_capacity=3, max_capacity=8)
    (variant,) = synth(stack).one("AWS::SageMaker::EndpointConfig")["ProductionVariants"]
    assert variant["InitialInstanceCount"] == 3
    assert endpoint.config.initial_instance_count == 3


def test_a_higher_initial_count_stays(stack: Stack, models: ModelStore, synth) -> None:
    endpoint_of(stack, models, count=4).auto_scale_instance_count(min_capacity=2, max_capacity=8)
    (variant,) = synth(stack).one("AWS::SageMaker::EndpointConfig")["ProductionVariants"]
    assert variant["InitialInstanceCount"] == 4


@pytest.mark.parametrize(
    ("bounds", "fault"),
    [
        (
            {"min_capacity": 3, "max_capacity": 2},
            r"min_capacity 3 is above max_capacity 2: raise one",
        ),
        ({"min_capacity": 0, "max_capacity": 2}, r"min_capacity is 0; it must be at least 1"),
        ({"min_capacity": 1, "max_capacity": 0}, r"min_capacity 1 is above max_capacity 0"),
    ],
)
def test_bounds(endpoint: Endpoint, bounds: dict[str, int], fault: str) -> None:
    with pytest.raises(PropsError, match=fault):
        endpoint.auto_scale_instance_count(**bounds)


def test_more_instances_than_the_maximum(stack: Stack, models: ModelStore) -> None:
    with pytest.raises(PropsError, match=r"initial_instance_count 4 is above max_capacity 2: bring them"):
        endpoint_of(stack, models, count=4).auto_scale_instance_count(max_capacity=2)


def test_bounds_known_only_at_deployment(stack: Stack, endpoint: Endpoint, synth) -> None:
    endpoint.auto_scale_instance_count(max_capacity=Token.as_number({"Ref": "Most"}))
    assert synth(stack).one(TARGET)["MaxCapacity"] == {"Ref": "Most"}


def test_only_once(endpoint: Endpoint) -> None:
    endpoint.auto_scale_instance_count(max_capacity=2)
    with pytest.raises(PropsError, match=r"called twice; add policies to what the first call returned"):
        endpoint.auto_scale_instance_count(max_capacity=3)


def test_scale_on_invocations(stack: Stack, endpoint: Endpoint, synth) -> None:
    scaling = endpoint.auto_scale_instance_count(max_capacity=2)
    scaling.scale_on_invocations(
        "Load", max_requests_per_second=20, scale_in_cooldown=Duration.minutes(5), disable_scale_in=True
    )
    policy = synth(stack).one(POLICY)
    assert policy["PolicyType"] == "TargetTrackingScaling"
    # 20 a second, half of it, in a minute.
    assert policy["TargetTrackingScalingPolicyConfiguration"] == {
        "TargetValue": 600,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        "ScaleInCooldown": 300,
        "DisableScaleIn": True,
    }


def test_two_policies_have_two_names(stack: Stack, endpoint: Endpoint, synth) -> None:
    scaling = endpoint.auto_scale_instance_count(max_capacity=2)
    scaling.scale_on_invocations("One", max_requests_per_second=20, safety_factor=0.8)
    scaling.scale_on_invocations("Two", max_requests_per_second=30, safety_factor=1)
    policies = synth(stack).all(POLICY)
    assert len({policy["Properties"]["PolicyName"] for policy in policies}) == 2


@pytest.mark.parametrize(
    ("props", "fault"),
    [
        ({"max_requests_per_second": 0}, r"max_requests_per_second is 0; it must be above 0"),
        (
            {"max_requests_per_second": 5, "safety_factor": 1.5},
            r"safety_factor is 1\.5; it must be at most",
        ),
        (
            {"max_requests_per_second": -1, "safety_factor": 0},
            r"is -1; .*safety_factor is 0; it must",
        ),
    ],
)
def test_rates(endpoint: Endpoint, props: dict[str, float], fault: str) -> None:
    scaling = endpoint.auto_scale_instance_count(max_capacity=2)
    with pytest.raises(PropsError, match=fault):
        scaling.scale_on_invocations("Load", **props)
