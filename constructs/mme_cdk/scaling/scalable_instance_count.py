"""Scaling of a variant's instance count with Application Auto Scaling."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Unpack

from aws_cdk import Annotations, Duration, TimeZone, aws_applicationautoscaling
from constructs import Construct

from mme.catalog.limits import SAFETY_FACTOR, VARIANT_MIN_INSTANCES
from mme_cdk._internal.type_checks import checked
from mme_cdk._internal.validation import LateFaults, known, outside, require
from mme_cdk.deployment.deployment_strategy import DeploymentStrategy
from mme_cdk.endpoint.endpoint_base import EndpointBase
from mme_cdk.endpoint.endpoint_config import EndpointConfig
from mme_cdk.scaling.schedule_faults import schedule_faults
from mme_cdk.scaling.tracking_policy import expression_policy, predefined_policy
from mme_cdk.scaling.utilization_scaling import (
    TrackingProps,
    UtilizationScaling,
    cooldown_faults,
    not_positive,
    unknown_at_synth,
)

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch

_NAMESPACE = "sagemaker"
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_Action = aws_applicationautoscaling.CfnScalableTarget.ScheduledActionProperty
_Capacity = aws_applicationautoscaling.CfnScalableTarget.ScalableTargetActionProperty
_BOUNDS = ("min_capacity", "max_capacity")


class ScalableInstanceCount(UtilizationScaling):
    """A variant registered with Application Auto Scaling; made by `Endpoint.auto_scale_instance_count`.

    It uses the service-linked role, so it defines no role. If several policies disagree, the highest count
    wins.

    Attributes:
        registered: False while the variant's `next_instance_type` differs from its type. The template then
            has no scaling, because AWS does not change the type of a registered variant.
    """

    @checked
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        endpoint: EndpointBase,
        config: EndpointConfig,
        deployment: DeploymentStrategy | None = None,
        min_capacity: int = 1,
        max_capacity: int,
        variant_name: str | None = None,
    ) -> None:
        """Register the variant.

        Args:
            scope: Parent.
            id: Construct id.
            endpoint: The endpoint.
            config: Config of the endpoint, with the variant.
            deployment: Deployment strategy of the endpoint, which the bounds must suit. Default: none.
            min_capacity: Fewest instances, at least 1: a variant can't scale to zero. Default: 1.
            max_capacity: Most instances.
            variant_name: Which variant. Default: the first.

        Raises:
            PropsError: A minimum below 1 or above the maximum, a maximum below the initial count, bounds that
                the deployment strategy can't work with, or a burstable type.
        """
        variant = config.variant(variant_name)
        initial = variant.initial_instance_count
        self._deployment = deployment
        self._bounds = [_Capacity(min_capacity=min_capacity, max_capacity=max_capacity)]
        # Before the construct exists: a fault that is caught leaves its id free.
        require(
            *self._bounds_faults(min_capacity, max_capacity),
            _burstable_fault(variant.instance_type),
            f"initial_instance_count {initial} is above max_capacity {max_capacity}: change one"
            if known(initial) and known(max_capacity) and initial > max_capacity
            else None,
            at=(scope, id),
        )
        super().__init__(scope, id)
        # Late: a later schedule may give the bound that an earlier one needs.
        self.node.add_validation(LateFaults(self._half_faults))
        self._endpoint = endpoint
        self._variant = variant
        self._actions: dict[str, _Action] = {}
        self._tracked: dict[tuple[str, ...], str] = {}
        config.ensure_instances(min_capacity, variant_name=variant_name)
        self._resource = aws_applicationautoscaling.CfnScalableTarget(
            self,
            "Resource",
            service_namespace=_NAMESPACE,
            scalable_dimension=_DIMENSION,
            resource_id=f"endpoint/{endpoint.endpoint_name}/variant/{variant.variant_name}",
            min_capacity=min_capacity,
            max_capacity=max_capacity,
        )
        # The resource id is plain text and implies no dependency. On the endpoint's resource only: its
        # construct contains this target, too.
        self._resource.node.add_dependency(endpoint.node.default_child)
        # Given the resource itself, CDK's policies would refer to the target by the first part of its id
        # only, which CloudFormation does not find.
        self._target = aws_applicationautoscaling.ScalableTarget.from_scalable_target_attributes(
            self,
            "Target",
            scalable_target_id=self._resource.ref,
            scalable_dimension=_DIMENSION,
            service_namespace=_NAMESPACE,
        )
        self.registered = not variant.changes_type
        if not self.registered:
            self._leave_out(scope)

    @checked
    def scale_on_invocations(
        self,
        id: str,
        *,
        max_requests_per_second: float,
        safety_factor: float = SAFETY_FACTOR,
        **props: Unpack[TrackingProps],
    ) -> aws_applicationautoscaling.CfnScalingPolicy:
        """Track invocations per instance; AWS recommends this metric for multi-model endpoints.

        The target per minute is `max_requests_per_second * safety_factor * 60`.

        Args:
            id: Id of the policy.
            max_requests_per_second: What one instance can serve, as measured.
            safety_factor: Above 0, at most 1. Default: 0.5, AWS's recommendation to start with.
            props: See `TrackingProps`.

        Raises:
            PropsError: A rate or factor that is not positive or not known at synth, a factor above 1, or a
                second policy for this metric.
        """
        require(
            not_positive("max_requests_per_second", max_requests_per_second),
            not_positive("safety_factor", safety_factor),
            unknown_at_synth("max_requests_per_second", max_requests_per_second),
            unknown_at_synth("safety_factor", safety_factor),
            f"safety_factor is {safety_factor}; must be at most 1"
            if known(safety_factor) and safety_factor > 1
            else None,
            *cooldown_faults(props),
            at=(self, id),
        )
        require(self._claim(id, "InvocationsPerInstance"), at=(self, id))
        target = max_requests_per_second * safety_factor * 60
        return predefined_policy(
            self, id, self._resource.ref, "SageMakerVariantInvocationsPerInstance", target, props
        )

    @checked
    def scale_on_concurrent_requests(
        self, id: str, *, max_concurrent_requests_per_model: float, **props: Unpack[TrackingProps]
    ) -> aws_applicationautoscaling.CfnScalingPolicy:
        """Track the requests that are in flight, on each instance; the metric comes every 10 seconds.

        It reacts in seconds, where `scale_on_invocations` takes minutes: for slow models and sudden load. AWS
        documents it for models of one container each; its name counts this endpoint as one model.

        Args:
            id: Id of the policy.
            max_concurrent_requests_per_model: Target, above 0.
            props: See `TrackingProps`.

        Raises:
            PropsError: A target that is not positive, or a second policy for this metric.
        """
        metric = "SageMakerVariantConcurrentRequestsPerModelHighResolution"
        require(
            not_positive("max_concurrent_requests_per_model", max_concurrent_requests_per_model),
            *cooldown_faults(props),
            at=(self, id),
        )
        require(self._claim(id, metric), at=(self, id))
        target = max_concurrent_requests_per_model
        return predefined_policy(self, id, self._resource.ref, metric, target, props)

    @checked
    def scale_to_track_expression(
        self,
        id: str,
        *,
        expression: aws_cloudwatch.MathExpression,
        target_value: float,
        **props: Unpack[TrackingProps],
    ) -> aws_applicationautoscaling.CfnScalingPolicy:
        """Track metric math that falls when instances are added, such as a queue's length per instance.

        Args:
            id: Id of the policy.
            expression: Of metrics of this account and region, read each minute.
            target_value: In the expression's unit, above 0.
            props: See `TrackingProps`.

        Raises:
            PropsError: A target that is not positive, or an expression that searches for metrics.
        """
        require(not_positive("target_value", target_value), *cooldown_faults(props), at=(self, id))
        return expression_policy(self, id, self._resource.ref, expression, target_value, props)

    @checked
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
        """Add or remove instances in steps when a metric crosses thresholds.

        Args:
            id: Id of the policy.
            metric: Any metric, also a math expression.
            scaling_steps: At least two intervals of the metric, each with its change.
            adjustment_type: Unit of the changes. Default: a number of instances.
            cooldown: Pause between two changes. Default: none.
            evaluation_periods: Periods of the metric that the alarm evaluates. Default: 1.
            datapoints_to_alarm: How many of them must breach. Default: all.
            metric_aggregation_type: Over these periods. Default: derived from the metric's statistic.
            min_adjustment_magnitude: Fewest instances of a change in percent. Default: none.

        Raises:
            PropsError: Wrong types.
        """
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

    @checked
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
    ) -> aws_applicationautoscaling.CfnScalableTarget.ScheduledActionProperty:
        """Change the bounds at given times; policies keep scaling between them.

        Args:
            id: Name of the action.
            schedule: When.
            min_capacity: From then on, at least 1. Default: unchanged.
            max_capacity: From then on. Default: unchanged.
            start_time: First time that the schedule may fire, with a time zone. Default: now.
            end_time: Last time that the schedule may fire, with a time zone. Default: never ends.
            time_zone: Time zone of the schedule. Default: UTC.

        Raises:
            PropsError: Neither bound, bounds that the constructor refuses, an invalid or taken name, or an
                invalid expression, time zone or time. A bound that no opposite bound of this variant fits
                fails at synth.
        """
        zone = time_zone.timezone_name if time_zone else None
        require(
            "neither min_capacity nor max_capacity is given; the schedule would change nothing: give one"
            if min_capacity is None and max_capacity is None
            else None,
            f"schedule {id} already exists: use another id" if id in self._actions else None,
            *self._bounds_faults(min_capacity, max_capacity),
            *schedule_faults(id, schedule.expression_string, zone, start_time, end_time),
            at=(self, id),
        )
        capacity = _Capacity(min_capacity=min_capacity, max_capacity=max_capacity)
        self._bounds.append(capacity)
        self._actions[id] = _Action(
            scheduled_action_name=id,
            schedule=schedule.expression_string,
            scalable_target_action=capacity,
            start_time=start_time,
            end_time=end_time,
            timezone=zone,
        )
        self._resource.scheduled_actions = list(self._actions.values())
        return self._actions[id]

    def _bounds_faults(self, least: int | None, most: int | None) -> list[str | None]:
        """Return why bounds contradict each other, SageMaker or the deployment strategy."""
        bounds = {"min_capacity": least, "max_capacity": most}
        return [
            outside("min_capacity", least, VARIANT_MIN_INSTANCES),
            outside("max_capacity", most, VARIANT_MIN_INSTANCES) if least is None else None,
            f"min_capacity {least} is above max_capacity {most}: raise one or lower the other"
            if least is not None and most is not None and known(least) and known(most) and least > most
            else None,
            *(
                fault
                for name, count in bounds.items()
                if self._deployment is not None and count is not None
                for fault in self._deployment.fleet_faults(name, count)
            ),
        ]

    def _half_faults(self) -> list[str]:
        """Return why single bounds of schedules fit no opposite bound, of the constructor or a schedule."""
        lows, highs = (
            [count for each in self._bounds if (count := getattr(each, name)) is not None] for name in _BOUNDS
        )
        if not all(map(known, [*lows, *highs])):
            return []
        return [
            *(
                f"min_capacity {least} of a schedule is above max_capacity {max(highs)}, the highest of the "
                "variant: give the schedule max_capacity, too"
                for least in lows
                if least > max(highs)
            ),
            *(
                f"max_capacity {most} of a schedule is below min_capacity {min(lows)}, the lowest of the "
                "variant: give the schedule min_capacity, too"
                for most in highs
                if most < min(lows)
            ),
        ]

    def _leave_out(self, scope: Construct) -> None:
        """Take the scaling out of the template, so that CloudFormation deregisters the variant.

        Policies and schedules can still be added; they are not synthesized. Apps change only the type.
        """
        scope.node.try_remove_child(self.node.id)
        variant = self._variant
        Annotations.of(scope).add_warning_v2(
            "mme:notScaled",
            f"variant {variant.variant_name} is not scaled while next_instance_type is "
            f"{variant.next_instance_type} and instance_type is {variant.instance_type}; it keeps its "
            f"instances: after this deployment, set instance_type to {variant.next_instance_type} and deploy "
            "again",
        )


def _burstable_fault(instance_type: str) -> str | None:
    # aws-cdk pull request 22886
    if not known(instance_type) or not re.match(r"ml\.t\d", instance_type):
        return None
    return f"{instance_type} is burstable; Application Auto Scaling does not scale it: use ml.m5.large"
