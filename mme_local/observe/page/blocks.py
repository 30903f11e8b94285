"""The parts of the page, each from plain facts to HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from mme_local.aws.cloudwatch.distribution import Distribution
from mme_local.observe.charts import bar_chart, line_chart, meter
from mme_local.observe.history import SLICE_SECONDS, EndpointHistory, Slice
from mme_local.observe.observed import SeenRequest
from mme_local.observe.page.messages import NOTHING, age, clock, count, plural, seconds, share, size, text

_MODELS_SHOWN: Final = 100
_MINUTES: Final = 30


def block(name: str, html: str, kind: str = "") -> str:
    """A part that the browser replaces by itself when it changes."""
    return f'<div id="{text(name)}" data-block class="{kind}">{html}</div>'


def tiles(history: EndpointHistory, slices: Sequence[Slice], instances: Sequence[Mapping[str, Any]]) -> str:
    """The figures that matter most."""
    latency, wait = _together(one.latencies for one in slices), _together(one.waits for one in slices)
    loaded = sum(len(instance["models"]) for instance in instances)
    looked = history.hits + history.misses
    found = [
        _tile(
            "Requests", count(history.requests), f"{count(sum(s.requests for s in slices))} in {_MINUTES} min"
        ),
        _tile("Cache hits", share(history.hits, looked), f"{plural(history.misses, 'miss', 'misses')}"),
        _tile("Latency p50", seconds(latency.statistic("p50")), f"p95 {seconds(latency.statistic('p95'))}"),
        _tile(
            "Load wait p50", seconds(wait.statistic("p50")), f"longest {seconds(wait.statistic('Maximum'))}"
        ),
        _tile("Models in memory", count(loaded), plural(len(instances), "instance", "instances")),
        _tile(
            "Errors",
            count(history.failed),
            f"{share(history.failed, history.requests)} of requests",
            "bad" if history.failed else "",
        ),
    ]
    return f'<dl class="tiles">{"".join(found)}</dl>'


def charts(slices: Sequence[Slice]) -> str:
    """Requests, hit ratio and load wait over time."""
    requests, errors = [s.requests for s in slices], [s.errors for s in slices]
    ratios = [100 * s.hits / (s.hits + s.misses) if s.hits + s.misses else None for s in slices]
    waits = [s.waits.statistic("Maximum") for s in slices]
    busiest, longest = max(requests), max((wait or 0 for wait in waits), default=0)
    known = [ratio for ratio in ratios if ratio is not None]
    lowest = f"lowest {min(known):.0f} %" if known else "no requests"
    return (
        '<div class="charts">'
        + _figure(
            "Requests",
            f"most {count(busiest)} in {SLICE_SECONDS} s, {plural(sum(errors), 'error', 'errors')}",
            count(busiest),
            lambda title: bar_chart(requests, title, most=busiest or 1, over=errors, colour="c1"),
        )
        + _figure(
            "Cache hit ratio",
            lowest,
            "100 %",
            lambda title: line_chart(ratios, title, most=100, colour="c2"),
        )
        + _figure(
            "Load wait",
            f"longest {seconds(longest)}" if longest else "nobody waited",
            seconds(longest) if longest else "",
            lambda title: bar_chart(waits, title, most=longest or 1, colour="c3"),
        )
        + "</div>"
    )


def instance_cards(instances: Sequence[Mapping[str, Any]], cpu: Mapping[str, float]) -> str:
    """Each instance with its memory and disk."""
    return f'<div class="cards">{"".join(_card(one, cpu.get(one["id"])) for one in instances)}</div>'


def models(instances: Sequence[Mapping[str, Any]], now: float) -> str:
    """What is in the memory, instance by instance, the last used first."""
    rows = []
    hidden = 0
    for number, instance in enumerate(instances):
        for model in instance["models"][:_MODELS_SHOWN]:
            since = model["loaded_at"]
            state = text(model["state"])
            rows.append(
                f'<tr><th scope="row" class="name">{text(model["name"])}</th><td class="n">{number}</td>'
                f'<td><span class="state {state}">{state}</span></td>'
                f'<td class="n">{size(model["weight_bytes"])}</td>'
                f'<td class="n">{age(now - since) if since else NOTHING}</td>'
                f'<td class="n">{count(model["hits"])}</td></tr>'
            )
        hidden += max(0, len(instance["models"]) - _MODELS_SHOWN)
    if not rows:
        return '<p class="empty">No model is in memory. The first request for one loads it.</p>'
    more = f'<p class="more">and {count(hidden)} more</p>' if hidden else ""
    heads = (("Model", ""), ("Instance", "n"), ("State", ""), ("Size", "n"), ("Loaded", "n"), ("Hits", "n"))
    return _table("Models in memory", heads, rows) + more


def requests(seen: Iterable[SeenRequest]) -> str:
    """The latest requests."""
    rows = [
        f'<tr><td class="n"><time>{clock(one.at)}</time></td><td>{_status(one)}</td>'
        f'<th scope="row" class="name">{text(one.model) or NOTHING}</th>'
        f"<td>{_cache(one)}</td>"
        f'<td class="n">{seconds(one.trace.waited_seconds) if one.trace.cache_hit is False else NOTHING}</td>'
        f'<td class="n">{seconds(one.trace.model_seconds) if one.trace.model_seconds else NOTHING}</td>'
        f'<td class="n">{seconds(one.seconds)}</td></tr>'
        for one in seen
    ]
    if not rows:
        return '<p class="empty">Nobody has called this endpoint yet.</p>'
    heads = (("At", "n"), ("Status", ""), ("Model", ""), ("Cache", ""), ("Load wait", "n"))
    return _table("Recent requests", (*heads, ("Model time", "n"), ("In all", "n")), rows)


def failures(seen: Iterable[SeenRequest]) -> str:
    """The latest errors, with what they said."""
    items = [
        f'<li><div class="line">{_status(one)} <strong>{text(failure.name)}</strong> '
        f'<span class="name">{text(one.model)}</span> <time>{clock(one.at)}</time></div>'
        f"<pre>{text(failure.message)}</pre></li>"
        for one in seen
        if (failure := one.failure)
    ]
    if not items:
        return '<p class="empty">No errors.</p>'
    return f'<ol class="failures">{"".join(items)}</ol>'


def _tile(name: str, value: str, note: str, kind: str = "") -> str:
    return (
        f'<div class="tile {kind}"><dt>{text(name)}</dt><dd class="value">{text(value)}</dd>'
        f'<dd class="note">{text(note)}</dd></div>'
    )


def _figure(name: str, note: str, most: str, draw: Any) -> str:
    title = f"{name} of the last {_MINUTES} minutes: {note}"
    return (
        f'<figure><figcaption><span>{text(name)}</span><span class="note">{text(note)}</span></figcaption>'
        f'<div class="plot"><span class="most">{text(most)}</span>{draw(title)}</div>'
        f'<div class="axis" aria-hidden="true"><span>{_MINUTES} min ago</span><span>now</span></div></figure>'
    )


def _card(instance: Mapping[str, Any], cpu: float | None) -> str:
    up = instance["pid"] is not None
    memory, disk = instance["memory_used_bytes"], instance["disk_used_bytes"]
    facts = [
        plural(len(instance["models"]), "model", "models"),
        f"{count(instance['in_flight'])} in flight",
        *([f"CPU {cpu:.0f} %"] if cpu is not None else []),
        *([plural(instance["restarts"], "restart", "restarts")] if instance["restarts"] else []),
    ]
    place = text(instance["name"].rpartition("/")[2])
    return (
        f'<article class="card"><h4><span class="light {"up" if up else "down"}"></span>Instance {place}'
        f'<span class="note">{"process " + str(instance["pid"]) if up else "starting"}</span></h4>'
        f"{_gauge('Memory', memory, instance['memory_bytes'])}{_gauge('Disk', disk, instance['disk_bytes'])}"
        f'<p class="note">{text(" · ".join(facts))}</p></article>'
    )


def _gauge(name: str, used: float, most: float) -> str:
    said = f"{size(used)} of {size(most)}"
    return (
        f'<div class="gauge"><span>{name}</span><span class="n">{said}</span>'
        f"{meter(used / most, f'{name}: {said} in use')}</div>"
    )


def _table(title: str, heads: Iterable[tuple[str, str]], rows: Iterable[str]) -> str:
    cells = "".join(f'<th scope="col" class="{kind}">{text(name)}</th>' for name, kind in heads)
    return (
        f'<div class="scroll" role="region" aria-label="{text(title)}" tabindex="0"><table>'
        f"<thead><tr>{cells}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _status(one: SeenRequest) -> str:
    status = one.failure.status if one.failure else 200
    kind = "ok" if status < 400 else "wait" if status == 429 else "bad"
    return f'<span class="status {kind}">{status}</span>'


def _cache(one: SeenRequest) -> str:
    if one.trace.cache_hit is None:
        return NOTHING
    return '<span class="hit">hit</span>' if one.trace.cache_hit else '<span class="miss">miss</span>'


def _together(parts: Iterable[Distribution]) -> Distribution:
    whole = Distribution()
    for part in parts:
        whole.merge(part)
    return whole
