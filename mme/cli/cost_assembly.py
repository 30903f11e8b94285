"""`mme cost --assembly`: what the environments of a cloud assembly cost in a month."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mme.console import plain_table, print_csv, print_json, print_line, print_note, print_table

if TYPE_CHECKING:
    from mme.aws.settings import Settings
    from mme.catalog.prices import PriceList
    from mme.plan.cost.assembly_cost import AssemblyCost, Capacity, VariantCost
    from mme.plan.cost.comparison import Range

_PLAIN: Final = ("stack", "endpoint", "variant", "region", "usd_per_instance_hour", "price", "compared")


def print_assembly_cost(
    settings: Settings,
    folder: Path,
    prices: PriceList,
    *,
    region: str,
    hours: float,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Print the cost of each environment of an assembly.

    Args:
        settings: How to reach AWS; an environment or stack selects those stacks only.
        folder: The cloud assembly.
        prices: The prices.
        region: Region of stacks that name none.
        hours: Hours in which all instances run.
        as_json: Whether to print JSON.
        as_csv: Whether to print CSV.
    """
    from mme.console import waiting
    from mme.operate.preflight import connect
    from mme.plan.cost.assembly_cost import assembly_cost

    with waiting("reading what is deployed"):
        found = assembly_cost(settings, folder, prices, region=region, hours=hours, connect=connect)
    if as_json:
        print_json(
            {
                "hours": hours,
                "variants": [_facts(one) for one in found.variants],
                "not_compared": found.not_compared,
                "free": found.free,
            }
        )
    elif as_csv:
        print_csv([_flat(one) for one in found.variants])
    else:
        _print(found, hours)
    for stack in found.free:
        print_note("free", f"{stack} runs on this machine")
    for one in found.variants:
        if one.planned is not None and one.planned.usd is None:
            type = one.planned.instance_type
            print_note(
                "no price",
                f"of {type}: run mme cost refresh-prices {type}, or give --price {type}=USD",
            )
    for reason in dict.fromkeys(found.not_compared.values()):
        stacks = ", ".join(stack for stack, why in found.not_compared.items() if why == reason)
        print_note("not compared", f"{stacks}: {reason}")


def _facts(one: VariantCost) -> dict[str, Any]:
    return {
        "stack": one.stack,
        "endpoint": one.endpoint,
        "variant": one.variant,
        "region": one.region,
        "usd_per_instance_hour": one.price.usd_per_hour if one.price else None,
        "price": one.price.origin if one.price else None,
        "planned": _capacity(one.planned),
        "deployed": _capacity(one.deployed),
        "compared": one.compared,
        "change_usd": _bounds(one.change),
    }


def _capacity(one: Capacity | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "instance_type": one.instance_type,
        "instances": _bounds(one.instances),
        "usd": _bounds(one.usd),
    }


def _bounds(amount: Range | None) -> dict[str, float] | None:
    return None if amount is None else {"min": round(amount.least, 2), "max": round(amount.most, 2)}


def _flat(one: VariantCost) -> dict[str, Any]:
    """Return the facts with one column each: `planned_usd_min`."""
    facts = _facts(one)
    row = {name: facts[name] for name in _PLAIN}
    for name, capacity in (("planned", one.planned), ("deployed", one.deployed)):
        row[f"{name}_type"] = capacity.instance_type if capacity else None
        row |= _columns(f"{name}_instances", capacity.instances if capacity else None)
        row |= _columns(f"{name}_usd", capacity.usd if capacity else None)
    return row | _columns("change_usd", one.change)


def _columns(name: str, amount: Range | None) -> dict[str, float | None]:
    bounds = _bounds(amount) or {}
    return {f"{name}_{bound}": bounds.get(bound) for bound in ("min", "max")}


def _print(found: AssemblyCost, hours: float) -> None:
    if not found.variants:
        return
    compared = any(one.compared for one in found.variants)
    numbers = ("INSTANCES", "USD", "DEPLOYED", "CHANGE")
    table = plain_table(
        "ENDPOINT", "TYPE", "INSTANCES", "USD", *(("DEPLOYED", "CHANGE") if compared else ()), right=numbers
    )
    for one in found.variants:
        planned = one.planned
        cells = [
            f"{one.stack} {one.endpoint}",
            planned.instance_type if planned else "decided by the deployment",
            planned.instances.text() if planned else "",
            planned.usd.text() if planned and planned.usd else "no price" if planned else "",
        ]
        if compared:
            cells += [_deployed(one), _change(one)]
        table.add_row(*cells)
    print_table(table)
    print_line("")
    print_line(f"total {found.total.text()} USD for {hours:,.10g} hours", style="bold")
    for text in dict.fromkeys(
        one.price.text(one.planned.instance_type) for one in found.variants if one.planned and one.price
    ):
        print_line(text, style="dim")


def _deployed(one: VariantCost) -> str:
    if not one.compared:
        return "unknown"
    if one.deployed is None:
        return "nothing"
    moved = one.planned is None or one.planned.instance_type != one.deployed.instance_type
    return f"{one.deployed.instances.text()}{f' {one.deployed.instance_type}' if moved else ''}"


def _change(one: VariantCost) -> str:
    return "" if one.change is None else one.change.text(sign="+")
