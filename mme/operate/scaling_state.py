"""How an endpoint scales: bounds and policies, as Application Auto Scaling has them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient

_DIMENSION: Final = "sagemaker:variant:DesiredInstanceCount"


@dataclass(frozen=True, slots=True)
class ScalingPolicy:
    """One policy.

    Attributes:
        name: of the policy.
        kind: `TargetTrackingScaling` or `StepScaling`.
        metric: what it follows; empty for steps, whose alarm knows.
        target: the value it keeps to; None for steps.
        alarms: the alarms it made for itself, or is called by.
    """

    name: str
    kind: str
    metric: str
    target: float | None
    alarms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScalingState:
    """The scaling of one variant.

    Attributes:
        variant: its name.
        minimum: fewest instances.
        maximum: most instances.
        suspended: true where scaling in or out is switched off.
        policies: by name.
    """

    variant: str
    minimum: int
    maximum: int
    suspended: bool
    policies: tuple[ScalingPolicy, ...]


def read_scaling(
    client: ApplicationAutoScalingClient, endpoint_name: str, variants: Iterable[str]
) -> list[ScalingState]:
    """The scaling of each variant that has any."""
    resources = [f"endpoint/{endpoint_name}/variant/{variant}" for variant in variants]
    if not resources:
        return []
    pages = client.get_paginator("describe_scalable_targets").paginate(
        ServiceNamespace="sagemaker", ResourceIds=resources
    )
    targets: list[Any] = [target for page in pages for target in page["ScalableTargets"]]
    return [
        ScalingState(
            variant=target["ResourceId"].rpartition("/")[2],
            minimum=target["MinCapacity"],
            maximum=target["MaxCapacity"],
            suspended=any((target.get("SuspendedState") or {}).values()),
            policies=_policies(client, target["ResourceId"]),
        )
        for target in targets
        if target.get("ScalableDimension", _DIMENSION) == _DIMENSION
    ]


def _policies(client: ApplicationAutoScalingClient, resource: str) -> tuple[ScalingPolicy, ...]:
    pages = client.get_paginator("describe_scaling_policies").paginate(
        ServiceNamespace="sagemaker", ResourceId=resource
    )
    found: list[Any] = [policy for page in pages for policy in page["ScalingPolicies"]]
    return tuple(_policy(policy) for policy in sorted(found, key=lambda one: str(one["PolicyName"])))


def _policy(policy: Any) -> ScalingPolicy:
    tracking = policy.get("TargetTrackingScalingPolicyConfiguration") or {}
    predefined = tracking.get("PredefinedMetricSpecification") or {}
    customized = tracking.get("CustomizedMetricSpecification") or {}
    return ScalingPolicy(
        name=policy["PolicyName"],
        kind=policy["PolicyType"],
        metric=predefined.get("PredefinedMetricType") or customized.get("MetricName", ""),
        target=tracking.get("TargetValue"),
        alarms=tuple(alarm["AlarmName"] for alarm in policy.get("Alarms", [])),
    )
