"""Target tracking policies that aws-cdk has no construct for: predefined metrics and metric math."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from aws_cdk import Names, aws_applicationautoscaling
from constructs import Construct

from mme_cdk._internal.validation import require, seconds

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch

    from mme_cdk.scaling.utilization_scaling import TrackingProps

_Policy = aws_applicationautoscaling.CfnScalingPolicy


def predefined_policy(
    scope: Construct, id: str, target: str, metric: str, value: float, props: TrackingProps
) -> aws_applicationautoscaling.CfnScalingPolicy:
    """Define a policy that tracks a metric of Application Auto Scaling.

    Args:
        scope: The scalable target.
        id: Id of the policy.
        target: The scalable target's reference.
        metric: Such as `SageMakerVariantInvocationsPerInstance`.
        value: Target value, in the metric's unit.
        props: Cooldowns, and whether it scales in.
    """
    specification = _Policy.PredefinedMetricSpecificationProperty(predefined_metric_type=metric)
    tracking = _Policy.TargetTrackingScalingPolicyConfigurationProperty(
        target_value=value, predefined_metric_specification=specification, **_rendered(props)
    )
    return _policy(scope, id, target, tracking)


def expression_policy(
    scope: Construct,
    id: str,
    target: str,
    expression: aws_cloudwatch.MathExpression,
    value: float,
    props: TrackingProps,
) -> aws_applicationautoscaling.CfnScalingPolicy:
    """Define a policy that tracks metric math.

    Args:
        scope: The scalable target.
        id: Id of the policy.
        target: The scalable target's reference.
        expression: Of metrics and other expressions.
        value: Target value, in the expression's unit.
        props: Cooldowns, and whether it scales in.

    Raises:
        PropsError: The expression searches for metrics.
    """
    specification = _Policy.CustomizedMetricSpecificationProperty(
        metrics=list(_queries(scope, id, expression, "result"))
    )
    tracking = _Policy.TargetTrackingScalingPolicyConfigurationProperty(
        target_value=value, customized_metric_specification=specification, **_rendered(props)
    )
    return _policy(scope, id, target, tracking)


def _policy(
    scope: Construct,
    id: str,
    target: str,
    tracking: aws_applicationautoscaling.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty,
) -> aws_applicationautoscaling.CfnScalingPolicy:
    parent = Construct(scope, id)
    return _Policy(
        parent,
        "Resource",
        policy_name=Names.unique_resource_name(parent, max_length=256, separator="-"),
        policy_type="TargetTrackingScaling",
        scaling_target_id=target,
        target_tracking_scaling_policy_configuration=tracking,
    )


def _rendered(props: TrackingProps) -> dict[str, Any]:
    return {
        "scale_in_cooldown": seconds(props.get("scale_in_cooldown")),
        "scale_out_cooldown": seconds(props.get("scale_out_cooldown")),
        "disable_scale_in": True if props.get("disable_scale_in") else None,
    }


def _queries(
    scope: Construct, policy: str, metric: aws_cloudwatch.IMetric, id: str, *, inner: bool = False
) -> Iterator[aws_applicationautoscaling.CfnScalingPolicy.TargetTrackingMetricDataQueryProperty]:
    """Yield the query of a metric after those that it uses; only the outermost returns data."""
    config = metric.to_metric_config()
    returned = False if inner else None
    if config.math_expression is None:
        stat = config.metric_stat
        if stat is None:
            return
        yield _Policy.TargetTrackingMetricDataQueryProperty(
            id=id,
            metric_stat=_Policy.TargetTrackingMetricStatProperty(
                metric=_Policy.TargetTrackingMetricProperty(
                    namespace=stat.namespace,
                    metric_name=stat.metric_name,
                    dimensions=[
                        _Policy.TargetTrackingMetricDimensionProperty(name=each.name, value=each.value)
                        for each in stat.dimensions or []
                    ],
                ),
                stat=stat.statistic,
            ),
            return_data=returned,
        )
        return
    math = config.math_expression
    require(
        f"expression {math.expression} searches for metrics; Application Auto Scaling takes none: name the "
        "metrics in using_metrics"
        if "SEARCH(" in math.expression.upper()
        else None,
        at=(scope, policy),
    )
    for name, used in math.using_metrics.items():
        yield from _queries(scope, policy, used, name, inner=True)
    yield _Policy.TargetTrackingMetricDataQueryProperty(
        id=id, expression=math.expression, return_data=returned
    )
