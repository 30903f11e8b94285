"""Doing what a plan says, in an order that can be interrupted anywhere and begun again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from mme.aws.clients import AwsClients
from mme.errors import MmeError
from mme.operate.cleanup.objects import delete_objects
from mme.operate.cleanup.plan import CleanPlan, ObjectsToDelete, When
from mme.operate.cleanup.stacks import OwnedStack

_TRIES: Final = 3
"""Access logs arrive in their bucket for a while after the last access: it is emptied again."""


class CleanListener(Protocol):
    """Is told how a cleaning goes."""

    def began(self, what: str, total: int | None) -> None:
        """A step began; `total` is its number of objects, where it has one."""

    def advanced(self, count: int) -> None:
        """So many more objects of the step are gone."""

    def finished(self, what: str) -> None:
        """The step is done."""


def clean(clients: AwsClients, plan: CleanPlan, listener: CleanListener, pause: Callable[[], object]) -> None:
    """Deletes what the plan names and nothing else.

    First what must be out of the way of the serving stack, then that stack, so that nothing serves or writes
    any more; then the models, the log and the models' stack.

    Args:
        clients: of the account and region the plan was made for.
        plan: as `plan_clean` made it.
        listener: is told how it goes.
        pause: waits before CloudFormation is asked again.

    Raises:
        MmeError: CloudFormation or S3 refuses a part. What is gone stays gone: the same call goes on.
    """
    before = [one for one in plan.objects if one.when is When.BEFORE]
    for one in before:
        _empty(clients, one, listener)
    if plan.serving is not None:
        _delete_stack(clients, plan.serving, listener, pause, before)
        # What the endpoint wrote until it ended.
        for one in before:
            if one.bucket not in plan.serving.buckets:
                delete_objects(clients.s3, one.bucket, one.prefix, lambda _: None)
    for one in plan.objects:
        if one.when is When.AFTER:
            _empty(clients, one, listener)
    if plan.log_group is not None:
        listener.began(f"log group {plan.log_group}", None)
        # The stack may have had it, and taken it away.
        with suppress(clients.logs.exceptions.ResourceNotFoundException):
            clients.logs.delete_log_group(logGroupName=plan.log_group)
        listener.finished(f"log group {plan.log_group}")
    if plan.store is not None:
        after = [one for one in plan.objects if one.bucket in plan.store.buckets]
        _delete_stack(clients, plan.store, listener, pause, after)


def _empty(clients: AwsClients, one: ObjectsToDelete, listener: CleanListener) -> None:
    if not one.count.entries:
        return
    what = f"{one.what} in s3://{one.bucket}/{one.prefix}"
    listener.began(what, one.count.entries)
    delete_objects(clients.s3, one.bucket, one.prefix, listener.advanced)
    listener.finished(what)


def _delete_stack(
    clients: AwsClients,
    stack: OwnedStack,
    listener: CleanListener,
    pause: Callable[[], object],
    contents: list[ObjectsToDelete],
) -> None:
    what = f"stack {stack.name}"
    listener.began(what, None)
    reason = ""
    for _ in range(_TRIES):
        clients.cloudformation.delete_stack(StackName=stack.stack_id)
        status, reason = _settled(clients, stack, pause)
        if status == "DELETE_COMPLETE":
            listener.finished(what)
            return
        if "not empty" not in reason.lower():
            break
        for one in contents:
            delete_objects(clients.s3, one.bucket, one.prefix, lambda _: None)
    raise MmeError(
        f"CloudFormation did not delete the stack {stack.name}: {reason or 'it gave no reason'}",
        hint="mend that and run the same command again: it goes on from here",
    )


def _settled(clients: AwsClients, stack: OwnedStack, pause: Callable[[], object]) -> tuple[str, str]:
    """The stack's last status, and why it was not deleted."""
    while True:
        # By its id: a deleted stack has no name any more.
        (found,) = clients.cloudformation.describe_stacks(StackName=stack.stack_id)["Stacks"]
        status = found["StackStatus"]
        if not status.endswith("_IN_PROGRESS"):
            break
        pause()
    if status == "DELETE_COMPLETE":
        return status, ""
    reasons = [str(found.get("StackStatusReason", ""))]
    events = clients.cloudformation.describe_stack_events(StackName=stack.stack_id)["StackEvents"]
    for event in events:
        if (
            event["ResourceStatus"] == "DELETE_IN_PROGRESS"
            and event.get("PhysicalResourceId") == stack.stack_id
        ):
            break
        if event["ResourceStatus"] == "DELETE_FAILED" and event.get("PhysicalResourceId") != stack.stack_id:
            reasons.append(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}")
    return status, "; ".join(reason for reason in reasons if reason)
