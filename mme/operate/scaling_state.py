"""Bounds and policies of an endpoint's scaling, from Application Auto Scaling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mme.operate.endpoint_state import EndpointState

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient

DIMENSION: Final = "sagemaker:variant:DesiredInstanceCount"


@dataclass(frozen=True, slots=True)
class ScalingPolicyState:
    """A scaling policy.

    Attributes:
        kind: `TargetTrackingScaling` or `StepScaling`.
        metric: The tracked metric; empty for step scaling.
        target: The target value; None for step scaling.
        alarms: Names of the alarms that it created or that call it.
    """

    name: str
    kind: str
    metric: str
    target: float | None
    alarms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScalingState:
    """The scaling of a variant, in numbers of instances; `suspended` is true if one direction is."""

    variant: str
    minimum: int
    maximum: int
    suspended: bool
    policies: tuple[ScalingPolicyState, ...]


def scaling_resource_id(endpoint: str, variant: str) -> str:
    """Return Application Auto Scaling's ID of a variant (its API reference, `ResourceId`).

    Args:
        endpoint: Name of the endpoint.
        variant: Name of the variant.
    """
    return f"endpoint/{endpoint}/variant/{variant}"


def scalable_targets(client: ApplicationAutoScalingClient, endpoint: EndpointState) -> dict[str, Any]:
    """Return the scalable target of each variant that is registered, by variant.

    Args:
        client: A boto3 client.
        endpoint: The endpoint.
    """
    by_id = {scaling_resource_id(endpoint.name, one.name): one.name for one in endpoint.variants}
    if not by_id:
        return {}
    pages = client.get_paginator("describe_scalable_targets").paginate(
        ServiceNamespace="sagemaker", ResourceIds=list(by_id), ScalableDimension=DIMENSION
    )
    return {
        by_id[target["ResourceId"]]: target
        for page in pages
        for target in page["ScalableTargets"]
        if target["ResourceId"] in by_id
    }


def read_scaling(client: ApplicationAutoScalingClient, endpoint: EndpointState) -> tuple[ScalingState, ...]:
    """Return the scaling of each variant that is registered.

    Args:
        client: A boto3 client.
        endpoint: The endpoint.
    """
    return tuple(
        ScalingState(
            variant=variant,
            minimum=target["MinCapacity"],
            maximum=target["MaxCapacity"],
            suspended=any((target.get("SuspendedState") or {}).values()),
            policies=_policies(client, target["ResourceId"]),
        )
        for variant, target in scalable_targets(client, endpoint).items()
    )


def _policies(client: ApplicationAutoScalingClient, resource: str) -> tuple[ScalingPolicyState, ...]:
    pages = client.get_paginator("describe_scaling_policies").paginate(
        ServiceNamespace="sagemaker", ResourceId=resource
    )
    found: list[Any] = [policy for page in pages for policy in page["ScalingPolicies"]]
    return tuple(map(_policy, sorted(found, key=lambda one: str(one["PolicyName"]))))


def _policy(policy: Any) -> ScalingPolicyState:
    tracking = policy.get("TargetTrackingScalingPolicyConfiguration") or {}
    predefined = tracking.get("PredefinedMetricSpecification") or {}
    customized = tracking.get("CustomizedMetricSpecification") or {}
    return ScalingPolicyState(
        name=policy["PolicyName"],
        kind=policy["PolicyType"],
        metric=predefined.get("PredefinedMetricType") or customized.get("MetricName", ""),
        target=tracking.get("TargetValue"),
        alarms=tuple(alarm["AlarmName"] for alarm in policy.get("Alarms", [])),
    )
