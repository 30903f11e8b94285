"""`mme endpoint logs` and `top`: the containers' log by model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from mme.cli.options import Since
from mme.console import (
    assembled,
    fields,
    one_line,
    plain_table,
    print_json,
    print_json_line,
    print_note,
    print_table,
    standard_output,
    styled,
    waiting,
)

if TYPE_CHECKING:
    from rich.text import Text

    from mme.operate.model_log import ModelLogLine

_FOLLOW_SECONDS: Final = 2
_STYLES: Final = {"W": "yellow", "E": "red", "F": "bold red"}
_SHOWN: Final = 20


def logs(
    context: typer.Context,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="Only this model's lines. * and ? are wildcards; a name is its newest version.",
            metavar="MODEL",
        ),
    ] = None,
    since: Since = "1h",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show new lines until Ctrl-C.")] = False,
    errors: Annotated[bool, typer.Option("--errors", help="Only warnings and errors.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
) -> None:
    """Show the containers' log of all models or of one.

    A model's lines are found by its name and by SageMaker's hash of it; a traceback belongs to its error.

    Example: mme endpoint logs --model add_sub_v0.tar.gz --since 2h --follow
    """
    import time

    from mme.cli.deployment import target_of
    from mme.operate.log_events import follow_events, read_events
    from mme.operate.model_log import model_lines
    from mme.operate.periods import parse_since

    start = parse_since(since)
    target = target_of(context)
    endpoint, client = target.deployment.endpoint_name, target.clients.logs
    if model:
        model = target.target_model(model)
    if follow:
        events = follow_events(client, endpoint, start, lambda: time.sleep(_FOLLOW_SECONDS))
    else:
        events = read_events(client, endpoint, start)
    console = standard_output()
    count = 0
    for found in model_lines(events, model=model, faults_only=errors):
        count += 1
        if as_json:
            line = fields(found.event, "time=moment stream") | fields(found, "level model")
            print_json_line(line | {"message": found.line.text})
        else:
            console.print(_text(found), soft_wrap=True)
    if not count and not as_json:
        print_note("no lines", f"of {model or endpoint} since {start:%Y-%m-%d %H:%M:%S} UTC")
        if model and not model.endswith((".tar.gz", "*")):
            print_note("hint", f"use the model's full name: {model}_v0.tar.gz, or --model '{model}*'")


def top(
    context: typer.Context,
    since: Since = "1h",
    count: Annotated[int, typer.Option("--count", "-n", help="How many models to show.", min=1)] = _SHOWN,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts; all models.")] = False,
) -> None:
    """Show the busiest models: calls, loads, unloads and load times, counted from the log.

    CloudWatch has no metrics of single models, but the containers' log names the model of each call.

    Example: mme endpoint top --since 15m
    """
    from mme.cli.deployment import target_of
    from mme.operate.log_events import read_events
    from mme.operate.periods import parse_since
    from mme.operate.top import TOP_PATTERN, tally

    start = parse_since(since)
    target = target_of(context)
    endpoint = target.deployment.endpoint_name
    with waiting(f"reading the log of {endpoint} since {start:%Y-%m-%d %H:%M} UTC"):
        models = tally(read_events(target.clients.logs, endpoint, start, pattern=TOP_PATTERN))
    if as_json:
        names = "model invocations loads failed_loads unloads median_load_seconds last_seen"
        print_json([fields(one, names) | {"last_failure": one.last_failure or None} for one in models])
        return
    if not models:
        print_note("no models", f"were called or loaded since {start:%Y-%m-%d %H:%M} UTC")
        return
    table = plain_table(
        "MODEL", "CALLS", "LOADS", "FAILED", "UNLOADS", "LOAD TIME",
        right=("CALLS", "LOADS", "FAILED", "UNLOADS", "LOAD TIME"),
    )  # fmt: skip
    for one in models[:count]:
        seconds = one.median_load_seconds
        table.add_row(
            one.model,
            str(one.invocations),
            str(one.loads),
            styled(str(one.failed_loads), "red" if one.failed_loads else ""),
            str(one.unloads),
            "-" if seconds is None else f"{seconds:.2f} s",
        )
    print_table(table)
    if len(models) > count:
        print_note(f"... {len(models) - count} more models;", "see them with --count or --json")


def _text(found: ModelLogLine) -> Text:
    style = _STYLES.get(found.level or "")
    return assembled(
        (f"{found.event.moment:%H:%M:%S.%f}"[:-3] + " ", "dim"),
        (one_line(found.event.instance) + " ", "cyan"),
        ((found.level or "-") + " ", style or "dim"),
        (found.line.text, style or ""),
    )
