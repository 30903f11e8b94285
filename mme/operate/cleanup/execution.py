"""Execute a clean-up plan. It can be interrupted anywhere and run again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from mme.aws.clients import AwsClients
from mme.errors import MmeError
from mme.operate.cleanup.objects import delete_objects
from mme.operate.cleanup.ownership import OwnedStack
from mme.operate.cleanup.plan import CleanPlan, ObjectsToDelete

_ATTEMPTS: Final = 3
"""Access logs arrive in their bucket for a while after the last access, so it is emptied again."""


class CleanListener(Protocol):
    """Receives the progress of a clean-up."""

    def began(self, what: str, total: int | None) -> None:
        """A step began.

        Args:
            what: The step.
            total: Its number of objects; None for a stack or log group.
        """

    def advanced(self, count: int) -> None:
        """So many more objects of the step are deleted."""

    def finished(self, what: str) -> None:
        """The step is done."""


def clean(clients: AwsClients, plan: CleanPlan, listener: CleanListener, pause: Callable[[], object]) -> None:
    """Delete what the plan names and nothing else.

    First objects in buckets of the serving stack and the stack itself, so that nothing serves or writes any
    more; then the models, the log and the models' stack.

    Args:
        clients: Clients of the deployment's account and region.
        plan: From `plan_clean` or `plan_leftovers`.
        listener: Receives the progress.
        pause: Waits before CloudFormation is polled again.

    Raises:
        MmeError: CloudFormation or S3 refuses a step. Earlier steps stay done; call again to resume.
    """
    before = [one for one in plan.objects if one.before]
    for one in before:
        _empty(clients, one, listener)
    if plan.serving is not None:
        _delete_stack(clients, plan.serving, listener, pause, before)
        # What the endpoint wrote until it was deleted.
        for one in before:
            if one.bucket not in plan.serving.buckets:
                delete_objects(clients.s3, one.bucket, one.prefix, lambda _: None)
    for one in plan.objects:
        if not one.before:
            _empty(clients, one, listener)
    if plan.log_group is not None:
        listener.began(f"log group {plan.log_group}", None)
        # The stack may have owned and deleted it.
        with suppress(clients.logs.exceptions.ResourceNotFoundException):
            clients.logs.delete_log_group(logGroupName=plan.log_group)
        listener.finished(f"log group {plan.log_group}")
    if plan.store is not None:
        after = [one for one in plan.objects if one.bucket in plan.store.buckets]
        _delete_stack(clients, plan.store, listener, pause, after)


def _empty(clients: AwsClients, one: ObjectsToDelete, listener: CleanListener) -> None:
    if not one.count.entries:
        return
    what = f"{one.what} in {one.url}"
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
    for _ in range(_ATTEMPTS):
        clients.cloudformation.delete_stack(StackName=stack.state.id)
        status, reason = _wait_until_settled(clients, stack.state.id, pause)
        if status == "DELETE_COMPLETE":
            listener.finished(what)
            return
        if "not empty" not in reason.lower():
            break
        for one in contents:
            delete_objects(clients.s3, one.bucket, one.prefix, lambda _: None)
    raise MmeError(
        f"CloudFormation did not delete the stack {stack.name}: {reason or 'it gave no reason'}",
        hint="fix that and run the same command again to resume",
    )


def _wait_until_settled(clients: AwsClients, stack_id: str, pause: Callable[[], object]) -> tuple[str, str]:
    """Return the stack's final status, and why it was not deleted."""
    while True:
        # By ID: a deleted stack can't be found by name.
        (found,) = clients.cloudformation.describe_stacks(StackName=stack_id)["Stacks"]
        status = found["StackStatus"]
        if not status.endswith("_IN_PROGRESS"):
            break
        pause()
    if status == "DELETE_COMPLETE":
        return status, ""
    reasons = [str(found.get("StackStatusReason", ""))]
    for event in clients.cloudformation.describe_stack_events(StackName=stack_id)["StackEvents"]:
        of_stack = event.get("PhysicalResourceId") == stack_id
        if of_stack and event["ResourceStatus"] == "DELETE_IN_PROGRESS":
            break
        if not of_stack and event["ResourceStatus"] == "DELETE_FAILED":
            reasons.append(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}")
    return status, "; ".join(reason for reason in reasons if reason)
