"""How a deployed endpoint is, in one record."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, TypeVar

from mme.aws.clients import AwsClients
from mme.operate.alarms import AlarmState, read_alarms
from mme.operate.aws_failures import explain_aws_error
from mme.operate.discovery import Deployment
from mme.operate.endpoint_state import EndpointState, read_endpoint
from mme.operate.scaling_state import ScalingState, read_scaling
from mme.operate.stack_resources import (
    ALARM_TYPES,
    StackResource,
    config_of_endpoint,
    stack_resources,
    stack_template,
)
from mme.operate.traffic import Traffic, read_traffic

_Part = TypeVar("_Part")

_NO_TRAFFIC: Final = Traffic(None, None, None, None, None, None)


@dataclass(frozen=True, slots=True)
class StackView:
    """What CloudFormation believes.

    Attributes:
        name: of the serving stack.
        status: CloudFormation's word: `UPDATE_COMPLETE`, ...
        config: the endpoint config that the stack gives to the endpoint, or None where it gives none.
        alarms: the alarms it holds, by name.
    """

    name: str
    status: str
    config: str | None
    alarms: tuple[str, ...]

    @property
    def in_motion(self) -> bool:
        """True while CloudFormation works on it."""
        return self.status.endswith("_IN_PROGRESS")


class FaultKind(StrEnum):
    """What is wrong with an endpoint."""

    BROKEN = "broken"
    DRIFT = "drift"
    ROLLED_BACK = "rolled back"
    ALARM = "alarm"
    SHORT = "short of instances"
    FULL = "at most instances"
    SUSPENDED = "scaling suspended"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing an operator should know.

    Attributes:
        kind: of fault.
        text: a whole sentence with the names that matter.
    """

    kind: FaultKind
    text: str


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """An endpoint, what its stack says of it, and what is wrong.

    Attributes:
        endpoint: as SageMaker describes it.
        stack: as CloudFormation describes it; None where that can't be read.
        scaling: of each variant that scales.
        alarms: those that watch it, the ringing ones first.
        traffic: of the last hour.
        faults: what an operator should know first, the worst first; none where all is well.
        unread: what could not be read, and why: status shows what it can.
    """

    endpoint: EndpointState
    stack: StackView | None
    scaling: tuple[ScalingState, ...]
    alarms: tuple[AlarmState, ...]
    traffic: Traffic
    faults: tuple[Fault, ...]
    unread: tuple[str, ...]

    @property
    def drifted(self) -> bool:
        """True where the endpoint runs another config than its stack gives it, and no update is going on."""
        return (
            self.stack is not None
            and self.stack.config not in (None, self.endpoint.config)
            and not (self.endpoint.in_motion or self.stack.in_motion)
        )


def read_status(clients: AwsClients, deployment: Deployment, now: datetime | None = None) -> EndpointStatus:
    """Reads everything, what does not depend on each other at the same time.

    Raises:
        MmeError: the endpoint does not exist, or SageMaker can't be asked. Whatever else can't be read is
            named in `unread`.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    moment = now or datetime.now(UTC)
    endpoint = read_endpoint(clients.sagemaker, deployment.endpoint_name)
    variants = [variant.name for variant in endpoint.variants]
    unread: list[str] = []

    def part(what: str, read: Callable[[], _Part], otherwise: _Part) -> _Part:
        try:
            return read()
        except (ClientError, BotoCoreError) as error:
            explained = explain_aws_error(error)
            unread.append(f"{what}: {explained.message if explained else error}")
            return otherwise

    with ThreadPoolExecutor(max_workers=3) as pool:
        stack_part = pool.submit(part, "the stack", lambda: read_stack_view(clients, deployment), None)
        traffic_part = pool.submit(
            part,
            "the metrics",
            lambda: read_traffic(clients.cloudwatch, deployment.endpoint_name, variants, moment),
            _NO_TRAFFIC,
        )
        nothing: list[ScalingState] = []
        scaling = part(
            "the scaling", lambda: read_scaling(clients.scaling, deployment.endpoint_name, variants), nothing
        )
        stack = stack_part.result()
        no_alarms: list[AlarmState] = []
        alarms = part(
            "the alarms",
            lambda: read_alarms(
                clients.cloudwatch,
                deployment.endpoint_name,
                names=stack.alarms if stack else (),
                of_scaling={name for one in scaling for policy in one.policies for name in policy.alarms},
            ),
            no_alarms,
        )
        traffic = traffic_part.result()
    status = EndpointStatus(
        endpoint, stack, tuple(scaling), tuple(alarms), traffic, faults=(), unread=tuple(unread)
    )
    return replace(status, faults=tuple(find_faults(status)))


def read_stack_view(clients: AwsClients, deployment: Deployment) -> StackView:
    """What CloudFormation believes of the serving stack."""
    (described,) = clients.cloudformation.describe_stacks(StackName=deployment.stack)["Stacks"]
    resources = stack_resources(clients.cloudformation, deployment.stack)
    template = stack_template(clients.cloudformation, deployment.stack)
    return StackView(
        name=deployment.stack,
        status=described["StackStatus"],
        config=config_of_endpoint(resources, template, deployment.endpoint_name),
        alarms=_alarm_names(resources),
    )


def find_faults(status: EndpointStatus) -> list[Fault]:
    """What an operator should know first, the worst first."""
    endpoint, stack = status.endpoint, status.stack
    faults: list[Fault] = []

    def found(kind: FaultKind, text: str) -> None:
        faults.append(Fault(kind, text))

    if endpoint.status in ("Failed", "OutOfService", "UpdateRollbackFailed"):
        reason = f": {endpoint.failure_reason}" if endpoint.failure_reason else ""
        found(FaultKind.BROKEN, f"the endpoint is {endpoint.status}{reason}")
    if status.drifted and stack is not None:
        found(
            FaultKind.DRIFT,
            f"it runs config {endpoint.config}, but its stack says {stack.config}: "
            "an update was rolled back, or someone updated it by hand",
        )
    if stack is not None and not stack.in_motion and "ROLLBACK" in stack.status:
        found(FaultKind.ROLLED_BACK, f"the last deployment of {stack.name} was rolled back ({stack.status})")
    for alarm in status.alarms:
        if alarm.rings:
            found(FaultKind.ALARM, f"alarm {alarm.name} rings: {alarm.reason or alarm.metric}")
    for variant in endpoint.variants:
        if not endpoint.in_motion and variant.current != variant.desired:
            text = f"variant {variant.name} has {variant.current} of {variant.desired} instances"
            found(FaultKind.SHORT, text)
        for scaling in status.scaling:
            if scaling.variant == variant.name and variant.current == scaling.maximum > scaling.minimum:
                text = f"variant {variant.name} is at its most instances, {scaling.maximum}"
                found(FaultKind.FULL, text)
    for scaling in status.scaling:
        if scaling.suspended:
            found(FaultKind.SUSPENDED, f"scaling of variant {scaling.variant} is suspended")
    return faults


def _alarm_names(resources: list[StackResource]) -> tuple[str, ...]:
    # An alarm's physical id is its name; a composite alarm's is its ARN, whose last part is its name.
    return tuple(one.physical_id.rpartition(":")[2] for one in resources if one.type in ALARM_TYPES)
