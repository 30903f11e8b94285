"""Check the serving stack and the endpoint."""

from __future__ import annotations

from typing import Final

from mme.findings import Finding, Severity
from mme.operate.doctor.context import DoctorContext
from mme.operate.stacks import read_stack, stack_resources
from mme.operate.status import EndpointFaultKind, read_status

_ERRORS: Final = "mme endpoint logs --errors"
_EVENTS: Final = "aws cloudformation describe-stack-events --stack-name {stack}"
_FAULTS: Final = {
    EndpointFaultKind.BROKEN: (Severity.ERROR, _ERRORS),
    EndpointFaultKind.DRIFT: (
        Severity.ERROR,
        f"see why it was rolled back: {_ERRORS}; then fix the code and deploy",
    ),
    EndpointFaultKind.ROLLED_BACK: (Severity.WARNING, f"see why: {_EVENTS}"),
    EndpointFaultKind.ALARM: (
        Severity.ERROR,
        "mme endpoint metrics; the alarm's description links to the runbook",
    ),
    EndpointFaultKind.SHORT: (Severity.WARNING, f"wait, or see why they don't start: {_ERRORS}"),
    EndpointFaultKind.FULL: (
        Severity.WARNING,
        "mme endpoint metrics --metric InvocationsPerInstance; raise max_capacity if needed",
    ),
    EndpointFaultKind.SUSPENDED: (
        Severity.WARNING,
        "aws application-autoscaling register-scalable-target --suspended-state",
    ),
}


def check_stack(context: DoctorContext) -> list[Finding]:
    """Check that the serving stack is complete and none of its resources failed."""
    name, cloudformation = context.deployment.stack, context.clients.cloudformation
    stack = read_stack(cloudformation, name)
    if stack is None:
        return [Finding(Severity.ERROR, "stack", f"the stack {name} does not exist", "deploy it")]
    failed = [
        f"{one.logical_id} ({one.status})"
        for one in stack_resources(cloudformation, name)
        if one.status.endswith("_FAILED")
    ]
    message, hint = f"{name} is {stack.status}", _EVENTS.format(stack=name)
    if failed:
        return [Finding(Severity.ERROR, "stack", f"{message}: {', '.join(failed)}", hint)]
    if stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"):
        return [Finding(Severity.OK, "stack", message)]
    severity = Severity.NOTE if stack.in_progress else Severity.WARNING
    return [Finding(severity, "stack", message, hint)]


def check_endpoint(context: DoctorContext) -> list[Finding]:
    """Check that the endpoint is in service, has the stack's config and no alarm in state ALARM."""
    status = read_status(context.clients, context.deployment)
    found = []
    for fault in status.faults:
        severity, hint = _FAULTS[fault.kind]
        found.append(Finding(severity, "endpoint", fault.text, hint.format(stack=context.deployment.stack)))
    found += [Finding(Severity.SKIPPED, "endpoint", f"can't read {what}") for what in status.unread]
    if not status.faults:
        endpoint = status.endpoint
        count = sum(variant.current or 0 for variant in endpoint.variants)
        plural = "" if count == 1 else "s"
        message = f"{endpoint.name} is {endpoint.status} on {count} instance{plural}"
        severity = Severity.OK if endpoint.status == "InService" else Severity.NOTE
        found.append(Finding(severity, "endpoint", message))
    return found
