"""`mme endpoint status`: the status of a deployed endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mme.cli.options import Json

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mme.operate.alarms import AlarmState
    from mme.operate.endpoint_state import VariantState
    from mme.operate.status import EndpointStatus

_WATCH_SECONDS: Final = 5
_STATE_STYLES: Final = {"OK": "green", "ALARM": "bold red", "INSUFFICIENT_DATA": "yellow"}


def status(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Refresh every 5 s until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Show config, instances, scaling, alarms, loaded models and cache hits.

    Faults come first, among them a config that differs from the stack's, as after a rollback.

    Example: mme --env prod endpoint status --watch
    """
    from dataclasses import asdict

    from mme.cli.deployment import target_of
    from mme.console import print_json, print_layout, standard_output
    from mme.errors import MmeError
    from mme.operate.status import read_status

    target = target_of(context)
    if not watch:
        found = read_status(target.clients, target.deployment)
        if as_json:
            print_json({**asdict(found), "drifted": found.drifted})
        else:
            print_layout(status_text(found))
        return
    console = standard_output()
    if as_json or not console.is_terminal:
        raise MmeError("--watch needs a terminal", hint="remove it, or run mme endpoint status in a loop")
    import time

    from rich.live import Live

    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(status_text(read_status(target.clients, target.deployment)), refresh=True)
            time.sleep(_WATCH_SECONDS)


def status_text(found: EndpointStatus) -> RenderableType:
    """Lay out the status in 80 columns."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from mme.console import age_text

    endpoint, traffic = found.endpoint, found.traffic
    faults = Table.grid(padding=(0, 1))
    for fault in found.faults:
        faults.add_row(Text("✗", style="bold red"), Text(fault.message))
    for what in found.unread:
        faults.add_row(Text("?", style="yellow"), Text(f"can't read {what}"))
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    facts.add_column(overflow="fold")
    good = endpoint.status == "InService"
    facts.add_row(
        "Endpoint",
        Text.assemble(
            f"{endpoint.name}  ",
            (endpoint.status, "green" if good else "bold red" if not endpoint.in_progress else "yellow"),
            (f"  changed {age_text(endpoint.last_modified)} ago", "dim"),
        ),
    )
    facts.add_row("Config", _config_text(found))
    for variant in endpoint.variants:
        facts.add_row("Variant", _variant_text(found, variant))
        for image in variant.images:
            registry, _, name = image.rpartition("/")
            facts.add_row("Image", Text.assemble(name, (f"\nof {registry}" if registry else "", "dim")))
    facts.add_row("Models", _counts(("loaded, over all instances", traffic.loaded_models)))
    facts.add_row("Cache hits", _ratio(traffic.cache_hit_ratio))
    facts.add_row(
        "Last hour",
        _counts(
            ("calls", traffic.invocations),
            ("client errors", traffic.client_errors),
            ("server errors", traffic.server_errors),
            ("unloads", traffic.unloads),
        ),
    )
    facts.add_row("Alarms", _alarms_text(found.alarms))
    return Group(faults, Text(), facts) if faults.row_count else facts


def _config_text(found: EndpointStatus) -> Any:
    from rich.text import Text

    text = Text(found.endpoint.config)
    stack = found.stack
    if stack is None or stack.config is None:
        return text
    if found.drifted:
        text.append(f"\nnot {stack.config}, as in {stack.name}", style="red")
    elif stack.config == found.endpoint.config:
        text.append(f"\nas in {stack.name}", style="dim")
    else:
        text.append(f"\nchanging to {stack.config}", style="yellow")
    return text


def _variant_text(found: EndpointStatus, variant: VariantState) -> Any:
    from rich.text import Text

    text = Text(f"{variant.name}: ")
    if variant.current is not None:
        complete = variant.current == variant.desired
        text.append(f"{variant.current} of {variant.desired}", style="green" if complete else "yellow")
        text.append(f" {variant.instance_type or 'instances'}")
    for scaling in found.scaling:
        if scaling.variant == variant.name:
            text.append(f", scales from {scaling.minimum} to {scaling.maximum}")
            for policy in scaling.policies:
                goal = f" at {policy.target:g}" if policy.target is not None else ""
                text.append(f"\non {policy.metric or policy.name}{goal}", style="dim")
    return text


def _alarms_text(alarms: tuple[AlarmState, ...]) -> Any:
    from rich.text import Text

    if not alarms:
        return Text("none", style="dim")
    lines = []
    for alarm in alarms:
        style = "dim" if alarm.of_scaling else _STATE_STYLES.get(alarm.state, "")
        note = ("  of scaling", "dim") if alarm.of_scaling else ""
        lines.append(Text.assemble((alarm.state, style), f"  {alarm.name}", note))
    return Text("\n").join(lines)


def _counts(*counted: tuple[str, int | None]) -> Any:
    """Show the known counts, then name the unknown ones."""
    from rich.text import Text

    from mme.console import count_text

    known = ", ".join(count_text(value, noun) for noun, value in counted if value is not None)
    if not known:
        return Text("no data", style="dim")
    unknown = [noun for noun, value in counted if value is None]
    return Text.assemble(known, (f"; no data on {', '.join(unknown)}" if unknown else "", "dim"))


def _ratio(value: float | None) -> Any:
    from rich.text import Text

    if value is None:
        return Text("no data", style="dim")
    style = "green" if value >= 0.9 else "yellow" if value >= 0.5 else "red"
    return Text.assemble((f"{value:.1%}", style), " over the last hour")
