"""Scaling a variant's instance count with its load."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from aws_cdk import Duration, Names, TimeZone, aws_applicationautoscaling
from constructs import Construct

from mme.catalog.limits import SAFETY_FACTOR
from mme_cdk._internal.cdk_kinds import METRIC, SCHEDULE
from mme_cdk._internal.expectations import DURATION, NUMBER, TIME, TIME_ZONE, WHOLE, expect, expect_all
from mme_cdk._internal.validation import known, require, seconds
from mme_cdk.scaling.scaling_faults import (
    bounds_faults,
    not_a_number_yet,
    not_positive,
    tracking_faults,
)
from mme_cdk.scaling.type_change import leave_out
from mme_cdk.scaling.utilization_scaling import UtilizationScaling

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch

    from mme_cdk.endpoint.endpoint import Endpoint

_NAMESPACE = "sagemaker"
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_Tracking = aws_applicationautoscaling.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty
_Metric = aws_applicationautoscaling.CfnScalingPolicy.PredefinedMetricSpecificationProperty
_Action = aws_applicationautoscaling.CfnScalableTarget.ScheduledActionProperty
_Capacity = aws_applicationautoscaling.CfnScalableTarget.ScalableTargetActionProperty


class ScalableInstanceCount(UtilizationScaling):
    """A variant registered with Application Auto Scaling. `Endpoint.auto_scale_instance_count` makes it.

    It takes the service's own linked role, so no role is made and two endpoints never share an id. Where
    several policies disagree, the one that asks for the most instances wins.

    Attributes:
        registered: False while the variant's `next_instance_type` differs from its type: then the template
            has none of this, as AWS changes the type of no registered variant.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        endpoint: Endpoint,
        min_capacity: int = 1,
        max_capacity: int,
        variant_name: str | None = None,
    ) -> None:
        """Register the variant.

        Args:
            scope: the parent.
            id: the construct's id.
            endpoint: whose variant scales.
            min_capacity: fewest instances, at least 1: a variant cannot scale to zero. Default: 1.
            max_capacity: most instances.
            variant_name: which variant. Default: the first.

        Raises:
            PropsError: a minimum below 1 or above the maximum, a maximum below the initial count, or
                bounds that the endpoint's deployment strategy can't work with.
        """
        require(
            *expect_all(WHOLE, min_capacity=min_capacity, max_capacity=max_capacity),
            at=(scope, id),
        )
        variant = endpoint.config.variant(variant_name)
        initial = variant.initial_instance_count
        # Before there is a construct: a caught fault leaves none behind, and the id free.
        require(
            *bounds_faults(endpoint, min_capacity, max_capacity),
            f"initial_instance_count {initial} is above max_capacity {max_capacity}: bring them together"
            if known(initial) and known(max_capacity) and initial > max_capacity
            else None,
            at=(scope, id),
        )
        super().__init__(scope, id)
        self._endpoint = endpoint
        self._variant = variant
        self._actions: dict[str, _Action] = {}
        endpoint.config.ensure_instances(min_capacity, variant_name=variant_name)
        self._resource = aws_applicationautoscaling.CfnScalableTarget(
            self,
            "Resource",
            service_namespace=_NAMESPACE,
            scalable_dimension=_DIMENSION,
            resource_id=f"endpoint/{endpoint.endpoint_name}/variant/{variant.variant_name}",
            min_capacity=min_capacity,
            max_capacity=max_capacity,
        )
        # The name is plain text, so nothing else says that the endpoint comes first. On the resource alone:
        # the construct holds this target too.
        self._resource.node.add_dependency(endpoint.node.default_child)
        # Given the resource itself, CDK's policies name the target by the first part of its id only, which
        # CloudFormation does not find.
        self._target = aws_applicationautoscaling.ScalableTarget.from_scalable_target_attributes(
            self,
            "Target",
            scalable_target_id=self._resource.ref,
            scalable_dimension=_DIMENSION,
            service_namespace=_NAMESPACE,
        )
        self.registered = not variant.changes_type
        if variant.changes_type:
            leave_out(self, scope, variant)

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
            PropsError: a rate or factor that is not positive or not known at synth, or a factor above 1.
        """
        require(
            *expect_all(NUMBER, max_requests_per_second=max_requests_per_second, safety_factor=safety_factor),
            *tracking_faults(scale_in_cooldown, scale_out_cooldown, disable_scale_in),
            at=(self, id),
        )
        require(
            not_positive("max_requests_per_second", max_requests_per_second),
            not_positive("safety_factor", safety_factor),
            not_a_number_yet("max_requests_per_second", max_requests_per_second),
            not_a_number_yet("safety_factor", safety_factor),
            f"safety_factor is {safety_factor}; it must be at most 1"
            if known(safety_factor) and safety_factor > 1
            else None,
            at=(self, id),
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
                scale_in_cooldown=seconds(scale_in_cooldown),
                scale_out_cooldown=seconds(scale_out_cooldown),
                disable_scale_in=True if disable_scale_in else None,
            ),
        )

    def scale_on_metric(
        self,
        id: str,
        *,
        metric: aws_cloudwatch.IMetric,
        scaling_steps: Sequence[aws_applicationautoscaling.ScalingInterval],
        adjustment_type: aws_applicationautoscaling.AdjustmentType | None = None,
        cooldown: Duration | None = None,
        evaluation_periods: int | None = None,
        datapoints_to_alarm: int | None = None,
        metric_aggregation_type: aws_applicationautoscaling.MetricAggregationType | None = None,
        min_adjustment_magnitude: int | None = None,
    ) -> aws_applicationautoscaling.StepScalingPolicy:
        """Add or remove instances in steps, as a metric passes thresholds.

        Args:
            id: the policy's id.
            metric: any, math expressions too.
            scaling_steps: at least two intervals of the metric with the change that each asks for.
            adjustment_type: what the changes are. Default: a change by so many instances.
            cooldown: rest between two changes. Default: none.
            evaluation_periods: periods of the metric that an alarm looks at. Default: 1.
            datapoints_to_alarm: how many of them must breach. Default: all.
            metric_aggregation_type: over these periods. Default: derived from the metric's statistic.
            min_adjustment_magnitude: fewest instances of a change in percent. Default: none.

        Raises:
            PropsError: values of the wrong kind.
        """
        require(
            expect("metric", metric, METRIC),
            expect("cooldown", cooldown, DURATION, optional=True),
            *expect_all(
                WHOLE,
                optional=True,
                evaluation_periods=evaluation_periods,
                datapoints_to_alarm=datapoints_to_alarm,
                min_adjustment_magnitude=min_adjustment_magnitude,
            ),
            at=(self, id),
        )
        return aws_applicationautoscaling.StepScalingPolicy(
            self,
            id,
            scaling_target=self._target,
            metric=metric,
            scaling_steps=scaling_steps,
            adjustment_type=adjustment_type,
            cooldown=cooldown,
            evaluation_periods=evaluation_periods,
            datapoints_to_alarm=datapoints_to_alarm,
            metric_aggregation_type=metric_aggregation_type,
            min_adjustment_magnitude=min_adjustment_magnitude,
        )

    def scale_on_schedule(
        self,
        id: str,
        *,
        schedule: aws_applicationautoscaling.Schedule,
        min_capacity: int | None = None,
        max_capacity: int | None = None,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        time_zone: TimeZone | None = None,
    ) -> None:
        """Change the bounds at given times; policies go on scaling between them.

        Args:
            id: the action's name, unlike those of the others.
            schedule: when.
            min_capacity: from then on, at least 1. Default: as it is.
            max_capacity: from then on. Default: as it is.
            start_time: no earlier than that. Default: at once.
            end_time: no later than that. Default: for good.
            time_zone: of the schedule. Default: UTC.

        Raises:
            PropsError: neither bound, bounds as the constructor refuses them, or a name that is taken.
        """
        require(
            expect("schedule", schedule, SCHEDULE),
            *expect_all(WHOLE, optional=True, min_capacity=min_capacity, max_capacity=max_capacity),
            *expect_all(TIME, optional=True, start_time=start_time, end_time=end_time),
            expect("time_zone", time_zone, TIME_ZONE, optional=True),
            at=(self, id),
        )
        require(
            "neither min_capacity nor max_capacity is given, so it would change nothing: give one"
            if min_capacity is None and max_capacity is None
            else None,
            f"schedule {id} is there already: use another id" if id in self._actions else None,
            *bounds_faults(self._endpoint, min_capacity, max_capacity),
            at=(self, id),
        )
        self._actions[id] = _Action(
            scheduled_action_name=id,
            schedule=schedule.expression_string,
            scalable_target_action=_Capacity(min_capacity=min_capacity, max_capacity=max_capacity),
            start_time=start_time,
            end_time=end_time,
            timezone=time_zone.timezone_name if time_zone else None,
        )
        self._resource.scheduled_actions = list(self._actions.values())
