"""`mme endpoint metrics`: charts of CloudWatch's metrics."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from mme.cli.options import Since
from mme.console import assembled, fields, print_json, print_note, standard_output

if TYPE_CHECKING:
    from datetime import datetime

    from mme.operate.metric_series import MetricSeries

_DEFAULT: Final = ("Invocations", "ModelLatency", "ModelCacheHit", "LoadedModelCount", "ModelLoadingWaitTime")
_HEIGHT: Final = 9
_WIDEST: Final = 120
_NARROWEST: Final = 40
_POINTS: Final = 180


def metrics(
    context: typer.Context,
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", "-m", help="A CloudWatch metric; repeatable.", metavar="NAME"),
    ] = None,
    since: Since = "3h",
    statistic: Annotated[
        str | None,
        typer.Option("--statistic", help="Sum, Average, Maximum, p99, ... Default: depends on the metric."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON for scripts, in CloudWatch's units.")
    ] = False,
) -> None:
    """Draw the endpoint's metrics: calls, latency, cache hits, loaded models, waits for loads.

    Times are in UTC. All metrics are of the whole endpoint: CloudWatch has none of single models.

    Example: mme endpoint metrics --metric ModelLatency --statistic p99 --since 1d
    """
    from datetime import UTC, datetime

    from mme.catalog.metrics import endpoint_metrics
    from mme.cli.deployment import target_of
    from mme.operate.endpoint_state import read_endpoint
    from mme.operate.metric_series import check_metrics, check_statistic, fitting_period, read_series
    from mme.operate.periods import parse_since

    names = check_metrics(metric or _DEFAULT)
    chosen = check_statistic(statistic) if statistic else None
    until = datetime.now(UTC)
    start = parse_since(since, until)
    period = fitting_period(start, until, _POINTS)
    target = target_of(context)
    clients, endpoint = target.clients, target.deployment.endpoint_name
    variants = [variant.name for variant in read_endpoint(clients.sagemaker, endpoint).variants]
    wanted = [(name, chosen or endpoint_metrics()[name].statistic) for name in names]
    series = read_series(clients.cloudwatch, endpoint, variants, wanted, start, until, period)
    if as_json:
        print_json(
            [
                fields(one.metric, "metric=name namespace unit")
                | fields(one, "variant statistic period_seconds=period")
                | {"points": [{"time": moment, "value": value} for moment, value in one.points]}
                for one in series
            ]
        )
        return
    measured = {one.metric.name for one in series if one.points}
    charted = [name for name in names if name in measured]
    for number, name in enumerate(charted):
        if number:
            standard_output().print()
        _print_chart([one for one in series if one.metric.name == name], start, until)
    if empty := [name for name in names if name not in measured]:
        print_note("no data", f"since {start:%Y-%m-%d %H:%M} UTC of {', '.join(empty)}")


def _print_chart(series: list[MetricSeries], since: datetime, until: datetime) -> None:
    from rich.text import Text

    from mme.operate.charts import draw, number_text, shown_unit, shown_value

    console = standard_output()
    first = series[0]
    unit = shown_unit(first.metric, first.statistic)
    shown = [shown_value(one.metric, one.statistic, value) for one in series for _, value in one.points]
    heading = assembled(
        (first.metric.name, "bold"),
        (f"  {first.statistic} per {_length(first.period)}{f', in {unit}' if unit else ''}", "dim"),
        f"   least {number_text(min(shown))}, most {number_text(max(shown))}",
    )
    console.print(heading)
    if not _can_draw():
        console.print("(this terminal's encoding has no characters to draw with: use --json)")
        return
    # A pipe is wider than a chart should be.
    width = max(_NARROWEST, min(console.width if console.is_terminal else 80, _WIDEST))
    drawn = draw(series, since=since, until=until, width=width, height=_HEIGHT)
    console.print(Text.from_ansi(drawn), no_wrap=True, crop=False)


def _can_draw() -> bool:
    try:
        "⣀┤".encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _length(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds < 3600 else f"{seconds // 3600} h"
