"""Each kind of widget as HTML, from the values of embedded CloudWatch."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mme_local.observe.charts import lines_chart
from mme_local.observe.dashboards.body import BodyError, Graph, Series, Widget, read_graph
from mme_local.observe.dashboards.cloud import (
    AlarmFact,
    Points,
    alarm_graph,
    period_of,
    read_alarm,
    read_graph_points,
    read_log,
)
from mme_local.observe.dashboards.markdown import render_markdown
from mme_local.observe.insights.expressions import QueryError
from mme_local.observe.insights.query import Query, Table
from mme_local.observe.page.messages import NOTHING, age, number, text

_COLOURS: Final = 6
_ROWS: Final = 50
_MILLISECONDS: Final = 1_000_000_000_000
"""A greater number is a moment: the year 2001 in milliseconds."""
_STATES: Final = {"ALARM": "In alarm", "OK": "OK", "INSUFFICIENT_DATA": "Insufficient data"}


def render_widget(widget: Widget, start: int, end: int) -> str:
    """A widget with the values of some time, both ends in seconds since the epoch."""
    try:
        inside = _RENDERERS.get(widget.kind, _unknown)(widget, start, end)
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
        reason = error if isinstance(error, ValueError) else f"it can't be read: {error!r}"
        inside = f'<p class="empty">{text(reason)}</p>'
    return inside


def alarm_list(alarms: Sequence[AlarmFact], now: float) -> str:
    """Alarms: those that are not OK with their reason, and since when; the others by name alone."""
    loud = [
        f'<li><div class="line"><span class="light {_light(alarm.state)}"></span>'
        f'<strong class="name">{text(alarm.name)}</strong>'
        f'<span class="status {_kind(alarm.state)}">{text(_STATES.get(alarm.state, alarm.state))}</span>'
        f"<time>{age(max(0.0, now - alarm.since))}</time></div>"
        f'<p class="note">{text(alarm.reason)}</p></li>'
        for alarm in alarms
        if alarm.state != "OK"
    ]
    quiet = [
        f'<li title="{text(alarm.reason)}"><span class="light up"></span>{text(alarm.name)}</li>'
        for alarm in alarms
        if alarm.state == "OK"
    ]
    shown = f'<ul class="alarms">{"".join(loud)}</ul>' if loud else ""
    return shown + (
        f'<ul class="quiet" aria-label="Alarms that are OK">{"".join(quiet)}</ul>' if quiet else ""
    )


def _graph(widget: Widget, start: int, end: int) -> str:
    properties = _with_alarm(widget.properties)
    region = str(properties.get("region") or "us-east-1")
    graph = read_graph(properties)
    points = read_graph_points(graph, region, start, end)
    if properties.get("view") in ("singleValue", "gauge", "pie", "bar"):
        return _single_values(widget, graph, points)
    sides = []
    for side in (False, True):
        series = [one for one in graph.series if one.on_the_right == side]
        if series:
            sides.append(_axes(widget, properties, graph, series, points, start, end))
    marks = "".join(
        f'<li class="note">threshold {number(value)} {text(label)}</li>'
        for value, label in _marks(properties)
    )
    legend = f'<ul class="legend">{_legend(graph, points)}{marks}</ul>'
    heading = f"<figcaption><span>{text(widget.title)}</span>{_unit(properties)}</figcaption>"
    return f"<figure>{heading}{''.join(sides)}{legend}</figure>"


def _axes(
    widget: Widget,
    properties: Mapping[str, Any],
    graph: Graph,
    series: Sequence[Series],
    points: Mapping[str, Points],
    start: int,
    end: int,
) -> str:
    axis = (properties.get("yAxis") or {}).get("right" if series[0].on_the_right else "left") or {}
    known = [value for one in series for value in points[one.id].values()]
    marks = [value for value, _ in _marks(properties)]
    least = float(axis["min"]) if axis.get("min") is not None else min([0.0, *known])
    most = float(axis["max"]) if axis.get("max") is not None else max([*known, *marks], default=least + 1)
    if most <= least:
        most = least + 1
    lines = []
    for one in series:
        step = period_of(graph, one.id)
        first = start // min(60, step) * min(60, step)
        found = points[one.id]
        colour = f"c{graph.series.index(one) % _COLOURS + 1}"
        lines.append(([found.get(moment) for moment in range(first, end, step)], colour))
    said = "; ".join(f"{one.label} {number(_latest(points[one.id]))}" for one in series)
    chart = lines_chart(lines, f"{widget.title}, latest: {said}", least=least, most=most, marks=marks)
    return (
        f'<div class="plot"><span class="most">{number(most)}</span>{chart}</div>'
        f'<div class="axis" aria-hidden="true"><span>{_clock(start)}</span>'
        f"<span>{_clock(end)}</span></div>"
    )


def _single_values(widget: Widget, graph: Graph, points: Mapping[str, Points]) -> str:
    values = "".join(
        f'<div><dt>{text(one.label)}</dt><dd class="value">{number(_latest(points[one.id]))}</dd></div>'
        for one in graph.series
    )
    return (
        f"<figure><figcaption><span>{text(widget.title)}</span></figcaption>"
        f'<dl class="singles">{values}</dl></figure>'
    )


def _legend(graph: Graph, points: Mapping[str, Points]) -> str:
    return "".join(
        f'<li class="c{place % _COLOURS + 1}"><span class="swatch"></span>{text(one.label)} '
        f"<strong>{number(_latest(points[one.id]))}</strong></li>"
        for place, one in enumerate(graph.series)
    )


def _with_alarm(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """A graph that names an alarm instead of metrics shows what the alarm watches."""
    arns = (properties.get("annotations") or {}).get("alarms") or []
    if properties.get("metrics") or not arns:
        return properties
    watched = alarm_graph(str(arns[0]))
    if watched is None:
        raise BodyError(f"the alarm {arns[0]} is not deployed here")
    return {**properties, **watched}


def _marks(properties: Mapping[str, Any]) -> list[tuple[float, str]]:
    annotations = properties.get("annotations") or {}
    marks = [
        (float(one["value"]), str(one.get("label") or ""))
        for one in annotations.get("horizontal") or []
        if isinstance(one, dict)
    ]
    for arn in annotations.get("alarms") or []:
        alarm = read_alarm(str(arn))
        if alarm is not None and alarm.threshold is not None:
            marks.append((alarm.threshold, alarm.name))
    return marks


def _unit(properties: Mapping[str, Any]) -> str:
    label = ((properties.get("yAxis") or {}).get("left") or {}).get("label")
    return f'<span class="note">{text(label)}</span>' if label else ""


def _markdown(widget: Widget, _start: int, _end: int) -> str:
    return f'<div class="prose">{render_markdown(str(widget.properties.get("markdown") or ""))}</div>'


def _alarms(widget: Widget, _start: int, end: int) -> str:
    arns = [str(arn) for arn in widget.properties.get("alarms") or []]
    found = [(arn, read_alarm(arn)) for arn in arns]
    gone = "".join(
        f'<p class="empty">{text(arn)} is not deployed here</p>' for arn, fact in found if not fact
    )
    facts = [fact for _, fact in found if fact]
    return f"<h3>{text(widget.title or 'Alarms')}</h3>{alarm_list(facts, end) if facts else ''}{gone}"


def _log(widget: Widget, start: int, end: int) -> str:
    source = str(widget.properties.get("query") or "")
    try:
        query = Query(source)
        region = str(widget.properties.get("region") or "us-east-1")
        shown = _table(widget, query.run(read_log(region, query.groups, start, end)))
    except QueryError as error:
        shown = f'<p class="note">{text(error)}</p>'
    return (
        f"<figure><figcaption><span>{text(widget.title)}</span></figcaption>{shown}"
        f"<details><summary>Query</summary><pre>{text(source)}</pre></details></figure>"
    )


def _table(widget: Widget, table: Table) -> str:
    if not table.rows:
        return '<p class="note">No line of the log answers this query.</p>'
    heads = "".join(f'<th scope="col">{text(name)}</th>' for name in table.columns)
    rows = "".join(
        f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>" for row in table.rows[:_ROWS]
    )
    return (
        f'<div class="scroll" role="region" aria-label="{text(widget.title)}" tabindex="0"><table>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell(value: Any) -> str:
    if isinstance(value, int | float):
        return _moment(value) if value > _MILLISECONDS else number(value)
    return text(value if value is not None else NOTHING)


def _moment(milliseconds: float) -> str:
    return f"<time>{time.strftime('%H:%M:%S', time.localtime(milliseconds / 1000))}</time>"


def _unknown(widget: Widget, _start: int, _end: int) -> str:
    title = f"<h3>{text(widget.title)}</h3>" if widget.title else ""
    return f'{title}<p class="empty">Widgets of the kind {text(widget.kind)} are not drawn here.</p>'


def _latest(points: Points) -> float | None:
    return points[max(points)] if points else None


def _clock(moment: float) -> str:
    return time.strftime("%H:%M", time.localtime(moment)) if moment else NOTHING


def _light(state: str) -> str:
    return {"ALARM": "down", "OK": "up"}.get(state, "")


def _kind(state: str) -> str:
    return {"ALARM": "bad", "OK": "ok"}.get(state, "")


_RENDERERS: Final = {"metric": _graph, "text": _markdown, "alarm": _alarms, "log": _log}
