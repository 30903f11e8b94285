"""Whether stack and endpoint are as they should be."""

from __future__ import annotations

from typing import Final

from mme.operate.doctor.finding import Finding, Patient, Severity
from mme.operate.stack_resources import stack_resources
from mme.operate.status import FaultKind, read_status

_SEVERITIES: Final = dict.fromkeys((FaultKind.BROKEN, FaultKind.DRIFT, FaultKind.ALARM), Severity.ERROR)
_ERRORS: Final = "mme endpoint logs --errors"
_NEXT: Final = {
    FaultKind.BROKEN: _ERRORS,
    FaultKind.DRIFT: f"see why it was rolled back: {_ERRORS}; then mend the code and deploy",
    FaultKind.ROLLED_BACK: "see why: aws cloudformation describe-stack-events --stack-name {stack}",
    FaultKind.ALARM: "mme endpoint metrics, and the alarm's description links to the runbook",
    FaultKind.SHORT: "wait, or see why they don't start: " + _ERRORS,
    FaultKind.FULL: "mme endpoint metrics --metric InvocationsPerInstance; raise max_capacity if wanted",
    FaultKind.SUSPENDED: "aws application-autoscaling register-scalable-target --suspended-state",
}
_GOOD: Final = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")


def check_stack(patient: Patient) -> list[Finding]:
    """The serving stack: settled, and nothing of it failed."""
    stack = patient.deployment.stack
    (described,) = patient.clients.cloudformation.describe_stacks(StackName=stack)["Stacks"]
    status = described["StackStatus"]
    failed = [
        f"{one.logical_id} ({one.status})"
        for one in stack_resources(patient.clients.cloudformation, stack)
        if one.status.endswith("_FAILED")
    ]
    events = f"aws cloudformation describe-stack-events --stack-name {stack}"
    if failed:
        return [Finding("stack", Severity.ERROR, f"{stack} is {status}: {', '.join(failed)}", events)]
    if status in _GOOD:
        return [Finding("stack", Severity.OK, f"{stack} is {status}")]
    severity = Severity.NOTE if status.endswith("_IN_PROGRESS") else Severity.WARNING
    return [Finding("stack", severity, f"{stack} is {status}", events)]


def check_endpoint(patient: Patient) -> list[Finding]:
    """The endpoint: in service, of the stack's config, no alarm ringing."""
    status = read_status(patient.clients, patient.deployment)
    found = [
        Finding(
            "endpoint",
            _SEVERITIES.get(fault.kind, Severity.WARNING),
            fault.text,
            _NEXT[fault.kind].format(stack=patient.deployment.stack),
        )
        for fault in status.faults
    ]
    found += [Finding("endpoint", Severity.SKIPPED, f"can't be read: {what}") for what in status.unread]
    if not status.faults:
        count = sum(variant.current or 0 for variant in status.endpoint.variants)
        plural = "" if count == 1 else "s"
        found.append(
            Finding(
                "endpoint",
                Severity.OK if status.endpoint.status == "InService" else Severity.NOTE,
                f"{status.endpoint.name} is {status.endpoint.status} on {count} instance{plural}",
            )
        )
    return found
