"""A plan as one HTML page that loads nothing from elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final

import numpy as np

from mme.console import one_line, size_text
from mme.plan.capacity.grid import Estimate
from mme.plan.capacity.model_metrics import ModelMetrics, model_metrics
from mme.plan.capacity.planning import Plan
from mme.plan.prediction.caching import Room, Traffic
from mme.plan.report.svg_chart import Axis, Point, chart, escaped

_ROWS: Final = 40
_MODELS: Final = 50
_POINTS: Final = 400
_SIZES: Final = 32
_GB: Final = 1e9


def write_page(
    path: Path, plan: Plan, traffic: Traffic, notes: Sequence[str], today: tuple[str, int] | None
) -> None:
    """Write the page, whole or not at all.

    Args:
        path: The file.
        plan: The answer.
        traffic: The requests and their models.
        notes: What the plan rests on.
        today: Instance type and count that are deployed now; None if unknown.
    """
    text = page(plan, traffic, notes, today)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, "utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def page(plan: Plan, traffic: Traffic, notes: Sequence[str], today: tuple[str, int] | None) -> str:
    """Return the page; see `write_page`."""
    best, fleet = plan.best, traffic.fleet
    models = model_metrics(traffic, best)
    requests = "a mix" if traffic.requests is None else f"{traffic.requests:,} requests"
    facts = {
        "USD per month": f"{best.usd_per_month:,.0f}",
        "USD per million requests": f"{best.usd_per_million:,.2f}",
        "hit ratio": f"{best.hit_ratio:.2%}",
        "p95, ms": f"{best.p95_ms:,.0f}",
        "p99, ms": f"{best.p99_ms:,.0f}",
        "free memory": f"{best.headroom:.0%}",
    }
    current = next(
        (one for one in plan.estimates if today is not None and (one.kind.name, one.count) == today), None
    )
    charts = [
        _cost_chart(plan, current),
        _memory_chart(plan, traffic, current),
        _model_chart("Hit ratio of each model", models, hits=True),
        _model_chart("p95 of a cold request of each model", models, hits=False),
    ]
    values = {
        "title": escaped(f"Plan: {best.name}"),
        "best": escaped(best.name),
        "traffic": escaped(
            f"{len(fleet):,} models, {size_text(int(fleet.weights.sum()))} in memory; {requests}, "
            f"{traffic.rate:,.4g} per second, {traffic.peak_rate:,.4g} at the busiest time"
        ),
        "facts": "".join(
            f"<div>{escaped(name)}<b>{escaped(value)}</b></div>" for name, value in facts.items()
        ),
        "charts": "".join(charts),
        "configurations": _configurations(plan),
        "leaving": _list(
            f"{one_line(one.model)} ({one.rate:,.3g} requests/s): {one.reason}" for one in plan.leaving
        )
        or "<p>None.</p>",
        "models": _models(models),
        "notes": _items(notes),
    }
    source = (files("mme.plan.report") / "page.html").read_text("utf-8")
    return Template(source).substitute(values)


def _cost_chart(plan: Plan, current: Estimate | None) -> str:
    points = []
    for one in (*(one for one in plan.estimates if one not in plan.front), *plan.front):
        title = f"{one.name}: ${one.usd_per_month:,.0f} per month, p95 {one.p95_ms:,.0f} ms"
        if one.keeps_up:
            points.append(
                Point(one.usd_per_month, one.p95_ms, "front" if one in plan.front else "point", title)
            )
    if current is not None and current is not plan.best:
        points.append(Point(current.usd_per_month, current.p95_ms, "today", current.name, "today"))
    points.append(Point(plan.best.usd_per_month, plan.best.p95_ms, "best", plan.best.name, plan.best.name))
    return chart(
        "Cost against p95; the cheapest front is marked",
        Axis("USD per month", lambda value: f"{value:,.0f}", logarithmic=True),
        Axis("p95, ms", lambda value: f"{value:,.0f}", logarithmic=True),
        points,
    )


def _memory_chart(plan: Plan, traffic: Traffic, current: Estimate | None) -> str:
    """Return hit ratio against memory of each instance, with as many instances as the plan has."""
    shown = current or plan.best
    total = float(traffic.fleet.weights.sum())
    largest = max(total / shown.count * 1.3, shown.memory_bytes * 1.3)
    smallest = max(float(traffic.fleet.weights.max()), largest / 1000)
    sizes = np.geomspace(smallest, max(largest, smallest * 2), _SIZES).astype(np.int64)
    assumed = traffic.fleet.assumptions
    disk = assumed.disk_bytes(shown.kind)
    outcomes = traffic.outcomes(shown.count, [Room(int(size), disk) for size in sizes])
    curve = [Point(size / _GB, one.hits) for size, one in zip(sizes, outcomes, strict=True)]
    kind, label = ("today", "today") if current is not None else ("best", "this plan")
    point = Point(shown.memory_bytes / _GB, shown.hit_ratio, kind, shown.name, f"{label}: {shown.name}")
    lowest = min(one.y for one in curve)
    return chart(
        f"Hit ratio against memory, on {shown.count} instances"
        if shown.count > 1
        else "Hit ratio against memory, on one instance",
        Axis("memory for models of each instance, GB", lambda value: f"{value:,.3g}", logarithmic=True),
        Axis("hit ratio", lambda value: f"{value:.0%}", limits=(max(0.0, lowest - 0.02), 1.0)),
        [point],
        line=curve,
    )


def _model_chart(caption: str, models: Sequence[ModelMetrics], *, hits: bool) -> str:
    step = max(1, len(models) // _POINTS)
    points = [
        Point(
            number + 1,
            one.hit_ratio if hits else one.cold_p95_ms / 1000,
            "front" if hits else "point",
            f"{one_line(one.model)}: hit ratio {one.hit_ratio:.1%}, cold {one.cold_p95_ms / 1000:.1f} s",
        )
        for number, one in enumerate(models)
        if number % step == 0
    ]
    vertical = (
        Axis("hit ratio", lambda value: f"{value:.0%}", limits=(0.0, 1.0))
        if hits
        else Axis("seconds", lambda value: f"{value:,.3g}")
    )
    return chart(
        caption,
        Axis("models, busiest first", lambda value: f"{value:,.0f}", logarithmic=True),
        vertical,
        points,
    )


def _configurations(plan: Plan) -> str:
    shown = [one for one in plan.estimates if one in plan.front or one is plan.best]
    others = [one for one in plan.estimates if one not in shown]
    chosen = {*shown, *others[: max(0, _ROWS - len(shown))]}
    rows = []
    for one in plan.estimates:
        if one not in chosen:
            continue
        replayed = plan.replays.get(one.name)
        cells = (
            one.name,
            f"{one.usd_per_month:,.0f}",
            f"{one.usd_per_million:,.2f}",
            f"{one.hit_ratio:.2%}",
            f"{one.loads_per_second:,.3g}",
            f"{one.p50_ms:,.0f}",
            f"{one.p95_ms:,.0f}",
            f"{one.p99_ms:,.0f}",
            f"{one.headroom:.0%}",
            f"{replayed.hits:.2%}" if replayed else "",
            f"{replayed.percentile_ms(0.95):,.0f}" if replayed else "",
        )
        rows.append((cells, "best" if one is plan.best else ""))
    names = ("instances", "USD/month", "USD/million", "hit ratio", "loads/s", "p50, ms", "p95, ms", "p99, ms",
             "free memory", "replayed hits", "replayed p95")  # fmt: skip
    return _table(names, rows)


def _models(models: Sequence[ModelMetrics]) -> str:
    rows = [
        (
            (
                one_line(one.model),
                f"{one.rate:,.3g}",
                size_text(one.memory_bytes),
                f"{one.hit_ratio:.2%}",
                f"{one.cold_p95_ms / 1000:,.1f}",
            ),
            "",
        )
        for one in models[:_MODELS]
    ]
    return _table(("model", "requests/s", "memory", "hit ratio", "cold p95, s"), rows)


def _table(names: Sequence[str], rows: Iterable[tuple[Sequence[str], str]]) -> str:
    head = "".join(f"<th>{escaped(name)}</th>" for name in names)
    body = "".join(
        f'<tr class="{escaped(kind)}">{"".join(f"<td>{escaped(cell)}</td>" for cell in cells)}</tr>'
        for cells, kind in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _list(lines: Iterable[str]) -> str:
    items = _items(lines)
    return f"<ul>{items}</ul>" if items else ""


def _items(lines: Iterable[str]) -> str:
    return "".join(f"<li>{escaped(line)}</li>" for line in lines)
