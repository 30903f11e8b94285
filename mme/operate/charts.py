"""Draw metrics as text charts for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from mme.catalog.metrics import EndpointMetric
from mme.operate.metric_series import MetricSeries

_TICKS: Final = 5
_MARGIN: Final = 1.05
_NOTHING: Final = 1e-6
_COLOURS: Final = ("cyan", "magenta", "yellow", "green")


def shown_value(metric: EndpointMetric, statistic: str, value: float) -> float:
    """Return a value in the unit to show: milliseconds for times, percent for shares.

    Args:
        metric: The metric.
        statistic: Its statistic.
        value: In CloudWatch's unit.
    """
    if statistic == "SampleCount":
        return value
    if metric.unit == "Microseconds":
        return value / 1000
    if metric.name == "ModelCacheHit" and statistic == "Average":
        return value * 100
    return value


def shown_unit(metric: EndpointMetric, statistic: str) -> str:
    """Return the unit of `shown_value`; empty for counts.

    Args:
        metric: The metric.
        statistic: Its statistic.
    """
    if statistic == "SampleCount":
        return ""
    if metric.unit == "Microseconds":
        return "ms"
    return "%" if metric.unit == "Percent" or metric.name == "ModelCacheHit" else ""


def number_text(value: float) -> str:
    """Format a number for an axis: `0`, `0.25`, `17`, `1,234`, `5.6M`."""
    for limit, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if value >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def draw(series: Sequence[MetricSeries], *, since: datetime, until: datetime, width: int, height: int) -> str:
    """Draw a chart of one metric with a coloured line for each variant.

    Args:
        series: Of one metric and statistic, with at least one point.
        since: Start of the time axis.
        until: End of the time axis.
        width: In columns.
        height: In lines.
    """
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(width, height)
    several = len(series) > 1
    highest = 0.0
    for number, one in enumerate(series):
        if not one.points:
            continue
        times = [moment.timestamp() for moment, _ in one.points]
        values = [shown_value(one.metric, one.statistic, value) for _, value in one.points]
        highest = max(highest, *values)
        # A line needs two points.
        mark = plotext.plot if len(values) > 1 else plotext.scatter
        mark(
            times,
            values,
            marker="braille" if len(values) > 1 else "dot",
            color=_COLOURS[number % len(_COLOURS)],
            label=one.variant if several else None,
        )
    plotext.xlim(since.timestamp(), until.timestamp())
    top = highest if highest > _NOTHING else 1.0
    plotext.ylim(0, top * _MARGIN)
    marks = [0.0, top / 2, top]
    plotext.yticks(marks, [number_text(mark) for mark in marks])
    moments = [since + (until - since) * number / (_TICKS - 1) for number in range(_TICKS)]
    form = "%H:%M" if until - since <= timedelta(days=1) else "%m-%d %H:%M"
    plotext.xticks([moment.timestamp() for moment in moments], [moment.strftime(form) for moment in moments])
    drawn: str = plotext.build()
    return "\n".join(line.rstrip() for line in drawn.splitlines())
