"""How an endpoint moves to a new config: at what pace, and what makes it go back."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aws_cdk import Duration, aws_sagemaker

from mme.catalog.limits import (
    CANARY_PERCENT_RANGE,
    DEPLOYMENT_TIMEOUT_RANGE_SECONDS,
    DEPLOYMENT_WAIT_RANGE_SECONDS,
    LINEAR_STEP_PERCENT_RANGE,
    ROLLBACK_ALARMS_MAX,
    ROLLING_BATCH_PERCENT_RANGE,
)
from mme_cdk._internal.cdk_kinds import ALARM
from mme_cdk._internal.expectations import DURATION, expect, expect_each, kind_of
from mme_cdk._internal.validation import known, outside_seconds, require, seconds
from mme_cdk.deployment.capacity_size import CAPACITY_SIZE, CapacitySize

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch

_Deployment = aws_sagemaker.CfnEndpoint.DeploymentConfigProperty
_BlueGreen = aws_sagemaker.CfnEndpoint.BlueGreenUpdatePolicyProperty
_Rolling = aws_sagemaker.CfnEndpoint.RollingUpdatePolicyProperty
_Traffic = aws_sagemaker.CfnEndpoint.TrafficRoutingConfigProperty

# CloudWatch gets a metric of the endpoint once a minute: an alarm needs some minutes to trip.
_BAKE = Duration.minutes(5)
_NO_WAIT = Duration.seconds(0)


@dataclass(frozen=True, kw_only=True)
class DeploymentStrategy:
    """How an update reaches the fleet; make one by `all_at_once`, `canary`, `linear` or `rolling`.

    SageMaker's deployment guardrails. A deployment that meets an alarm, or its time limit, goes back to the
    old fleet by itself. Source: SageMaker AI guide, `deployment-guardrails` and its pages; bounds: botocore
    sagemaker service-2, shapes of `DeploymentConfig`.

    Attributes:
        type: `ALL_AT_ONCE`, `CANARY`, `LINEAR` or `ROLLING`.
        size: the canary, the step or the batch; None where all traffic moves at once.
        wait_interval: rest after each move, in which the alarms are watched.
        termination_wait: how long the old fleet stays after the last move; None for rolling.
        maximum_execution_timeout: the deployment's time limit; None = the service's own.
        rollback_size: the batch of a rolling strategy's way back; None = the whole fleet at once.
        rollback_alarms: any of them in alarm ends the deployment and brings the old fleet back.
    """

    type: str
    size: CapacitySize | None = None
    wait_interval: Duration
    termination_wait: Duration | None = None
    maximum_execution_timeout: Duration | None = None
    rollback_size: CapacitySize | None = None
    rollback_alarms: tuple[aws_cloudwatch.IAlarm, ...] = ()

    def __post_init__(self) -> None:
        require(
            expect(self._part, self.size, CAPACITY_SIZE, optional=True),
            expect("wait_interval", self.wait_interval, DURATION),
            expect("termination_wait", self.termination_wait, DURATION, optional=True),
            expect("maximum_execution_timeout", self.maximum_execution_timeout, DURATION, optional=True),
            expect("rollback_batch", self.rollback_size, CAPACITY_SIZE, optional=True),
            *expect_each("rollback_alarms", self.rollback_alarms, ALARM),
        )
        require(
            self._size_fault(),
            outside_seconds("wait_interval", self.wait_interval, *DEPLOYMENT_WAIT_RANGE_SECONDS),
            outside_seconds("termination_wait", self.termination_wait, *DEPLOYMENT_WAIT_RANGE_SECONDS),
            outside_seconds(
                "maximum_execution_timeout",
                self.maximum_execution_timeout,
                *DEPLOYMENT_TIMEOUT_RANGE_SECONDS,
            ),
            self._time_fault(),
            f"{len(self.rollback_alarms)} rollback alarms were given; SageMaker takes {ROLLBACK_ALARMS_MAX}: "
            "put several conditions into one composite alarm"
            if len(self.rollback_alarms) > ROLLBACK_ALARMS_MAX
            else None,
        )

    @classmethod
    def all_at_once(
        cls,
        *,
        wait_interval: Duration | None = None,
        termination_wait: Duration | None = None,
        maximum_execution_timeout: Duration | None = None,
        rollback_alarms: Iterable[aws_cloudwatch.IAlarm] = (),
    ) -> DeploymentStrategy:
        """A new fleet takes all the traffic in one move. The only strategy for a single instance.

        Args:
            wait_interval: how long the alarms are watched after the move, 0 to 3600 s. Default: 5 minutes.
            termination_wait: how long the old fleet stays after that, 0 to 3600 s. Default: 0.
            maximum_execution_timeout: time limit, 600 to 28800 s. Default: the service's own.
            rollback_alarms: at most 10; `Endpoint.add_rollback_alarm` adds those on its own metrics.
                Default: none.

        Raises:
            PropsError: a time outside its bounds, a limit that the waiting alone exceeds, too many alarms.
        """
        return cls(
            type="ALL_AT_ONCE",
            wait_interval=_BAKE if wait_interval is None else wait_interval,
            termination_wait=_NO_WAIT if termination_wait is None else termination_wait,
            maximum_execution_timeout=maximum_execution_timeout,
            rollback_alarms=_alarms(rollback_alarms),
        )

    @classmethod
    def canary(
        cls,
        *,
        size: CapacitySize | None = None,
        wait_interval: Duration | None = None,
        termination_wait: Duration | None = None,
        maximum_execution_timeout: Duration | None = None,
        rollback_alarms: Iterable[aws_cloudwatch.IAlarm] = (),
    ) -> DeploymentStrategy:
        """A small part of a new fleet takes its share of the traffic first, then the new fleet takes all.

        Args:
            size: the part, at most 50% of the instances. Default: 10%.
            wait_interval: how long the alarms are watched, 0 to 3600 s. Default: 5 minutes.
            termination_wait: how long the old fleet stays at the end, 0 to 3600 s. Default: 0.
            maximum_execution_timeout: time limit, 600 to 28800 s. Default: the service's own.
            rollback_alarms: at most 10. Default: none.

        Raises:
            PropsError: as `all_at_once`, and a size above 50%.
        """
        return cls(
            type="CANARY",
            size=CapacitySize.percent(10) if size is None else size,
            wait_interval=_BAKE if wait_interval is None else wait_interval,
            termination_wait=_NO_WAIT if termination_wait is None else termination_wait,
            maximum_execution_timeout=maximum_execution_timeout,
            rollback_alarms=_alarms(rollback_alarms),
        )

    @classmethod
    def linear(
        cls,
        *,
        step: CapacitySize | None = None,
        wait_interval: Duration | None = None,
        termination_wait: Duration | None = None,
        maximum_execution_timeout: Duration | None = None,
        rollback_alarms: Iterable[aws_cloudwatch.IAlarm] = (),
    ) -> DeploymentStrategy:
        """A new fleet takes the traffic in equal steps.

        Args:
            step: 10% to 50% of the instances. Default: 25%.
            wait_interval: how long the alarms are watched after each step, 0 to 3600 s. Default: 5 minutes.
            termination_wait: how long the old fleet stays at the end, 0 to 3600 s. Default: 0.
            maximum_execution_timeout: time limit, 600 to 28800 s. Default: the service's own.
            rollback_alarms: at most 10. Default: none.

        Raises:
            PropsError: as `all_at_once`, and a step outside 10% to 50%.
        """
        return cls(
            type="LINEAR",
            size=CapacitySize.percent(25) if step is None else step,
            wait_interval=_BAKE if wait_interval is None else wait_interval,
            termination_wait=_NO_WAIT if termination_wait is None else termination_wait,
            maximum_execution_timeout=maximum_execution_timeout,
            rollback_alarms=_alarms(rollback_alarms),
        )

    @classmethod
    def rolling(
        cls,
        *,
        batch: CapacitySize | None = None,
        wait_interval: Duration | None = None,
        rollback_batch: CapacitySize | None = None,
        maximum_execution_timeout: Duration | None = None,
        rollback_alarms: Iterable[aws_cloudwatch.IAlarm] = (),
    ) -> DeploymentStrategy:
        """New instances replace old ones batch by batch, without a second whole fleet to pay for.

        It suits scarce GPU types. An endpoint with several variants can't use it.

        Args:
            batch: 5% to 50% of the instances. Default: 25%.
            wait_interval: how long the alarms are watched after each batch, 0 to 3600 s. Default: 5 minutes.
            rollback_batch: the batch on the way back. Default: the whole fleet at once.
            maximum_execution_timeout: time limit, 600 to 28800 s. Default: the service's own.
            rollback_alarms: at most 10. Default: none.

        Raises:
            PropsError: as `all_at_once`, and a batch outside 5% to 50%.
        """
        return cls(
            type="ROLLING",
            size=CapacitySize.percent(25) if batch is None else batch,
            wait_interval=_BAKE if wait_interval is None else wait_interval,
            rollback_size=rollback_batch,
            maximum_execution_timeout=maximum_execution_timeout,
            rollback_alarms=_alarms(rollback_alarms),
        )

    def with_alarm(self, alarm: aws_cloudwatch.IAlarm) -> DeploymentStrategy:
        """The same strategy that also goes back on this alarm.

        Args:
            alarm: of the endpoint's account and region.

        Raises:
            PropsError: more than 10 alarms.
        """
        return replace(self, rollback_alarms=(*self.rollback_alarms, alarm))

    def fleet_faults(self, name: str, instances: int, *, variants: int = 1) -> list[str]:
        """Why a fleet can't be updated this way; `name` says whose value `instances` is, in messages.

        Args:
            name: such as `initial_instance_count`.
            instances: how many the fleet has, or may have.
            variants: production variants of the endpoint. Default: 1.
        """
        faults = []
        if self.type == "ROLLING" and variants > 1:
            # Source: SageMaker AI guide, `deployment-guardrails-exclusions`.
            faults.append(
                f"a rolling deployment is not for an endpoint of {variants} variants: use canary or linear"
            )
        if self.size is None or not known(instances):
            return faults
        if instances < 2:
            faults.append(
                f"{name} is {instances}, and a {self._noun} deployment needs two or more instances: "
                f"set {name} to 2, or use DeploymentStrategy.all_at_once()"
            )
            return faults
        share = self.size.percent_of(instances)
        low, high = self._bounds
        if self.size.type == "INSTANCE_COUNT" and share is not None and not low <= share <= high:
            faults.append(
                f"{self._part} of {self.size} is {share:.3g}% of {name} {instances}; it must be {low} to "
                f"{high}%: use CapacitySize.percent"
            )
        return faults

    def render(self) -> _Deployment:
        """The strategy as the endpoint resource takes it."""
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

    @property
    def _noun(self) -> str:
        return self.type.lower().replace("_", "-")

    @property
    def _part(self) -> str:
        """What messages call the size."""
        return {"CANARY": "canary", "LINEAR": "linear step", "ROLLING": "rolling batch"}.get(
            self.type, "size"
        )

    @property
    def _bounds(self) -> tuple[int, int]:
        return {
            "CANARY": CANARY_PERCENT_RANGE,
            "LINEAR": LINEAR_STEP_PERCENT_RANGE,
            "ROLLING": ROLLING_BATCH_PERCENT_RANGE,
        }[self.type]

    def _size_fault(self) -> str | None:
        if self.size is None or self.size.type != "CAPACITY_PERCENT":
            return None
        low, high = self._bounds
        if not known(self.size.value) or low <= self.size.value <= high:
            return None
        return f"{self._part} is {self.size}; it must be {low} to {high}%"

    def _time_fault(self) -> str | None:
        """A limit that the waiting alone uses up: such a deployment could only ever fail."""
        limit = seconds(self.maximum_execution_timeout)
        wait = seconds(self.wait_interval)
        if limit is None or wait is None or not known(limit) or not known(wait):
            return None
        moves = 1
        if self.type in {"LINEAR", "ROLLING"} and self.size is not None:
            share = self.size.value if self.size.type == "CAPACITY_PERCENT" else None
            # A size in instances makes at least two moves, as no size may be above half the fleet.
            moves = math.ceil(100 / share) if share is not None and known(share) else 2
        last = seconds(self.termination_wait) or 0
        waiting = wait * moves + (last if known(last) else 0)
        if waiting < limit:
            return None
        return (
            f"maximum_execution_timeout is {limit} s and the waits alone take {waiting} s: "
            "raise it, or shorten the waits"
        )


def _alarms(given: Iterable[aws_cloudwatch.IAlarm]) -> tuple[aws_cloudwatch.IAlarm, ...]:
    # A text, too, can be taken apart: into letters, none of them an alarm.
    require(
        *(
            []
            if isinstance(given, Iterable) and not isinstance(given, str)
            else expect_each("rollback_alarms", given, ALARM)
        )
    )
    return tuple(given)


DEPLOYMENT = kind_of(
    DeploymentStrategy,
    noun="a DeploymentStrategy",
    way_out=lambda value: (
        f"use DeploymentStrategy.{value}()"
        if value in {"all_at_once", "canary", "linear", "rolling"}
        else "use DeploymentStrategy.all_at_once(), canary(), linear() or rolling()"
    ),
)
