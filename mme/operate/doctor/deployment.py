"""Check the serving stack and the endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mme.findings import Finding, Severity
from mme.operate.doctor.context import DoctorContext
from mme.operate.stacks import EVENTS_COMMAND, read_stack, stack_resources
from mme.operate.status import read_status


def check_stack(context: DoctorContext) -> Iterator[Finding]:
    """Check that the serving stack is complete and none of its resources failed."""
    name, cloudformation = context.deployment.stack, context.clients.cloudformation
    if not name:
        yield Finding.skipped("stack", "the endpoint is named by --endpoint-name, without its stack")
        return
    stack = read_stack(cloudformation, name)
    if stack is None:
        yield Finding.error("stack", f"the stack {name} does not exist", "deploy it")
        return
    resources = stack_resources(cloudformation, name)
    failed = [f"{one.logical_id} ({one.status})" for one in resources if one.status.endswith("_FAILED")]
    message, hint = f"{name} is {stack.status}", EVENTS_COMMAND.format(name)
    if failed:
        yield Finding.error("stack", f"{message}: {', '.join(failed)}", hint)
    elif stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"):
        yield Finding.ok("stack", message)
    else:
        yield Finding(Severity.NOTE if stack.in_progress else Severity.WARNING, "stack", message, hint)


def check_endpoint(context: DoctorContext) -> Iterator[Finding]:
    """Check that the endpoint is in service, has the stack's config and no alarm in state ALARM."""
    status = read_status(context.clients, context.deployment)
    for fault in status.faults:
        yield replace(fault, code="endpoint")
    for what in status.unread:
        yield Finding.skipped("endpoint", f"can't read {what}")
    if not status.faults:
        endpoint = status.endpoint
        count = sum(variant.current or 0 for variant in endpoint.variants)
        message = f"{endpoint.name} is {endpoint.status} on {count} instance{'' if count == 1 else 's'}"
        severity = Severity.OK if endpoint.status == "InService" else Severity.NOTE
        yield Finding(severity, "endpoint", message)
