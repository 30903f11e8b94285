"""Scaling a variant's instance count with its load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, Names, aws_applicationautoscaling
from constructs import Construct

from mme.catalog.limits import SAFETY_FACTOR, VARIANT_MIN_INSTANCES
from mme_cdk.validation import known, outside, require

if TYPE_CHECKING:
    from mme_cdk.endpoint import Endpoint

_NAMESPACE = "sagemaker"
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_Tracking = aws_applicationautoscaling.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty
_Metric = aws_applicationautoscaling.CfnScalingPolicy.PredefinedMetricSpecificationProperty


class ScalableInstanceCount(Construct):
    """A variant registered with Application Auto Scaling. `Endpoint.auto_scale_instance_count` makes it.

    It takes the service's own linked role, so no role is created and two endpoints never share an id.
    """

    def __init__(
        self, scope: Construct, id: str, *, endpoint: Endpoint, min_capacity: int = 1, max_capacity: int
    ) -> None:
        """Register the variant.

        Args:
            scope: the parent.
            id: the construct's id.
            endpoint: whose variant scales.
            min_capacity: fewest instances, at least 1: a variant cannot scale to zero. Default: 1.
            max_capacity: most instances.

        Raises:
            PropsError: a minimum below 1 or above the maximum, or a maximum below the initial count.
        """
        super().__init__(scope, id)
        initial = endpoint.config.initial_instance_count
        require(
            outside("min_capacity", min_capacity, VARIANT_MIN_INSTANCES),
            f"min_capacity {min_capacity} is above max_capacity {max_capacity}: raise one or lower the other"
            if known(min_capacity) and known(max_capacity) and min_capacity > max_capacity
            else None,
            f"initial_instance_count {initial} is above max_capacity {max_capacity}: bring them together"
            if known(initial) and known(max_capacity) and initial > max_capacity
            else None,
            path=self.node.path,
        )
        endpoint.config.ensure_instances(min_capacity)
        self._resource = aws_applicationautoscaling.CfnScalableTarget(
            self,
            "Resource",
            service_namespace=_NAMESPACE,
            scalable_dimension=_DIMENSION,
            resource_id=f"endpoint/{endpoint.endpoint_name}/variant/{endpoint.config.variant_name}",
            min_capacity=min_capacity,
            max_capacity=max_capacity,
        )
        # The name is plain text, so nothing else tells CloudFormation that the endpoint comes first.
        # On the resource alone: the construct holds this target too.
        self._resource.node.add_dependency(endpoint.node.default_child)

    def scale_on_invocations(
        self,
        id: str,
        *,
        max_requests_per_second: float,
        safety_factor: float = SAFETY_FACTOR,
        scale_in_cooldown: Duration | None = None,
        scale_out_cooldown: Duration | None = None,
        disable_scale_in: bool = False,
    ) -> None:
        """Keep invocations per instance and minute at max_requests_per_second x safety_factor x 60.

        AWS advises this metric for multi-model endpoints.

        Args:
            id: the policy's id.
            max_requests_per_second: what one instance was measured to bear.
            safety_factor: above 0, at most 1. Default: 0.5, as AWS advises to begin with.
            scale_in_cooldown: rest after removing instances. Default: the service's, 300 s.
            scale_out_cooldown: rest after adding instances. Default: the service's, 300 s.
            disable_scale_in: whether it never removes instances. Default: False.

        Raises:
            PropsError: a rate or factor that is not positive, or a factor above 1.
        """
        require(
            _not_positive("max_requests_per_second", max_requests_per_second),
            _not_positive("safety_factor", safety_factor),
            f"safety_factor is {safety_factor}; it must be at most 1"
            if known(safety_factor) and safety_factor > 1
            else None,
            path=f"{self.node.path}/{id}",
        )
        policy = Construct(self, id)
        aws_applicationautoscaling.CfnScalingPolicy(
            policy,
            "Resource",
            policy_name=Names.unique_resource_name(policy, max_length=256, separator="-"),
            policy_type="TargetTrackingScaling",
            scaling_target_id=self._resource.ref,
            target_tracking_scaling_policy_configuration=_Tracking(
                target_value=max_requests_per_second * safety_factor * 60,
                predefined_metric_specification=_Metric(
                    predefined_metric_type="SageMakerVariantInvocationsPerInstance"
                ),
                scale_in_cooldown=scale_in_cooldown.to_seconds() if scale_in_cooldown else None,
                scale_out_cooldown=scale_out_cooldown.to_seconds() if scale_out_cooldown else None,
                disable_scale_in=True if disable_scale_in else None,
            ),
        )


def _not_positive(name: str, value: float) -> str | None:
    return f"{name} is {value}; it must be above 0" if known(value) and value <= 0 else None
