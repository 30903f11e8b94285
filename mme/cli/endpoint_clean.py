"""`mme endpoint clean`: takes a deployment away, and nothing beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

    from mme.cli.deployment import Target
    from mme.operate.cleanup import Choice, CleanListener, CleanPlan

_ASK_SECONDS: Final = 5


def clean(
    context: typer.Context,
    models: Annotated[
        bool, typer.Option("--models", help="The models too: all versions, and their aliases.")
    ] = False,
    outputs: Annotated[
        bool,
        typer.Option("--outputs", help="Captured data too, and what lies in buckets of the stack's own."),
    ] = False,
    logs: Annotated[bool, typer.Option("--logs", help="The endpoint's log group too.")] = False,
    store: Annotated[
        bool, typer.Option("--store", help="The models' stack too, with the models in it.")
    ] = False,
    store_stack: Annotated[
        str | None,
        typer.Option(
            "--store-stack", help="The models' stack, if it is not found by itself.", metavar="NAME"
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Delete the serving stack: endpoint, config, model, role, scaling. Other things by choice.

    Only what this deployment's stacks own. All of it is shown first; you type the stack's name to confirm.
    Interrupted, the same command goes on from there.

    Example: mme --env dev endpoint clean --models --logs
    """
    import time

    from mme.cli.confirmation import confirm_by_typing
    from mme.cli.deployment import target_of
    from mme.console import print_json, print_note, standard_output
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
    with _progress() as listener:
        clean_up(target.clients, plan, listener, lambda: time.sleep(_ASK_SECONDS))
    if as_json:
        print_json(_json(plan, done=True))
    else:
        standard_output().print(f"[green]done[/] {plan.subject} is gone", soft_wrap=True)


def _plan(target: Target, choice: Choice, store_stack: str | None) -> CleanPlan:
    """Of the deployment; or of what is left of it, where its serving stack is gone already."""
    from mme.errors import MmeError
    from mme.operate.cleanup import plan_clean, plan_leftovers
    from mme.operate.cleanup.stacks import read_stack

    settings = target.settings
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
    from rich.markup import escape

    from mme.console import count_text, plain_table, print_table, size_text, standard_output

    table = plain_table("DELETED", "WHAT", "HOW MUCH")
    for stack in (plan.serving, plan.store):
        if stack is None:
            continue
        kinds = sorted(
            {one.type.rpartition("::")[2] for one in stack.resources if one.logical_id not in stack.retained}
        )
        table.add_row("stack", stack.name, ", ".join(kinds))
    for one in plan.objects:
        if one.count.entries:
            amount = (
                f"{count_text(one.count.current, 'objects')}, {count_text(one.count.entries, 'versions')}, "
                f"{size_text(one.count.size)}"
            )
            table.add_row(one.what, escape(f"s3://{one.bucket}/{one.prefix}"), amount)
    if plan.log_group:
        table.add_row("log group", plan.log_group, "")
    console = standard_output()
    if table.row_count:
        print_table(table)
    for stays in plan.stays:
        console.print(f"[yellow]stays[/] {escape(stays)}", soft_wrap=True)


def _json(plan: CleanPlan, *, done: bool) -> dict[str, Any]:
    return {
        "deleted" if done else "would_delete": {
            "stacks": [stack.name for stack in (plan.serving, plan.store) if stack],
            "resources": [
                {"stack": stack.name, "type": one.type, "name": one.name}
                for stack in (plan.serving, plan.store)
                if stack
                for one in stack.resources
                if one.logical_id not in stack.retained
            ],
            "objects": [
                {
                    "what": one.what,
                    "url": f"s3://{one.bucket}/{one.prefix}",
                    "objects": one.count.current,
                    "versions": one.count.entries,
                    "bytes": one.count.size,
                }
                for one in plan.objects
                if one.count.entries
            ],
            "log_groups": [plan.log_group] if plan.log_group else [],
        },
        "stays": list(plan.stays),
    }


@contextmanager
def _progress() -> Iterator[CleanListener]:
    """A bar for the step under way, and a line for each that is done."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    from mme.console import standard_error

    console = standard_error()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield _Steps(progress)


class _Steps:
    """Turns a cleaning's news into bars and lines."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: Any = None

    def began(self, what: str, total: int | None) -> None:
        self._task = self._progress.add_task(what, total=total)

    def advanced(self, count: int) -> None:
        self._progress.advance(self._task, count)

    def finished(self, what: str) -> None:
        from mme.console import print_note

        self._progress.update(self._task, visible=False)
        print_note("deleted", what)
