"""`mme advise`: which hosting option fits, and why the others don't."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mme.cli.options import Json, Prices
from mme.console import (
    assembled,
    fields,
    plain_table,
    print_json,
    print_line,
    print_outcome,
    print_table,
    styled,
)
from mme.plan.hosting.workload import Traffic, Wait

if TYPE_CHECKING:
    from mme.plan.hosting.advice import Advice, Checked, Verdict

app = typer.Typer(name="advise")

_NONE_FITS: Final = 3
_FLAGS: Final = {
    "payload_bytes": "--payload",
    "processing_seconds": "--processing",
    "wait": "--latency",
    "traffic": "--traffic",
    "models": "--models",
    "hot_models": "--hot-models",
    "model_bytes": "--model-size",
    "frameworks": "--framework",
    "steps": "--steps",
    "cold_starts": "--cold-starts",
    "gpu": "--gpu",
    "type": "--type",
}
"""The flag of each need."""


@app.callback(invoke_without_command=True)
def advise(
    context: typer.Context,
    payload: Annotated[
        str | None, typer.Option("--payload", metavar="SIZE", help="Largest request: 500KB, 25MB.")
    ] = None,
    processing: Annotated[
        str | None, typer.Option("--processing", metavar="TIME", help="Longest processing: 200ms, 90s, 15m.")
    ] = None,
    wait: Annotated[Wait | None, typer.Option("--latency", help="How long a caller waits.")] = None,
    traffic: Annotated[Traffic | None, typer.Option("--traffic", help="When calls come.")] = None,
    models: Annotated[int | None, typer.Option("--models", "-n", help="Number of models.")] = None,
    hot_models: Annotated[
        int | None, typer.Option("--hot-models", help="How many models take most of the calls.")
    ] = None,
    model_size: Annotated[
        str | None, typer.Option("--model-size", metavar="SIZE", help="Largest model in memory: 200MB, 6GiB.")
    ] = None,
    framework: Annotated[
        list[str] | None,
        typer.Option("--framework", metavar="NAME", help="triton, xgboost, ..., custom; repeatable."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", help="Containers that a request passes through.")
    ] = None,
    cold_starts: Annotated[
        bool | None, typer.Option("--cold-starts/--no-cold-starts", help="Calls may wait for a model's load.")
    ] = None,
    gpu: Annotated[bool | None, typer.Option("--gpu/--no-gpu", help="The models need a GPU.")] = None,
    instance_type: Annotated[
        str | None, typer.Option("--type", "-t", metavar="TYPE", help="Instance type, for the costs.")
    ] = None,
    price: Prices = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print every limit of every option, with its source.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Decide how to host models: the option that fits, and the limit that rules out each other one.

    Asks on a terminal if no need is given. Exit status 3 if no option fits.

    Example: mme advise --models 500 --framework xgboost --model-size 50MB --cold-starts
    """
    from mme.cli.deployment import target_of
    from mme.errors import MmeError
    from mme.plan.cost.price_list import load_prices, price_region
    from mme.plan.hosting.advice import advise
    from mme.plan.hosting.quantities import parse_seconds, parse_size
    from mme.plan.hosting.workload import Workload

    given: dict[str, Any] = {
        "payload_bytes": parse_size(payload) if payload is not None else None,
        "processing_seconds": parse_seconds(processing) if processing is not None else None,
        "wait": wait,
        "traffic": traffic,
        "models": models,
        "hot_models": hot_models,
        "model_bytes": parse_size(model_size) if model_size is not None else None,
        "frameworks": tuple(framework) if framework else None,
        "steps": steps,
        "cold_starts": cold_starts,
        "gpu": gpu,
        "type": instance_type,
    }
    settings = target_of(context).settings
    prices, region = load_prices(settings, price or ()), price_region(settings)
    if all(value is None for value in given.values()):
        if not sys.stdin.isatty():
            raise MmeError(
                "no need is given, and standard input is not a terminal to ask on",
                hint=f"give some of {', '.join(_FLAGS.values())}",
            )
        from mme.cli.advise_interview import interview

        given = interview()
    workload, assumed = Workload.assume(**given)
    found = advise(workload, prices, region)
    if as_json:
        print_json(_json(found, assumed, region))
    else:
        _print(found, assumed, region)
        if explain:
            _explain(found)
    if found.recommended is None:
        raise typer.Exit(_NONE_FITS)


def _json(found: Advice, assumed: dict[str, Any], region: str) -> dict[str, Any]:
    return {
        "recommended": found.recommended.option.name if found.recommended else None,
        "reason": found.recommended.reason if found.recommended else None,
        "notes": found.notes,
        "region": region,
        "workload": fields(found.workload, " ".join(_FLAGS)),
        "assumed": list(assumed),
        "options": [
            fields(one.option, "name title next page")
            | {
                "fits": one.fits,
                "decided_by": _limit(one.decisive) if one.decisive else None,
                "instances": _range(one.instances),
                "usd_a_month": _range(one.usd),
                "billing": one.billing,
                "limits": [_limit(check) for check in one.checks],
            }
            for one in found.verdicts
        ],
    }


def _limit(one: Checked) -> dict[str, Any]:
    return {"limit": one.limit.text, "workload": one.need, "fits": one.fits} | fields(
        one.limit, "most least source date"
    )


def _range(amount: Any) -> dict[str, float] | None:
    return None if amount is None else {"min": round(amount.least, 2), "max": round(amount.most, 2)}


def _print(found: Advice, assumed: dict[str, Any], region: str) -> None:
    best = found.recommended
    if best is None:
        print_outcome("none fits", "each option has a limit that rules it out", style="bold red")
    else:
        print_outcome("recommended", best.option.title)
        for label, text in (
            ("why", best.reason),
            ("cost", f"{_cost(best)}: {best.billing}, {region}"),
            ("with", best.option.next),
            ("read", best.option.page),
            *(("note", note) for note in found.notes),
        ):
            print_line(f"  {label:<4}  {text}")
    print_line("")
    table = plain_table("OPTION", "DECIDED BY")
    for one in found.verdicts:
        if one is best:
            continue
        if (check := one.decisive) is None:
            table.add_row(one.option.name, assembled(("fits", "green"), f", {_cost(one)}"))
        else:
            why = f"{check.limit.text}; here {check.need}\n"
            table.add_row(one.option.name, assembled(why, (_source(check), "dim")))
    print_table(table)
    if assumed:
        print_line("")
        print_line(f"assumed: {'; '.join(_assumed(found, assumed))}", style="dim")


def _explain(found: Advice) -> None:
    print_line("")
    table = plain_table("OPTION", "LIMIT", "HERE", "FITS", "SOURCE")
    for one in found.verdicts:
        for check in one.checks:
            fits = styled("yes", "green") if check.fits else styled("no", "red")
            table.add_row(one.option.name, check.limit.text, check.need, fits, _source(check))
    print_table(table)


def _source(one: Checked) -> str:
    return ", ".join(part for part in (one.limit.source, one.limit.date) if part)


def _cost(one: Verdict) -> str:
    if one.usd is not None:
        return f"{one.usd.text()} USD a month"
    return "billed by use" if one.instances is None else "no price"


def _assumed(found: Advice, assumed: dict[str, Any]) -> list[str]:
    """Return the assumed needs with their flags."""
    return [f"{found.workload.need_text(name)} ({_FLAGS[name]})" for name in assumed]
