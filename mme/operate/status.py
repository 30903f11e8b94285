"""The status of a deployed endpoint: endpoint, stack, scaling, alarms, traffic and faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from mme.aws.clients import AwsClients
from mme.errors import MmeError
from mme.findings import Finding
from mme.operate.alarms import AlarmState, read_alarms
from mme.operate.aws_errors import explain_aws_error
from mme.operate.discovery import Deployment
from mme.operate.endpoint_state import EndpointState, read_endpoint
from mme.operate.scaling_state import ScalingState, read_scaling
from mme.operate.stacks import (
    ALARM_TYPES,
    EVENTS_COMMAND,
    endpoint_config_name,
    read_stack,
    stack_resources,
    stack_template,
)
from mme.operate.traffic import Traffic, read_traffic

_Part = TypeVar("_Part")
_SEE_ERRORS = "mme endpoint logs --errors"


@dataclass(frozen=True, slots=True)
class StackView:
    """An endpoint from CloudFormation's point of view.

    Attributes:
        config: The endpoint config that the stack assigns to the endpoint; None if it assigns none.
        alarms: Names of the stack's alarms.
    """

    name: str
    status: str
    config: str | None
    alarms: tuple[str, ...]

    @property
    def in_progress(self) -> bool:
        """Whether CloudFormation is changing the stack."""
        return self.status.endswith("_IN_PROGRESS")


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """The status of an endpoint.

    Attributes:
        stack: As CloudFormation describes it; None if that can't be read.
        scaling: Of each variant that scales.
        alarms: Those in state ALARM first.
        faults: The worst first; empty if all is well.
        unread: What could not be read, and why.
    """

    endpoint: EndpointState
    stack: StackView | None
    scaling: tuple[ScalingState, ...]
    alarms: tuple[AlarmState, ...]
    traffic: Traffic
    faults: tuple[Finding, ...]
    unread: tuple[str, ...]

    @property
    def drifted(self) -> bool:
        """Whether the endpoint has another config than its stack assigns, and no update is in progress."""
        return (
            self.stack is not None
            and self.stack.config not in (None, self.endpoint.config)
            and not (self.endpoint.in_progress or self.stack.in_progress)
        )


def read_status(clients: AwsClients, deployment: Deployment, now: datetime | None = None) -> EndpointStatus:
    """Read the status, independent parts concurrently.

    Args:
        clients: Clients of the deployment's account and region.
        deployment: The deployment.
        now: End of the hour of traffic. Default: the clock.

    Raises:
        MmeError: The endpoint does not exist. Other parts that can't be read are named in `unread`.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    name = deployment.endpoint_name
    endpoint = read_endpoint(clients.sagemaker, name)
    unread: list[str] = []

    def part(what: str, default: _Part, read: Callable[[], _Part]) -> _Part:
        try:
            return read()
        except (ClientError, BotoCoreError) as error:
            explained = explain_aws_error(error)
            unread.append(f"{what}: {explained.message if explained else error}")
            return default

    def traffic() -> Traffic:
        variants = [variant.name for variant in endpoint.variants]
        return read_traffic(clients.cloudwatch, name, variants, now or datetime.now(UTC))

    def scaling() -> tuple[ScalingState, ...]:
        return read_scaling(clients.scaling, endpoint)

    with ThreadPoolExecutor(max_workers=3) as pool:
        stack_part = pool.submit(part, "the stack", None, partial(_read_stack_view, clients, deployment))
        traffic_part = pool.submit(part, "the metrics", Traffic(), traffic)
        no_scaling: tuple[ScalingState, ...] = ()
        scaled = part("the scaling", no_scaling, scaling)
        stack = stack_part.result()

        def alarms() -> tuple[AlarmState, ...]:
            own = {alarm for one in scaled for policy in one.policies for alarm in policy.alarms}
            names = stack.alarms if stack else ()
            return tuple(read_alarms(clients.cloudwatch, name, names=names, of_scaling=own))

        no_alarms: tuple[AlarmState, ...] = ()
        found = part("the alarms", no_alarms, alarms)
    status = EndpointStatus(endpoint, stack, scaled, found, traffic_part.result(), (), tuple(unread))
    return replace(status, faults=tuple(_faults(status)))


def _read_stack_view(clients: AwsClients, deployment: Deployment) -> StackView | None:
    if not deployment.stack:
        return None
    stack = read_stack(clients.cloudformation, deployment.stack)
    if stack is None:
        raise MmeError(
            f"the stack {deployment.stack} does not exist any more", hint="deploy it again: cdk deploy"
        )
    resources = stack_resources(clients.cloudformation, deployment.stack)
    template = stack_template(clients.cloudformation, deployment.stack)
    return StackView(
        name=deployment.stack,
        status=stack.status,
        config=endpoint_config_name(resources, template, deployment.endpoint_name),
        # The physical id of an alarm is its name, that of a composite alarm its ARN.
        alarms=tuple(one.physical_id.rpartition(":")[2] for one in resources if one.type in ALARM_TYPES),
    )


def _faults(status: EndpointStatus) -> Iterator[Finding]:
    """Find the faults, the worst first."""
    endpoint, stack = status.endpoint, status.stack
    if endpoint.status in ("Failed", "OutOfService", "UpdateRollbackFailed"):
        reason = f": {endpoint.failure_reason}" if endpoint.failure_reason else ""
        yield Finding.error("broken", f"the endpoint is {endpoint.status}{reason}", _SEE_ERRORS)
    if endpoint.config_deleted and not endpoint.in_progress:
        yield Finding.error(
            "config-deleted",
            f"the endpoint config {endpoint.config} is gone: it was deleted outside CloudFormation",
            "the next deployment that changes the config, as a new image version does, creates a new one",
        )
    if status.drifted and stack is not None:
        yield Finding.error(
            "drift",
            f"it runs config {endpoint.config}, but its stack says {stack.config}: "
            "an update was rolled back, or someone updated it by hand",
            f"see why it was rolled back: {_SEE_ERRORS}; then fix the code and deploy",
        )
    if stack is not None and not stack.in_progress and "ROLLBACK" in stack.status:
        text = f"the last deployment of {stack.name} was rolled back ({stack.status})"
        yield Finding.warning("rolled-back", text, f"see why: {EVENTS_COMMAND.format(stack.name)}")
    for alarm in status.alarms:
        if alarm.rings:
            text = f"alarm {alarm.name} is in state ALARM: {alarm.reason or alarm.metric}"
            yield Finding.error(
                "alarm", text, "mme endpoint metrics; the alarm's description links to the runbook"
            )
    for variant in endpoint.variants:
        if not endpoint.in_progress and variant.current != variant.desired:
            text = f"variant {variant.name} has {variant.current} of {variant.desired} instances"
            yield Finding.warning("few-instances", text, f"wait, or see why they don't start: {_SEE_ERRORS}")
        for scaling in status.scaling:
            if scaling.variant == variant.name and variant.current == scaling.maximum > scaling.minimum:
                text = f"variant {variant.name} has its maximum of {scaling.maximum} instances"
                hint = "mme endpoint metrics --metric InvocationsPerInstance; raise max_capacity if needed"
                yield Finding.warning("max-instances", text, hint)
    for scaling in status.scaling:
        if scaling.suspended:
            text = f"scaling of variant {scaling.variant} is suspended"
            hint = "aws application-autoscaling register-scalable-target --suspended-state"
            yield Finding.warning("scaling-suspended", text, hint)
