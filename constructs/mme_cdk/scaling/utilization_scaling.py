"""Scaling that keeps a metric of the instances at a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, aws_applicationautoscaling
from constructs import Construct

from mme.catalog.instances import instance_type as describe
from mme_cdk._internal.cdk_kinds import METRIC
from mme_cdk._internal.expectations import NUMBER, WHOLE, expect
from mme_cdk._internal.validation import known, outside, require
from mme_cdk.scaling.scaling_faults import not_a_number_yet, not_positive, percent_fault, tracking_faults

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch

    from mme_cdk.endpoint.endpoint import Endpoint
    from mme_cdk.endpoint.production_variant import ProductionVariant


class UtilizationScaling(Construct):
    """The policies of `ScalableInstanceCount` that follow how busy the instances are."""

    _endpoint: Endpoint
    _variant: ProductionVariant
    _target: aws_applicationautoscaling.IScalableTarget

    def scale_on_cpu_utilization(
        self,
        id: str,
        *,
        target_utilization_percent: float,
        vcpus: int | None = None,
        scale_in_cooldown: Duration | None = None,
        scale_out_cooldown: Duration | None = None,
        disable_scale_in: bool = False,
    ) -> None:
        """Keep the processors of an instance at this load.

        SageMaker's metric goes to 100 for each vCPU, so the policy's target is the percentage times the
        instance type's vCPUs.

        Args:
            id: the policy's id.
            target_utilization_percent: 1 to 100, of all vCPUs together.
            vcpus: of the instance type. Default: looked up; needed for a type known only at deployment.
            scale_in_cooldown: rest after removing instances. Default: the service's, 300 s.
            scale_out_cooldown: rest after adding instances. Default: the service's, 300 s.
            disable_scale_in: whether it never removes instances. Default: False.

        Raises:
            PropsError: a percentage out of bounds or not known at synth, or an instance type whose vCPUs
                nobody said.
        """
        type = self._variant.instance_type
        kind = describe(type) if known(type) else None
        require(
            expect("target_utilization_percent", target_utilization_percent, NUMBER),
            expect("vcpus", vcpus, WHOLE, optional=True),
            at=(self, id),
        )
        count = (kind.vcpus if kind else 0) if vcpus is None else vcpus
        require(
            outside("vcpus", vcpus, 1),
            percent_fault(target_utilization_percent),
            not_a_number_yet("target_utilization_percent", target_utilization_percent),
            not_a_number_yet("vcpus", vcpus),
            "the instance type's vCPUs are not known at synth: give vcpus"
            if vcpus is None and not count
            else None,
            at=(self, id),
        )
        self.scale_to_track_metric(
            id,
            metric=self._endpoint.metric_cpu_utilization(variant_name=self._variant.variant_name),
            target_value=target_utilization_percent * count,
            scale_in_cooldown=scale_in_cooldown,
            scale_out_cooldown=scale_out_cooldown,
            disable_scale_in=disable_scale_in,
        )

    def scale_on_gpu_utilization(
        self,
        id: str,
        *,
        target_utilization_percent: float,
        scale_in_cooldown: Duration | None = None,
        scale_out_cooldown: Duration | None = None,
        disable_scale_in: bool = False,
    ) -> None:
        """Keep the GPU of an instance at this load.

        Args:
            id: the policy's id.
            target_utilization_percent: 1 to 100.
            scale_in_cooldown: rest after removing instances. Default: the service's, 300 s.
            scale_out_cooldown: rest after adding instances. Default: the service's, 300 s.
            disable_scale_in: whether it never removes instances. Default: False.

        Raises:
            PropsError: a percentage out of bounds, or an instance type without a GPU.
        """
        self._require_gpu(id, target_utilization_percent)
        self.scale_to_track_metric(
            id,
            metric=self._endpoint.metric_gpu_utilization(variant_name=self._variant.variant_name),
            target_value=target_utilization_percent,
            scale_in_cooldown=scale_in_cooldown,
            scale_out_cooldown=scale_out_cooldown,
            disable_scale_in=disable_scale_in,
        )

    def scale_on_gpu_memory_utilization(
        self,
        id: str,
        *,
        target_utilization_percent: float,
        scale_in_cooldown: Duration | None = None,
        scale_out_cooldown: Duration | None = None,
        disable_scale_in: bool = False,
    ) -> None:
        """Keep the GPU memory of an instance filled to this share.

        Models stay in memory until room is needed, idle or not: with more models than fit, this metric
        stays high under no load at all, and the endpoint at its maximum.

        Args:
            id: the policy's id.
            target_utilization_percent: 1 to 100.
            scale_in_cooldown: rest after removing instances. Default: the service's, 300 s.
            scale_out_cooldown: rest after adding instances. Default: the service's, 300 s.
            disable_scale_in: whether it never removes instances. Default: False.

        Raises:
            PropsError: a percentage out of bounds, or an instance type without a GPU.
        """
        self._require_gpu(id, target_utilization_percent)
        self.scale_to_track_metric(
            id,
            metric=self._endpoint.metric_gpu_memory_utilization(variant_name=self._variant.variant_name),
            target_value=target_utilization_percent,
            scale_in_cooldown=scale_in_cooldown,
            scale_out_cooldown=scale_out_cooldown,
            disable_scale_in=disable_scale_in,
        )

    def scale_to_track_metric(
        self,
        id: str,
        *,
        metric: aws_cloudwatch.IMetric,
        target_value: float,
        scale_in_cooldown: Duration | None = None,
        scale_out_cooldown: Duration | None = None,
        disable_scale_in: bool = False,
    ) -> aws_applicationautoscaling.TargetTrackingScalingPolicy:
        """Keep a metric at a value.

        Args:
            id: the policy's id.
            metric: any that falls as instances are added, such as one by instance; no math expression.
            target_value: in the metric's unit, above 0.
            scale_in_cooldown: rest after removing instances. Default: the service's, 300 s.
            scale_out_cooldown: rest after adding instances. Default: the service's, 300 s.
            disable_scale_in: whether it never removes instances. Default: False.

        Raises:
            PropsError: a target that is not positive.
        """
        require(
            expect("metric", metric, METRIC),
            expect("target_value", target_value, NUMBER),
            *tracking_faults(scale_in_cooldown, scale_out_cooldown, disable_scale_in),
            at=(self, id),
        )
        require(not_positive("target_value", target_value), at=(self, id))
        return aws_applicationautoscaling.TargetTrackingScalingPolicy(
            self,
            id,
            scaling_target=self._target,
            custom_metric=metric,
            target_value=target_value,
            scale_in_cooldown=scale_in_cooldown,
            scale_out_cooldown=scale_out_cooldown,
            disable_scale_in=True if disable_scale_in else None,
        )

    def _require_gpu(self, id: str, percent: float) -> None:
        type = self._variant.instance_type
        kind = describe(type) if known(type) else None
        require(expect("target_utilization_percent", percent, NUMBER), at=(self, id))
        require(
            percent_fault(percent),
            f"{type} has no GPU: use scale_on_cpu_utilization or scale_on_invocations"
            if kind is not None and not kind.gpus
            else None,
            at=(self, id),
        )
