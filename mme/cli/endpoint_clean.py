"""`mme endpoint clean`: delete a deployment, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mme.cli.options import Json, Yes
from mme.console import (
    count_text,
    fields,
    plain_table,
    print_json,
    print_note,
    print_outcome,
    print_table,
    size_text,
)

if TYPE_CHECKING:
    from rich.progress import Progress

    from mme.cli.deployment import Target
    from mme.operate.cleanup import Choice, CleanPlan

_POLL_SECONDS: Final = 5


def clean(
    context: typer.Context,
    models: Annotated[
        bool, typer.Option("--models", help="Also delete the models, all versions, and their aliases.")
    ] = False,
    outputs: Annotated[
        bool,
        typer.Option("--outputs", help="Also delete captured data and the content of the stack's buckets."),
    ] = False,
    logs: Annotated[bool, typer.Option("--logs", help="Also delete the endpoint's log group.")] = False,
    store: Annotated[
        bool, typer.Option("--store", help="Also delete the models' stack, with its models.")
    ] = False,
    store_stack: Annotated[
        str | None, typer.Option("--store-stack", help="The models' stack. Default: found.", metavar="NAME")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be deleted.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Delete the serving stack: endpoint, config, model, role, scaling. Other things by option.

    Deletes only what this deployment's stacks own. Everything is shown first, and you type the stack's name
    to confirm. Run it again to resume after an interruption.

    Example: mme --env dev endpoint clean --models --logs
    """
    import time

    from mme.cli.confirmation import confirm_by_typing
    from mme.cli.deployment import target_of
    from mme.cli.progress import counted_bars
    from mme.operate.cleanup import Choice
    from mme.operate.cleanup import clean as clean_up

    target = target_of(context)
    choice = Choice(models=models or store, outputs=outputs, logs=logs, store=store)
    plan = _plan(target, choice, store_stack)
    if as_json and (dry_run or plan.empty):
        print_json(_json(plan, done=False))
        return
    if not as_json:
        _print_plan(plan)
    if plan.empty:
        print_note("nothing", "to delete")
        return
    if dry_run:
        return
    if not yes:
        confirm_by_typing(plan.subject)
    with counted_bars() as progress:
        clean_up(target.clients, plan, _Steps(progress), lambda: time.sleep(_POLL_SECONDS))
    if as_json:
        print_json(_json(plan, done=True))
    else:
        print_outcome("done", f"{plan.subject} is deleted")


def _plan(target: Target, choice: Choice, store_stack: str | None) -> CleanPlan:
    """Plan for the deployment, or for what is left of it if its serving stack is deleted already."""
    from mme.errors import MmeError
    from mme.operate.cleanup import plan_clean, plan_leftovers
    from mme.operate.stacks import read_stack

    settings = target.settings
    if settings.endpoint_name:
        raise MmeError(
            f"endpoint {settings.endpoint_name} is named without its stack; clean deletes stacks",
            hint="name the serving stack with --stack, or delete the endpoint with the tool that made it",
        )
    store = store_stack or (None if settings.stack else f"mme-{settings.env}-model-store")
    if read_stack(target.clients.cloudformation, settings.stack_name) is not None:
        return plan_clean(target.clients, target.deployment, choice, store_stack)
    left = plan_leftovers(target.clients, store, choice) if store else None
    if left is None:
        raise MmeError(
            f"neither the stack {settings.stack_name} nor {store or 'a model store'} exists in "
            f"{target.clients.region}: nothing is left of this deployment",
            hint="check --env, --stack, --store-stack and --region",
        )
    return left


def _print_plan(plan: CleanPlan) -> None:
    table = plain_table("DELETED", "WHAT", "HOW MUCH")
    for stack in filter(None, (plan.serving, plan.store)):
        deleted = (one for one in stack.resources if one.logical_id not in stack.retained)
        kinds = sorted({one.type.rpartition("::")[2] for one in deleted})
        table.add_row("stack", stack.name, ", ".join(kinds))
    for one in plan.objects:
        if one.count.entries:
            counts = (count_text(one.count.current, "objects"), count_text(one.count.entries, "versions"))
            amount = ", ".join((*counts, size_text(one.count.size)))
            table.add_row(one.what, one.url, amount)
    if plan.log_group:
        table.add_row("log group", plan.log_group, "")
    if table.row_count:
        print_table(table)
    for stays in plan.stays:
        print_outcome("stays", stays, style="yellow")


def _json(plan: CleanPlan, *, done: bool) -> dict[str, Any]:
    stacks = [stack for stack in (plan.serving, plan.store) if stack]
    return {
        "deleted" if done else "would_delete": {
            "stacks": [stack.name for stack in stacks],
            "resources": [
                {"stack": stack.name, "type": one.type, "name": one.name}
                for stack in stacks
                for one in stack.resources
                if one.logical_id not in stack.retained
            ],
            "objects": [
                fields(one, "what url") | fields(one.count, "objects=current versions=entries bytes=size")
                for one in plan.objects
                if one.count.entries
            ],
            "log_groups": [plan.log_group] if plan.log_group else [],
        },
        "stays": list(plan.stays),
    }


class _Steps:
    """Shows a bar for the current step and a line for each finished one."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: Any = None

    def began(self, what: str, total: int | None) -> None:
        self._task = self._progress.add_task(what, total=total)

    def advanced(self, count: int) -> None:
        self._progress.advance(self._task, count)

    def finished(self, what: str) -> None:
        self._progress.update(self._task, visible=False)
        print_note("deleted", what)
