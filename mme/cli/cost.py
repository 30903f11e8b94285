"""`mme cost`: what endpoints cost in a month."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mme.cli.cost_refresh_prices import refresh_prices
from mme.cli.options import Csv, Json, Prices
from mme.console import plain_table, print_csv, print_json, print_line, print_table

if TYPE_CHECKING:
    from mme.plan.cost.comparison import Comparison, Setup

app = typer.Typer(name="cost")
app.command("refresh-prices")(refresh_prices)


@app.callback(invoke_without_command=True)
def cost(
    context: typer.Context,
    models: Annotated[int | None, typer.Option("--models", "-n", help="Number of models.")] = None,
    instance_type: Annotated[
        str, typer.Option("--type", "-t", help="Instance type.", metavar="TYPE")
    ] = "ml.g5.xlarge",
    shared_type: Annotated[
        str | None,
        typer.Option(
            "--mme-type", help="Instance type of the multi-model endpoint, if another one.", metavar="TYPE"
        ),
    ] = None,
    least: Annotated[
        int, typer.Option("--min-instances", help="Fewest instances of the multi-model endpoint.")
    ] = 2,
    most: Annotated[
        int | None,
        typer.Option("--max-instances", help="Most instances when it scales. Default: twice the fewest."),
    ] = None,
    hours: Annotated[float, typer.Option("--hours", help="Hours in which all instances run.")] = 720,
    price: Prices = None,
    assembly: Annotated[
        Path | None,
        typer.Option("--assembly", "-a", metavar="DIR", help="Cost of each environment in a cloud assembly."),
    ] = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Compare dedicated endpoints with one multi-model endpoint, or price a cloud assembly.

    Example: mme cost --models 10 --type ml.g5.xlarge --price ml.g5.xlarge=1.41

    Example: mme cost --assembly cdk.out
    """
    if context.invoked_subcommand is not None:
        return
    from mme.cli.deployment import target_of
    from mme.errors import MmeError
    from mme.plan.cost.comparison import check_hours, compare
    from mme.plan.cost.price_list import load_prices, price_region

    if as_json and as_csv:
        raise MmeError("--json and --csv both name the output", hint="give one of them")
    check_hours(hours)
    settings = target_of(context).settings
    prices = load_prices(settings, price or ())
    region = price_region(settings)
    if assembly is not None:
        if models is not None:
            raise MmeError("--assembly and --models are two questions", hint="give one of them")
        from mme.cli.cost_assembly import print_assembly_cost

        print_assembly_cost(
            settings, assembly, prices, region=region, hours=hours, as_json=as_json, as_csv=as_csv
        )
        return
    if models is None:
        raise MmeError(
            "the number of models is missing", hint="give --models N, or a cloud assembly: --assembly DIR"
        )
    found = compare(
        prices,
        models=models,
        instance_type=instance_type,
        region=region,
        shared_type=shared_type,
        instances=(least, 2 * least if most is None else most),
        hours=hours,
    )
    if as_json:
        print_json(
            {"models": found.models, "region": found.region, "hours": found.hours}
            | {"setups": [_facts(setup) for setup in found.setups]}
        )
    elif as_csv:
        print_csv([{"region": found.region, "hours": found.hours} | _facts(one) for one in found.setups])
    else:
        _print(found)


def _facts(setup: Setup) -> dict[str, Any]:
    return {
        "setup": setup.name,
        "instance_type": setup.instance_type,
        "min_instances": int(setup.instances.least),
        "max_instances": int(setup.instances.most),
        "min_usd": round(setup.usd.least, 2),
        "max_usd": round(setup.usd.most, 2),
        "min_saving": None if setup.saving is None else round(setup.saving.least, 4),
        "max_saving": None if setup.saving is None else round(setup.saving.most, 4),
        "usd_per_instance_hour": setup.price.usd_per_hour,
        "price_region": setup.price.region,
        "price_date": setup.price.date,
        "price_source": setup.price.source,
        "price_assumption": setup.price.assumption,
    }


def _print(found: Comparison) -> None:
    print_line(f"{found.models:,} models in {found.region}, {found.hours:,.10g} hours, USD on demand")
    print_line("")
    table = plain_table(
        "SETUP", "INSTANCES", "USD/H", "USD", "SAVING", right=("INSTANCES", "USD/H", "USD", "SAVING")
    )
    for setup in found.setups:
        saving = "" if setup.saving is None else f"{(setup.saving * 100).text()} %"
        table.add_row(
            setup.name,
            setup.instances.text(),
            setup.usd_per_hour.text(2),
            setup.usd.text(),
            saving,
        )
    print_table(table)
    print_line("")
    for name, price in {setup.instance_type: setup.price for setup in found.setups}.items():
        print_line(price.text(name), style="dim")
    for line in (
        "One instance gives no availability: if it fails, calls fail. AWS recommends two.",
        "The first call of a model that is not in memory waits until it is loaded.",
        "How many instances are enough depends on memory and traffic: mme plan --help",
    ):
        print_line(line, style="dim")
