"""`mme endpoint status`: the status of a deployed endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from mme.cli.options import Json
from mme.console import age_text, assembled, count_text, print_json, print_layout, standard_output, styled

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

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

    endpoint, traffic = found.endpoint, found.traffic
    faults = Table.grid(padding=(0, 1))
    for fault in found.faults:
        faults.add_row(Text("✗", style="bold red"), styled(fault.message))
    for what in found.unread:
        faults.add_row(Text("?", style="yellow"), styled(f"can't read {what}"))
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    facts.add_column(overflow="fold")
    good = endpoint.status == "InService"
    facts.add_row(
        "Endpoint",
        assembled(
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
            facts.add_row("Image", assembled(name, (f"\nof {registry}" if registry else "", "dim")))
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


def _config_text(found: EndpointStatus) -> Text:
    config, stack = found.endpoint.config, found.stack
    if stack is None or stack.config is None:
        return styled(config)
    if found.drifted:
        return assembled(config, (f"\nnot {stack.config}, as in {stack.name}", "red"))
    if stack.config == config:
        return assembled(config, (f"\nas in {stack.name}", "dim"))
    return assembled(config, (f"\nchanging to {stack.config}", "yellow"))


def _variant_text(found: EndpointStatus, variant: VariantState) -> Text:
    parts: list[str | tuple[str, str]] = [f"{variant.name}: "]
    if variant.current is not None:
        complete = variant.current == variant.desired
        parts.append((f"{variant.current} of {variant.desired}", "green" if complete else "yellow"))
        parts.append(f" {variant.instance_type or 'instances'}")
    for scaling in found.scaling:
        if scaling.variant == variant.name:
            parts.append(f", scales from {scaling.minimum} to {scaling.maximum}")
            for policy in scaling.policies:
                goal = f" at {policy.target:g}" if policy.target is not None else ""
                parts.append((f"\non {policy.metric or policy.name}{goal}", "dim"))
    return assembled(*parts)


def _alarms_text(alarms: tuple[AlarmState, ...]) -> Text:
    if not alarms:
        return styled("none", "dim")
    parts: list[str | tuple[str, str]] = []
    for alarm in alarms:
        style = "dim" if alarm.of_scaling else _STATE_STYLES.get(alarm.state, "")
        note = ("  of scaling", "dim") if alarm.of_scaling else ""
        parts += ["\n" if parts else "", (alarm.state, style), f"  {alarm.name}", note]
    return assembled(*parts)


def _counts(*counted: tuple[str, int | None]) -> Text:
    """Show the known counts, then name the unknown ones."""
    known = ", ".join(count_text(value, noun) for noun, value in counted if value is not None)
    if not known:
        return styled("no data", "dim")
    unknown = [noun for noun, value in counted if value is None]
    return assembled(known, (f"; no data on {', '.join(unknown)}" if unknown else "", "dim"))


def _ratio(value: float | None) -> Text:
    if value is None:
        return styled("no data", "dim")
    style = "green" if value >= 0.9 else "yellow" if value >= 0.5 else "red"
    return assembled((f"{value:.1%}", style), " over the last hour")
