"""Scalable targets and scaling policies of an endpoint's variant."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
VARIANT = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/mme/variant/AllTraffic",
    "ScalableDimension": DIMENSION,
}
PREDEFINED = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}


def scaled(template: dict[str, Any], **bounds: int) -> dict[str, Any]:
    target = {
        "MinCapacity": 1,
        "MaxCapacity": 2,
        **bounds,
        "ResourceId": {"Fn::Sub": "endpoint/${Endpoint.EndpointName}/variant/AllTraffic"},
        "ScalableDimension": DIMENSION,
        "ServiceNamespace": "sagemaker",
        "Tags": [{"Key": "project", "Value": "mme"}],
    }
    policy = {
        "PolicyName": "invocations",
        "PolicyType": "TargetTrackingScaling",
        "ScalingTargetId": {"Ref": "Target"},
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 600.0,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
            },
        },
    }
    kind = "AWS::ApplicationAutoScaling"
    template["Resources"]["Target"] = {"Type": f"{kind}::ScalableTarget", "Properties": target}
    template["Resources"]["Policy"] = {"Type": f"{kind}::ScalingPolicy", "Properties": policy}
    return template


def test_a_target_and_its_policy_are_registered(
    deploy: Any, endpoint_template: Any, resource_id: Any, aws: Any
) -> None:
    assert deploy(scaled(endpoint_template()))["StackStatus"] == "CREATE_COMPLETE"

    scaling = aws("application-autoscaling")
    [target] = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert (target["ResourceId"], target["ScalableDimension"]) == (
        "endpoint/mme/variant/AllTraffic",
        DIMENSION,
    )
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 2)
    assert target["RoleARN"].endswith("AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint")
    assert resource_id("Target") == f"endpoint/mme/variant/AllTraffic|{DIMENSION}|sagemaker"
    [policy] = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    assert policy["PolicyARN"] == resource_id("Policy")
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 600.0


def test_bounds_change_in_place_and_end_with_the_stack(
    deploy: Any, endpoint_template: Any, resource_id: Any, cloudformation: Any, aws: Any
) -> None:
    deploy(scaled(endpoint_template()))
    before = resource_id("Target")

    assert deploy(scaled(endpoint_template(), MaxCapacity=9))["StackStatus"] == "UPDATE_COMPLETE"
    assert resource_id("Target") == before
    scaling, namespace = aws("application-autoscaling"), {"ServiceNamespace": "sagemaker"}
    [target] = scaling.describe_scalable_targets(**namespace)["ScalableTargets"]
    assert target["MaxCapacity"] == 9
    cloudformation.delete_stack(StackName="app")
    assert scaling.describe_scalable_targets(**namespace)["ScalableTargets"] == []
    assert scaling.describe_scaling_policies(**namespace)["ScalingPolicies"] == []


def test_a_scaled_endpoint_may_change_its_model_and_keeps_its_count(
    deploy: Any, endpoint_template: Any, aws: Any
) -> None:
    deploy(scaled(endpoint_template(image="image:1", RetainAllVariantProperties=True)))
    sagemaker = aws("sagemaker")
    live = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
    sagemaker.update_endpoint_weights_and_capacities(EndpointName="mme", DesiredWeightsAndCapacities=live)
    stack = deploy(scaled(endpoint_template(image="image:2", RetainAllVariantProperties=True)))

    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    [variant] = sagemaker.describe_endpoint(EndpointName="mme")["ProductionVariants"]
    assert variant["CurrentInstanceCount"] == 2


@pytest.mark.parametrize(
    ("endpoint", "variant", "reason"),
    [
        ("other", "AllTraffic", 'Could not find endpoint ".*:endpoint/other"'),
        ("mme", "Other", r'variant name\(s\) "Other" is/are not present within endpoint configuration'),
    ],
)
def test_a_target_is_a_variant_that_exists(
    deploy: Any, endpoint_template: Any, aws: Any, endpoint: str, variant: str, reason: str
) -> None:
    deploy(endpoint_template())
    scaling = aws("application-autoscaling")
    with pytest.raises(ClientError, match=f"ValidationException.*{reason}"):
        scaling.register_scalable_target(
            ServiceNamespace="sagemaker",
            ResourceId=f"endpoint/{endpoint}/variant/{variant}",
            ScalableDimension=DIMENSION,
            MinCapacity=1,
            MaxCapacity=2,
        )
    assert scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []


@pytest.mark.parametrize("bounds", [{}, {"MinCapacity": 1}, {"MaxCapacity": 2}])
def test_a_new_target_needs_both_bounds(
    deploy: Any, endpoint_template: Any, aws: Any, bounds: dict[str, int]
) -> None:
    deploy(endpoint_template())
    scaling = aws("application-autoscaling")
    with pytest.raises(ClientError, match=r"ValidationException.*MinCapacity and MaxCapacity are required"):
        scaling.register_scalable_target(**VARIANT, **bounds)
    assert scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []


def test_a_target_s_maximum_is_not_below_its_minimum(deploy: Any, endpoint_template: Any, aws: Any) -> None:
    deploy(scaled(endpoint_template()))
    scaling = aws("application-autoscaling")
    [before] = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    reason = "Maximum capacity cannot be less than minimum capacity"
    for bounds in ({"MinCapacity": 3, "MaxCapacity": 2}, {"MinCapacity": before["MaxCapacity"] + 1}):
        with pytest.raises(ClientError, match=f"ValidationException.*{reason}"):
            scaling.register_scalable_target(**VARIANT, **bounds)
    with pytest.raises(ClientError, match="Minimum capacity cannot be less than 0"):
        scaling.register_scalable_target(**VARIANT, MinCapacity=-1)
    [after] = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert after == before


def put_policy(scaling: Any, **tracking: Any) -> None:
    scaling.put_scaling_policy(
        **VARIANT,
        PolicyName="p",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={"TargetValue": 1.0, **tracking},
    )


def put_action(scaling: Any, schedule: str = "rate(1 day)", **more: str) -> None:
    bounds = {"MinCapacity": 1}
    scaling.put_scheduled_action(
        **VARIANT, ScheduledActionName="a", Schedule=schedule, ScalableTargetAction=bounds, **more
    )


def test_policies_and_schedules_need_a_registered_target(
    deploy: Any, endpoint_template: Any, aws: Any
) -> None:
    deploy(endpoint_template())
    scaling = aws("application-autoscaling")
    reason = "ObjectNotFoundException.*No scalable target registered for service namespace: sagemaker, "
    for put in (
        lambda: put_policy(scaling, PredefinedMetricSpecification=PREDEFINED),
        lambda: put_action(scaling),
    ):
        with pytest.raises(ClientError, match=reason):
            put()
    assert scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"] == []


def test_a_target_takes_its_policies_and_schedules_with_it(
    deploy: Any, endpoint_template: Any, aws: Any
) -> None:
    deploy(scaled(endpoint_template()))
    scaling, namespace = aws("application-autoscaling"), {"ServiceNamespace": "sagemaker"}
    put_action(scaling)
    scaling.deregister_scalable_target(**VARIANT)
    assert scaling.describe_scaling_policies(**namespace)["ScalingPolicies"] == []
    assert scaling.describe_scheduled_actions(**namespace)["ScheduledActions"] == []


@pytest.mark.parametrize(
    ("put", "reason"),
    [
        (put_policy, "exactly one metric specification"),
        (lambda scaling: put_action(scaling, "every day"), "Invalid schedule expression: every day"),
        (lambda scaling: put_action(scaling, "cron(0 8 * * *)"), "Invalid schedule expression"),
        (lambda scaling: put_action(scaling, "at(2030-01-31T12:00)"), "Invalid schedule expression"),
        (lambda scaling: put_action(scaling, Timezone="Mars/X"), "Invalid time zone: Mars/X"),
    ],
)
def test_scaling_that_application_auto_scaling_refuses(
    deploy: Any, endpoint_template: Any, aws: Any, put: Any, reason: str
) -> None:
    deploy(scaled(endpoint_template()))
    scaling = aws("application-autoscaling")
    with pytest.raises(ClientError, match=f"ValidationException.*{reason}"):
        put(scaling)
    assert scaling.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"] == []
    put_action(scaling, "cron(0 8 ? * MON-FRI *)", Timezone="Europe/Berlin")
    put_action(scaling, "at(2030-01-31T12:00:00)")


def test_one_target_tracking_policy_for_a_metric(
    deploy: Any, endpoint_template: Any, events: Any, aws: Any
) -> None:
    template = scaled(endpoint_template())
    assert deploy(template)["StackStatus"] == "CREATE_COMPLETE"
    properties = template["Resources"]["Policy"]["Properties"]
    tracking = properties["TargetTrackingScalingPolicyConfiguration"]
    # The same policy may change; another name means another policy.
    properties["TargetTrackingScalingPolicyConfiguration"] = {**tracking, "TargetValue": 300.0}
    assert deploy(template)["StackStatus"] == "UPDATE_COMPLETE"
    properties["PolicyName"] = "renamed"

    assert deploy(template)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"

    only = "Only one TargetTrackingScaling policy for a given metric specification is allowed."
    assert any(only in reason for _, _, reason in events())
    scaling = aws("application-autoscaling")
    (policy,) = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    assert policy["PolicyName"] == "invocations"


def test_a_scaled_endpoint_is_renamed(deploy: Any, endpoint_template: Any, aws: Any) -> None:
    deploy(scaled(endpoint_template()))
    renamed = scaled(endpoint_template())
    renamed["Resources"]["Endpoint"]["Properties"]["EndpointName"] = "other"

    assert deploy(renamed)["StackStatus"] == "UPDATE_COMPLETE"

    scaling, namespace = aws("application-autoscaling"), {"ServiceNamespace": "sagemaker"}
    (target,) = scaling.describe_scalable_targets(**namespace)["ScalableTargets"]
    (policy,) = scaling.describe_scaling_policies(**namespace)["ScalingPolicies"]
    assert {target["ResourceId"], policy["ResourceId"]} == {"endpoint/other/variant/AllTraffic"}
    endpoints = aws("sagemaker").list_endpoints()["Endpoints"]
    assert [one["EndpointName"] for one in endpoints] == ["other"]


@pytest.mark.parametrize("target", ["endpoint/mme/variant/AllTraffic", "a|b", "a||c", "a|b|c|d"])
def test_a_scaling_policy_without_a_valid_target_is_refused(
    deploy: Any, endpoint_template: Any, events: Any, target: str
) -> None:
    template = scaled(endpoint_template())
    template["Resources"]["Policy"]["Properties"]["ScalingTargetId"] = target

    assert deploy(template)["StackStatus"] == "ROLLBACK_COMPLETE"

    (reason,) = [reason for id, status, reason in events() if (id, status) == ("Policy", "CREATE_FAILED")]
    assert f'Resource handler returned message: "Invalid ScalingTargetId {target}: it must be' in reason
    assert "HandlerErrorCode: InvalidRequest" in reason
