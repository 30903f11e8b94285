"""What `mme plan` prints."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from mme.console import (
    count_text,
    fields,
    plain_table,
    print_csv,
    print_json,
    print_line,
    print_note,
    print_outcome,
    print_table,
    size_text,
    styled,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mme.plan.capacity.grid import Estimate
    from mme.plan.capacity.planning import Plan
    from mme.plan.prediction.caching import Traffic
    from mme.plan.prediction.replay import Replayed

_ROWS: Final = 12
_LEAVING: Final = 10
_FIELDS: Final = (
    "count loads_per_second p50_ms p95_ms p99_ms utilization headroom memory_bytes usd_per_month "
    "usd_per_million hit_ratio keeps_up"
)


def print_plan(plan: Plan, traffic: Traffic, region: str, notes: Sequence[tuple[str, str]]) -> None:
    """Print the answer, the configurations around it, and what it rests on.

    Args:
        plan: The answer.
        traffic: The requests and their models.
        region: Of the prices.
        notes: What it rests on: pairs of a kind and a string.
    """
    fleet, best = traffic.fleet, plan.best
    requests = "a mix" if traffic.requests is None else count_text(traffic.requests, "requests")
    print_line(
        f"{count_text(len(fleet), 'models')}, {size_text(int(fleet.weights.sum()))} in memory; {requests}, "
        f"{traffic.rate:,.4g} per second, {traffic.peak_rate:,.4g} at the busiest time"
    )
    print_line("")
    numbers = ("USD/MONTH", "USD/1M", "HITS", "LOADS/S", "P50", "P95", "P99", "FREE", "REPLAYED")
    table = plain_table("INSTANCES", *numbers, right=numbers)
    table.columns[0].no_wrap = True
    shown = {best, *plan.front, *(one for one in plan.estimates if one.name in plan.replays)}
    for one in [one for one in plan.estimates if one in shown][:_ROWS]:
        replayed = plan.replays.get(one.name)
        table.add_row(
            styled(one.name, "bold green" if one is best else ""),
            f"{one.usd_per_month:,.0f}",
            f"{one.usd_per_million:,.2f}",
            f"{one.hit_ratio:.2%}",
            f"{one.loads_per_second:,.3g}",
            _ms(one.p50_ms),
            _ms(one.p95_ms),
            _ms(one.p99_ms),
            f"{one.headroom:.0%}",
            f"{replayed.hits:.2%}, {_ms(replayed.percentile_ms(0.95))}" if replayed else "",
        )
    print_table(table)
    print_line("")
    print_outcome("best", f"{best.name} in {region}: {_met(plan)}")
    _print_leaving(plan)
    for kind, text in notes:
        print_note(kind, text)


def _met(plan: Plan) -> str:
    best, wanted = plan.best, plan.objectives
    limits = [
        text
        for value, text in (
            (wanted.p95_ms, f"p95 {_ms(best.p95_ms)} of at most {_ms(wanted.p95_ms or 0)}"),
            (wanted.hit_ratio, f"hit ratio {best.hit_ratio:.2%} of at least {wanted.hit_ratio or 0:.2%}"),
            (wanted.budget, f"${best.usd_per_month:,.0f} of at most ${wanted.budget or 0:,.0f} per month"),
        )
        if value is not None
    ]
    return ", ".join(limits) or f"${best.usd_per_month:,.0f} per month, the cheapest that keeps up"


def _print_leaving(plan: Plan) -> None:
    for one in plan.leaving[:_LEAVING]:
        print_note("should leave", f"{one.model} ({one.rate:,.3g} requests/s): {one.reason}")
    if len(plan.leaving) > _LEAVING:
        print_note("should leave", f"{len(plan.leaving) - _LEAVING} more models: see --json")


def print_plan_json(plan: Plan, traffic: Traffic, region: str) -> None:
    """Print everything for scripts, with the figures of each model.

    Args:
        plan: The answer.
        traffic: The requests and their models.
        region: Of the prices.
    """
    from mme.plan.capacity.model_metrics import model_metrics

    print_json(
        {
            "best": _row(plan.best),
            "objectives": asdict(plan.objectives),
            "region": region,
            "traffic": fields(traffic, "requests rate peak_rate") | {"models": len(traffic.fleet)},
            "assumptions": asdict(traffic.fleet.assumptions),
            "hit_ratio_uncertainty": plan.uncertainty,
            "configurations": [_row(one) for one in plan.estimates],
            "front": [one.name for one in plan.front],
            "replays": {name: _replay(one) for name, one in plan.replays.items()},
            "should_leave": [asdict(one) for one in plan.leaving],
            "left_out": dict(plan.left_out),
            "models": [asdict(one) for one in model_metrics(traffic, plan.best)],
        }
    )


def print_plan_csv(plan: Plan) -> None:
    """Print all configurations, cheapest first."""
    print_csv(
        _row(one) | {"meets_objectives": not plan.objectives.missed(one), "on_front": one in plan.front}
        for one in plan.estimates
    )


def _row(one: Estimate) -> dict[str, Any]:
    return (
        {"instance_type": one.kind.name}
        | fields(one, _FIELDS)
        | fields(one.outcome, "waits_ratio=waits loads_ratio=loads")
        | {"usd_per_hour": one.price.usd_per_hour, "price": one.price.origin}
    )


def _replay(one: Replayed) -> dict[str, Any]:
    figures = {f"p{share}_ms": one.percentile_ms(share / 100) for share in (50, 95, 99)}
    return fields(one, "requests hit_ratio=hits waits_ratio=waits loads_ratio=loads") | figures


def _ms(value: float) -> str:
    return f"{value:,.0f} ms" if value < 10_000 else f"{value / 1000:,.1f} s"
