"""Target tracking of a metric of the instances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypedDict, Unpack

from aws_cdk import Duration, aws_applicationautoscaling
from constructs import Construct

from mme.catalog.instances import instance_type as describe
from mme_cdk._internal.type_checks import checked
from mme_cdk._internal.validation import known, outside, pending, require, seconds
from mme_cdk.endpoint.endpoint_base import EndpointBase
from mme_cdk.endpoint.production_variant import ProductionVariant

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch


class TrackingProps(TypedDict, total=False):
    """What every target tracking policy takes.

    Attributes:
        scale_in_cooldown: Pause after instances are removed. Default: the service's, 300 s.
        scale_out_cooldown: Pause after instances are added. Default: the service's, 300 s.
        disable_scale_in: Whether the policy never removes instances. Default: False.
    """

    scale_in_cooldown: Duration | None
    scale_out_cooldown: Duration | None
    disable_scale_in: bool


class UtilizationScaling(Construct):
    """The policies of `ScalableInstanceCount` that track how busy the instances are."""

    _endpoint: EndpointBase
    _variant: ProductionVariant
    _target: aws_applicationautoscaling.IScalableTarget
    _tracked: dict[tuple[str, ...], str]  # ids of the target tracking policies by their metrics

    @checked
    def scale_on_cpu_utilization(
        self,
        id: str,
        *,
        target_utilization_percent: float,
        vcpus: int | None = None,
        **props: Unpack[TrackingProps],
    ) -> aws_applicationautoscaling.TargetTrackingScalingPolicy:
        """Track the CPU load of the instances.

        SageMaker's metric goes to 100 per vCPU, so the policy's target is the percentage times the vCPUs.

        Args:
            id: Id of the policy.
            target_utilization_percent: 1 to 100, of all vCPUs together.
            vcpus: Of the instance type. Default: looked up; required if the type is known only at deployment.
            props: See `TrackingProps`.

        Raises:
            PropsError: A percentage out of bounds or unknown at synth, or a type with unknown vCPUs.
        """
        type = self._variant.instance_type
        kind = describe(type) if known(type) else None
        found = kind.vcpus if kind else int(pending(type))
        count = found if vcpus is None else vcpus
        require(
            outside("vcpus", vcpus, 1),
            _percent_fault(target_utilization_percent),
            unknown_at_synth("target_utilization_percent", target_utilization_percent),
            unknown_at_synth("vcpus", vcpus),
            "the instance type's vCPUs are not known at synth: give vcpus"
            if vcpus is None and not count
            else None,
            at=(self, id),
        )
        metric = self._endpoint.metric_cpu_utilization(variant_name=self._variant.variant_name)
        return self.scale_to_track_metric(
            id, metric=metric, target_value=target_utilization_percent * count, **props
        )

    @checked
    def scale_on_gpu_utilization(
        self, id: str, *, target_utilization_percent: float, **props: Unpack[TrackingProps]
    ) -> aws_applicationautoscaling.TargetTrackingScalingPolicy:
        """Track the GPU load of the instances.

        Args:
            id: Id of the policy.
            target_utilization_percent: 1 to 100.
            props: See `TrackingProps`.

        Raises:
            PropsError: A percentage out of bounds, or an instance type without a GPU.
        """
        metric = self._endpoint.metric_gpu_utilization(variant_name=self._variant.variant_name)
        return self._track_gpu(id, metric, target_utilization_percent, props)

    @checked
    def scale_on_gpu_memory_utilization(
        self, id: str, *, target_utilization_percent: float, **props: Unpack[TrackingProps]
    ) -> aws_applicationautoscaling.TargetTrackingScalingPolicy:
        """Track the used GPU memory of the instances.

        Models stay in memory until room is needed, even without requests. With more models than fit, this
        metric stays high without any load, and the endpoint at its maximum.

        Args:
            id: Id of the policy.
            target_utilization_percent: 1 to 100.
            props: See `TrackingProps`.

        Raises:
            PropsError: A percentage out of bounds, or an instance type without a GPU.
        """
        metric = self._endpoint.metric_gpu_memory_utilization(variant_name=self._variant.variant_name)
        return self._track_gpu(id, metric, target_utilization_percent, props)

    @checked
    def scale_to_track_metric(
        self,
        id: str,
        *,
        metric: aws_cloudwatch.IMetric,
        target_value: float,
        **props: Unpack[TrackingProps],
    ) -> aws_applicationautoscaling.TargetTrackingScalingPolicy:
        """Track any metric that falls when instances are added.

        Args:
            id: Id of the policy.
            metric: A metric per instance, for example. For metric math use `scale_to_track_expression`.
            target_value: In the metric's unit, above 0.
            props: See `TrackingProps`.

        Raises:
            PropsError: A target that is not positive, a cooldown with a fraction of a second, or a second
                policy for the same statistic and unit of a metric.
        """
        require(
            not_positive("target_value", target_value),
            "metric is metric math: use scale_to_track_expression"
            if not hasattr(metric, "metric_name")
            else None,
            *cooldown_faults(props),
            at=(self, id),
        )
        require(self._claim(id, *_identity(metric)), at=(self, id))
        return aws_applicationautoscaling.TargetTrackingScalingPolicy(
            self,
            id,
            scaling_target=self._target,
            custom_metric=metric,
            target_value=target_value,
            scale_in_cooldown=props.get("scale_in_cooldown"),
            scale_out_cooldown=props.get("scale_out_cooldown"),
            disable_scale_in=True if props.get("disable_scale_in") else None,
        )

    def _claim(self, id: str, *metric: str) -> str | None:
        """Return the fault of a second policy for a metric; remember the first."""
        other = self._tracked.setdefault(metric, id) if metric else id
        if other == id:
            return None
        return (
            f"policy {other} tracks {metric[-1]} already; AWS allows one target tracking policy for each "
            "statistic of a metric: change that one"
        )

    def _track_gpu(
        self, id: str, metric: aws_cloudwatch.IMetric, percent: float, props: TrackingProps
    ) -> aws_applicationautoscaling.TargetTrackingScalingPolicy:
        type = self._variant.instance_type
        kind = describe(type) if known(type) else None
        require(
            _percent_fault(percent),
            f"{type} has no GPU: use scale_on_cpu_utilization or scale_on_invocations"
            if kind is not None and not kind.gpus
            else None,
            at=(self, id),
        )
        return self.scale_to_track_metric(id, metric=metric, target_value=percent, **props)


def _identity(metric: aws_cloudwatch.IMetric) -> list[str]:
    """Return what tells a metric from others, its statistic included."""
    dimensions: Mapping[str, object] = getattr(metric, "dimensions", None) or {}
    parts = [f"{name}={value}" for name, value in sorted(dimensions.items())]
    statistic, unit = (getattr(metric, name, None) for name in ("statistic", "unit"))
    named = f"{statistic} of {getattr(metric, 'metric_name', '')}"
    return [str(getattr(metric, "namespace", "")), *parts, str(unit), named]


def cooldown_faults(props: TrackingProps) -> list[str | None]:
    """Return the faults of cooldowns with a fraction of a second."""
    given = {name: props.get(name) for name in ("scale_in_cooldown", "scale_out_cooldown")}
    return [outside(name, seconds(cooldown), 0, whole="seconds") for name, cooldown in given.items()]  # type: ignore[arg-type]


def not_positive(name: str, value: float) -> str | None:
    """Return the fault of a number that is not above 0.

    Args:
        name: The prop.
        value: Its value; tokens pass.
    """
    return f"{name} is {value}; must be above 0" if known(value) and value <= 0 else None


def unknown_at_synth(name: str, value: float | None) -> str | None:
    """Return the fault of a token that synth would compute with: a token times 60 is nonsense.

    Args:
        name: The prop.
        value: Its value; None passes.
    """
    if value is None or known(value):
        return None
    return f"{name} is known only at deployment; synth computes the policy's target from it: give a number"


def _percent_fault(value: float) -> str | None:
    if not known(value) or 1 <= value <= 100:
        return None
    hint = f": for a share of {value:g} use {value * 100:g}" if 0 < value < 1 else ""
    return f"target_utilization_percent is {value}; must be from 1 to 100{hint}"
