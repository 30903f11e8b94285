"""How an endpoint moves to a new config, and when it rolls back."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack

from aws_cdk import Duration, aws_sagemaker

from mme.catalog.limits import (
    CANARY_PERCENT_RANGE,
    DEPLOYMENT_TIMEOUT_RANGE_SECONDS,
    DEPLOYMENT_WAIT_RANGE_SECONDS,
    LINEAR_STEP_PERCENT_RANGE,
    ROLLBACK_ALARMS_MAX,
    ROLLING_BATCH_PERCENT_RANGE,
)
from mme_cdk._internal.type_checks import checked
from mme_cdk._internal.validation import known, outside, require, seconds
from mme_cdk.deployment.capacity_size import CapacitySize

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch

_Deployment = aws_sagemaker.CfnEndpoint.DeploymentConfigProperty
_BlueGreen = aws_sagemaker.CfnEndpoint.BlueGreenUpdatePolicyProperty
_Rolling = aws_sagemaker.CfnEndpoint.RollingUpdatePolicyProperty
_Traffic = aws_sagemaker.CfnEndpoint.TrafficRoutingConfigProperty

# What messages call the size, and its bounds in percent of the instances.
_SIZES: Final = {
    "CANARY": ("canary size", CANARY_PERCENT_RANGE),
    "LINEAR": ("linear step", LINEAR_STEP_PERCENT_RANGE),
    "ROLLING": ("rolling batch", ROLLING_BATCH_PERCENT_RANGE),
}


class RollingProps(TypedDict, total=False):
    """What every deployment strategy takes.

    Attributes:
        wait_interval: How long the alarms are watched after each move, 0 to 3600 s. Default: 5 minutes, as
            CloudWatch gets a metric of the endpoint once a minute and an alarm needs several.
        maximum_execution_timeout: Time limit of the deployment, 600 to 28800 s. Default: SageMaker's.
        rollback_alarms: At most 10; any of them in alarm ends the deployment and restores the old fleet.
            `Endpoint.add_rollback_alarm` adds alarms on the endpoint's own metrics. Default: none.
    """

    wait_interval: Duration | None
    maximum_execution_timeout: Duration | None
    rollback_alarms: Iterable[aws_cloudwatch.IAlarm]


class BlueGreenProps(RollingProps, total=False):
    """What the strategies with a second fleet take in addition.

    Attributes:
        termination_wait: How long the old fleet stays after the last move, 0 to 3600 s. Default: 0.
    """

    termination_wait: Duration | None


@dataclass(frozen=True, kw_only=True)
class DeploymentStrategy:
    """How an update reaches the fleet; made by `all_at_once`, `canary`, `linear` or `rolling`.

    These are SageMaker's deployment guardrails: a deployment that trips an alarm or its time limit rolls
    back.
    Source: SageMaker AI developer guide, `deployment-guardrails`; bounds: botocore, shapes of
    `DeploymentConfig`.

    Attributes:
        type: `ALL_AT_ONCE`, `CANARY`, `LINEAR` or `ROLLING`.
        size: Canary, step or batch; None if all traffic moves at once.
        wait_interval: How long the alarms are watched after each move.
        termination_wait: How long the old fleet stays after the last move; None for rolling.
        maximum_execution_timeout: Time limit; None = SageMaker's.
        rollback_size: Batch of a rolling strategy's rollback; None = the whole fleet at once.
        rollback_alarms: Any of them in alarm ends the deployment and restores the old fleet.
    """

    type: str
    size: CapacitySize | None = None
    wait_interval: Duration
    termination_wait: Duration | None = None
    maximum_execution_timeout: Duration | None = None
    rollback_size: CapacitySize | None = None
    rollback_alarms: tuple[aws_cloudwatch.IAlarm, ...] = ()

    def __post_init__(self) -> None:
        timeout = self.maximum_execution_timeout
        alarms = len(self.rollback_alarms)
        require(
            self._size_fault(),
            _span_fault("wait_interval", self.wait_interval, DEPLOYMENT_WAIT_RANGE_SECONDS),
            _span_fault("termination_wait", self.termination_wait, DEPLOYMENT_WAIT_RANGE_SECONDS),
            _span_fault("maximum_execution_timeout", timeout, DEPLOYMENT_TIMEOUT_RANGE_SECONDS),
            self._time_fault(),
            f"{alarms} rollback alarms; SageMaker takes {ROLLBACK_ALARMS_MAX}: join some in a composite alarm"
            if alarms > ROLLBACK_ALARMS_MAX
            else None,
        )

    @classmethod
    @checked
    def all_at_once(cls, **props: Unpack[BlueGreenProps]) -> DeploymentStrategy:
        """Move all traffic to a new fleet at once; the only strategy for a single instance.

        Args:
            props: See `BlueGreenProps`.

        Raises:
            PropsError: A time outside its bounds, waits that exceed the time limit, or too many alarms.
        """
        return cls._blue_green("ALL_AT_ONCE", None, props)

    @classmethod
    @checked
    def canary(
        cls, *, size: CapacitySize | None = None, **props: Unpack[BlueGreenProps]
    ) -> DeploymentStrategy:
        """Move a small share of the traffic to a new fleet first, then the rest.

        Args:
            size: The share, at most 50% of the instances. Default: 10%.
            props: See `BlueGreenProps`.

        Raises:
            PropsError: As `all_at_once`, or a size above 50%.
        """
        return cls._blue_green("CANARY", size or CapacitySize.percent(10), props)

    @classmethod
    @checked
    def linear(
        cls, *, step: CapacitySize | None = None, **props: Unpack[BlueGreenProps]
    ) -> DeploymentStrategy:
        """Move the traffic to a new fleet in equal steps.

        Args:
            step: 10% to 50% of the instances. Default: 25%.
            props: See `BlueGreenProps`.

        Raises:
            PropsError: As `all_at_once`, or a step outside 10% to 50%.
        """
        return cls._blue_green("LINEAR", step or CapacitySize.percent(25), props)

    @classmethod
    @checked
    def rolling(
        cls,
        *,
        batch: CapacitySize | None = None,
        rollback_batch: CapacitySize | None = None,
        **props: Unpack[RollingProps],
    ) -> DeploymentStrategy:
        """Replace instances batch by batch, without paying for a second fleet.

        Use it for scarce GPU types. It does not work for an endpoint with several variants.

        Args:
            batch: 5% to 50% of the instances. Default: 25%.
            rollback_batch: Batch of a rollback. Default: the whole fleet at once.
            props: See `RollingProps`.

        Raises:
            PropsError: As `all_at_once`, or a batch outside 5% to 50%.
        """
        return cls(
            type="ROLLING",
            size=batch or CapacitySize.percent(25),
            rollback_size=rollback_batch,
            **_common(props),
        )

    @classmethod
    def _blue_green(cls, type: str, size: CapacitySize | None, props: BlueGreenProps) -> DeploymentStrategy:
        wait = props.get("termination_wait") or Duration.seconds(0)
        return cls(type=type, size=size, termination_wait=wait, **_common(props))

    @checked
    def with_alarm(self, alarm: aws_cloudwatch.IAlarm) -> DeploymentStrategy:
        """Return the same strategy with a further rollback alarm.

        Args:
            alarm: In the endpoint's account and region.

        Raises:
            PropsError: More than 10 alarms.
        """
        return replace(self, rollback_alarms=(*self.rollback_alarms, alarm))

    def fleet_faults(self, name: str, instances: int, *, variants: int = 1) -> list[str]:
        """Return why a fleet can't be updated with this strategy.

        Args:
            name: The prop that says how many instances there are, such as `initial_instance_count`.
            instances: How many the fleet has, or may have.
            variants: Production variants of the endpoint. Default: 1.
        """
        faults = []
        if self.type == "ROLLING" and variants > 1:
            # Source: SageMaker AI developer guide, `deployment-guardrails-exclusions`.
            faults.append(
                f"the endpoint has {variants} variants; rolling deployments take one: use canary or linear"
            )
        if self.size is None or not known(instances):
            return faults
        noun = self.type.lower()
        if instances < 2:
            faults.append(
                f"{name} is {instances}; a {noun} deployment needs at least two instances: set {name} to 2, "
                "or use DeploymentStrategy.all_at_once()"
            )
            return faults
        share = self.size.percent_of(instances)
        part, (low, high) = _SIZES[self.type]
        if self.size.type == "INSTANCE_COUNT" and share is not None and not low <= share <= high:
            faults.append(
                f"{part} of {self.size} is {share:.3g}% of {name} {instances}; must be {low} to {high}%: "
                "use CapacitySize.percent"
            )
        return faults

    def render(self) -> _Deployment:
        """Return the strategy as the endpoint resource takes it."""
        alarms = [
            aws_sagemaker.CfnEndpoint.AlarmProperty(alarm_name=alarm.alarm_name)
            for alarm in self.rollback_alarms
        ]
        rollback = aws_sagemaker.CfnEndpoint.AutoRollbackConfigProperty(alarms=alarms) if alarms else None
        size = self.size.render() if self.size else None
        if self.type == "ROLLING" and size is not None:
            return _Deployment(
                rolling_update_policy=_Rolling(
                    maximum_batch_size=size,
                    wait_interval_in_seconds=self.wait_interval.to_seconds(),
                    maximum_execution_timeout_in_seconds=seconds(self.maximum_execution_timeout),
                    rollback_maximum_batch_size=self.rollback_size.render() if self.rollback_size else None,
                ),
                auto_rollback_configuration=rollback,
            )
        return _Deployment(
            blue_green_update_policy=_BlueGreen(
                traffic_routing_configuration=_Traffic(
                    type=self.type,
                    wait_interval_in_seconds=self.wait_interval.to_seconds(),
                    canary_size=size if self.type == "CANARY" else None,
                    linear_step_size=size if self.type == "LINEAR" else None,
                ),
                termination_wait_in_seconds=seconds(self.termination_wait),
                maximum_execution_timeout_in_seconds=seconds(self.maximum_execution_timeout),
            ),
            auto_rollback_configuration=rollback,
        )

    def _size_fault(self) -> str | None:
        if self.size is None or self.size.type != "CAPACITY_PERCENT":
            return None
        part, (low, high) = _SIZES[self.type]
        if not known(self.size.value) or low <= self.size.value <= high:
            return None
        return f"{part} is {self.size}; must be {low} to {high}%"

    def _time_fault(self) -> str | None:
        """Return the fault of a time limit that the waits alone exceed: every deployment would fail."""
        limit = seconds(self.maximum_execution_timeout)
        wait = seconds(self.wait_interval)
        if limit is None or wait is None or not known(limit) or not known(wait):
            return None
        moves = 1
        if self.type in {"LINEAR", "ROLLING"} and self.size is not None:
            share = self.size.value if self.size.type == "CAPACITY_PERCENT" else None
            # A size in instances means at least two moves: it can't be more than half of the fleet.
            moves = math.ceil(100 / share) if share is not None and known(share) else 2
        last = seconds(self.termination_wait) or 0
        waiting = wait * moves + (last if known(last) else 0)
        if waiting < limit:
            return None
        return (
            f"maximum_execution_timeout is {limit:g} s; the waits alone take {waiting:g} s: raise it or "
            "shorten the waits"
        )


def _span_fault(name: str, length: Duration | None, bounds: tuple[int, int]) -> str | None:
    return outside(name, seconds(length), *bounds, whole="seconds")


def _common(props: RollingProps) -> dict[str, Any]:
    return {
        "wait_interval": props.get("wait_interval") or Duration.minutes(5),
        "maximum_execution_timeout": props.get("maximum_execution_timeout"),
        "rollback_alarms": tuple(props.get("rollback_alarms", ())),
    }
