"""`mme plan`: the cheapest instances for models and traffic."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mme.cli.options import Csv, Json, Prices
from mme.cli.traffic import Assume, Daily, LogSince, ModelsFile, Rate, TraceFile, TrafficOptions, Zipf
from mme.errors import MmeError

app = typer.Typer(name="plan")

_GOALS = "Objectives"


@app.command()
def plan(
    context: typer.Context,
    trace: TraceFile = None,
    since: LogSince = None,
    rate: Rate = None,
    zipf: Zipf = 1.0,
    daily: Daily = None,
    models: ModelsFile = None,
    p95_ms: Annotated[
        float | None,
        typer.Option("--p95-ms", rich_help_panel=_GOALS, help="Highest p95 latency, cold starts included."),
    ] = None,
    hit_ratio: Annotated[
        float | None,
        typer.Option("--hit-ratio", rich_help_panel=_GOALS, help="Lowest hit ratio, such as 0.95."),
    ] = None,
    budget: Annotated[
        float | None, typer.Option("--budget", rich_help_panel=_GOALS, help="Most USD per month.")
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            "-t",
            metavar="TYPE",
            help="Instance types, repeatable; * is a wildcard. Default: CPU types with a known price.",
        ),
    ] = None,
    counts: Annotated[
        str, typer.Option("--counts", metavar="1-8", help="Numbers of instances to compare.")
    ] = "1-8",
    price: Prices = None,
    assume: Assume = None,
    calibrate: Annotated[
        Path | None,
        typer.Option("--calibrate", metavar="FILE", help="Times that mme bench measured, not assumed ones."),
    ] = None,
    endpoints: Annotated[
        int, typer.Option("--endpoints", help="Split the models over several endpoints.", min=1, max=1000)
    ] = 1,
    endpoint_map: Annotated[
        Path | None,
        typer.Option("--map", metavar="FILE", help="Write which endpoint serves which model."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Also write a page with charts.")
    ] = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Find the cheapest instances that meet objectives for these models and this traffic.

    The hit ratio is exact for a trace, Che's approximation for a mix; the best few are replayed.

    Example: mme plan --rate 50 --zipf 0.9 --models sizes.csv --p95-ms 300

    Example: mme --env prod plan --since 7d --hit-ratio 0.98 --type 'ml.g5.*'
    """
    from mme.cli.deployment import target_of
    from mme.cli.plan_report import print_plan, print_plan_csv, print_plan_json
    from mme.cli.progress import counted_bars
    from mme.client.endpoint_map import EndpointMap
    from mme.plan.capacity.deployed import deployed_instances
    from mme.plan.capacity.instance_choice import choose_types, given_assumptions, parse_counts
    from mme.plan.capacity.objectives import Objectives
    from mme.plan.capacity.planning import make_plan
    from mme.plan.capacity.splitting import busiest_part, split_text
    from mme.plan.cost.price_list import load_prices, price_region
    from mme.plan.report.html_report import write_page
    from mme.plan.report.plan_notes import plan_notes

    if as_json and as_csv:
        raise MmeError("--json and --csv both name the output", hint="give one of them")
    options = TrafficOptions(trace, since, rate, zipf, daily, models)
    options.check()
    _check_files(html, endpoint_map, endpoints)
    objectives = Objectives(p95_ms=p95_ms, hit_ratio=hit_ratio, budget=budget)
    target = target_of(context)
    prices, region = load_prices(target.settings, price or ()), price_region(target.settings)
    kinds = choose_types(types or (), prices, region)
    numbers = parse_counts(counts)
    for kind in kinds:
        prices.require(kind.name, region)
    traffic, changed = options.traffic(target, given_assumptions(assume or []), calibrate)
    names = EndpointMap.numbered(target.settings.endpoint_name or f"mme-{target.settings.env}", endpoints)
    everything, traffic = traffic, busiest_part(traffic, names)
    with counted_bars() as progress:
        tasks = {step: progress.add_task(step, total=None) for step in ("estimating", "replaying")}
        found = make_plan(
            traffic,
            kinds,
            numbers,
            lambda name: prices.require(name, region),
            objectives,
            progress=lambda step, done, total: progress.update(tasks[step], completed=done, total=total),
        )
    notes = plan_notes(found, traffic, changed)
    if endpoints > 1:
        notes.insert(0, ("endpoints:", split_text(everything, traffic, found, endpoints)))
    if endpoint_map is not None:
        names.write(endpoint_map, everything.fleet.names, everything.fleet.weight_of)
    if html is not None:
        today = None
        if models is None:
            today = deployed_instances(target.clients.sagemaker, target.deployment.endpoint_name)
        write_page(html, found, traffic, [f"{kind} {text}" for kind, text in notes], today)
    if as_json:
        print_plan_json(found, traffic, region)
    elif as_csv:
        print_plan_csv(found)
    else:
        print_plan(found, traffic, region, notes)


def _check_files(html: Path | None, endpoint_map: Path | None, endpoints: int) -> None:
    for flag, file in (("--html", html), ("--map", endpoint_map)):
        if file is not None and not file.absolute().parent.is_dir():
            raise MmeError(f"{file.parent} is not a folder", hint=f"create it, or set another {flag}")
    if endpoint_map is not None and endpoints == 1:
        raise MmeError("--map needs several endpoints", hint="set --endpoints, such as 4")
