"""`mme endpoint rollback`: return to the previous endpoint config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from mme.cli.options import Json, Yes
from mme.console import (
    age_text,
    plain_table,
    print_json,
    print_note,
    print_outcome,
    print_table,
    styled,
    waiting,
)

if TYPE_CHECKING:
    from rich.text import Text

    from mme.operate.endpoint_state import EndpointState
    from mme.operate.rollback import ConfigSummary, RollbackPlan

_POLL_SECONDS: Final = 5
_DRIFT: Final = (
    "CloudFormation does not know of this: its stack still has the other config, which mme endpoint status "
    "reports. The next deployment that changes the config applies the stack's own again, so fix or revert "
    "your code before it."
)


def rollback(
    context: typer.Context,
    to: Annotated[
        str | None,
        typer.Option("--to", help="An endpoint config. Default: the previous one.", metavar="CONFIG"),
    ] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Return the endpoint to the previous config, if that still exists.

    Both configs are shown first. The models stay as they are: to roll back a model, use its alias.

    Example: mme --env prod endpoint rollback
    """
    import time

    from mme.cli.confirmation import confirm
    from mme.cli.deployment import target_of
    from mme.errors import MmeError
    from mme.operate.rollback import plan_rollback, roll_back, wait_until_settled

    target = target_of(context)
    plan = plan_rollback(target.clients, target.deployment, to)
    if not as_json:
        _print_plan(plan)
    if not yes:
        confirm(f"Roll {plan.endpoint.name} back?")
    roll_back(target.clients, plan)
    with waiting(f"{plan.endpoint.name} is being updated") as show:

        def pause(state: EndpointState) -> None:
            show(f"{state.name} is {state.status}")
            time.sleep(_POLL_SECONDS)

        settled = wait_until_settled(target.clients, plan.endpoint.name, pause)
    if settled.config != plan.previous.name or settled.status != "InService":
        raise MmeError(
            f"endpoint {settled.name} is {settled.status} and runs config {settled.config}: "
            f"{settled.failure_reason or 'SageMaker gave no reason'}",
            hint="see why: mme endpoint logs --errors",
        )
    if as_json:
        before = plan.endpoint.config
        print_json({"endpoint": settled.name, "from": before, "to": settled.config, "status": settled.status})
        return
    print_outcome("done", f"{settled.name} runs {settled.config}")
    print_note("note:", _DRIFT)


def _print_plan(plan: RollbackPlan) -> None:
    table = plain_table("", "CONFIG", "MADE", "VARIANTS")
    if plan.current is None:
        table.add_row("now", plan.endpoint.config, "-", "deleted, or its models are")
    else:
        table.add_row("now", *_row(plan.current))
    table.add_row("then", *_row(plan.previous))
    print_table(table)


def _row(config: ConfigSummary) -> tuple[str, str, Text]:
    lines = [
        f"{name}: {kind}\n" + "\n".join(image.rpartition("/")[2] for image in images)
        for name, kind, images in config.variants
    ]
    return config.name, f"{age_text(config.created)} ago", styled("\n".join(lines), "")
