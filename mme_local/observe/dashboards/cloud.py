"""What a dashboard and the alarms' list show, read from embedded CloudWatch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from mme_local.aws.account import DEFAULT_ACCOUNT

if TYPE_CHECKING:
    from mme_local.aws.cloudwatch.backend import EmbeddedCloudWatch
    from mme_local.observe.dashboards.body import Graph

Points = dict[int, float]
MOST_EVENTS: Final = 10_000
"""Newest lines of a log that a table is made of."""


@dataclass(frozen=True, slots=True)
class AlarmFact:
    """One alarm.

    Attributes:
        region: where it is.
        name: its name.
        state: ``OK``, ``ALARM`` or ``INSUFFICIENT_DATA``.
        reason: of that state.
        since: seconds since the epoch.
        threshold: that it watches; None of composite alarms.
    """

    region: str
    name: str
    state: str
    reason: str
    since: float
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class CloudFacts:
    """What is deployed to look at.

    Attributes:
        alarms: those that are in alarm first.
        dashboards: pairs of region and name.
    """

    alarms: list[AlarmFact] = field(default_factory=list)
    dashboards: list[tuple[str, str]] = field(default_factory=list)


def read_facts() -> CloudFacts:
    """Alarms and dashboards of all regions that have been used."""
    alarms, dashboards = [], []
    for backend in _backends():
        alarms += [_fact(alarm) for alarm in list(backend.alarms.values())]
        dashboards += [(backend.region_name, name) for name in list(backend.dashboards)]
    order = ("ALARM", "INSUFFICIENT_DATA", "OK")
    alarms.sort(key=lambda alarm: (order.index(alarm.state), alarm.region, alarm.name))
    return CloudFacts(alarms, sorted(dashboards))


def read_body(region: str, name: str) -> str | None:
    """A dashboard's body; None where there is no such dashboard."""
    for backend in _backends():
        if backend.region_name == region and name in backend.dashboards:
            return str(backend.dashboards[name].body)
    return None


def read_alarm(arn: str) -> AlarmFact | None:
    """The alarm of this ARN; None where there is none."""
    region, name = _place(arn)
    for backend in _backends():
        if backend.region_name == region and name in backend.alarms:
            return _fact(backend.alarms[name])
    return None


def alarm_graph(arn: str) -> dict[str, Any] | None:
    """The properties of a graph of what an alarm watches; None where there is no such alarm of metrics."""
    from mme_local.aws.cloudwatch.alarms import queries_of

    region, name = _place(arn)
    for backend in _backends():
        alarm = backend.alarms.get(name)
        if backend.region_name != region or alarm is None or alarm.rule is not None:
            continue
        metrics = []
        for query in queries_of(alarm):
            options = {"id": query["Id"], "visible": query["ReturnData"], "label": alarm.name}
            if "MetricStat" not in query:
                metrics.append([options | {"expression": query["Expression"]}])
                continue
            stat = query["MetricStat"]
            pairs = [word for one in stat["Metric"]["Dimensions"] for word in (one["Name"], one["Value"])]
            words = [stat["Metric"]["Namespace"], stat["Metric"]["MetricName"], *pairs]
            metrics.append([*words, options | {"stat": stat["Stat"], "period": stat["Period"]}])
        return {"region": region, "metrics": metrics}
    return None


def read_graph_points(graph: Graph, region: str, start: float, end: float) -> Mapping[str, Points]:
    """The values of each line by its query's id.

    Raises:
        ValueError: an expression can't be computed here; says why.
    """
    from moto.cloudwatch.exceptions import ValidationError

    from mme_local.observe.publisher import cloudwatch

    try:
        return cloudwatch(region).answer(graph.queries, start, end)
    except ValidationError as error:
        raise ValueError(str(error.message)) from None


def read_log(region: str, groups: list[str], start: int, end: int) -> list[dict[str, Any]]:
    """The newest events of log groups within some time, both ends in seconds since the epoch.

    Returns dictionaries of ``@timestamp`` (milliseconds), ``@message`` and ``@logStream``.
    """
    from moto.logs.models import logs_backends

    known = logs_backends[DEFAULT_ACCOUNT][region].groups
    found = [
        {"@timestamp": event.timestamp, "@message": event.message, "@logStream": name}
        for group in groups
        if group in known
        for name, stream in list(known[group].streams.items())
        for event in stream.events[-MOST_EVENTS:]
        if start * 1000 <= event.timestamp <= end * 1000
    ]
    found.sort(key=lambda event: event["@timestamp"])
    return found[-MOST_EVENTS:]


def period_of(graph: Graph, name: str) -> int:
    """The seconds between two values of a line."""
    from mme_local.aws.cloudwatch.backend import period_of as period_in

    return period_in(next(query for query in graph.queries if query["Id"] == name), graph.queries)


def _place(arn: str) -> tuple[str, str]:
    """Region and name of an alarm; both empty where it is no ARN."""
    parts = arn.split(":", 6)
    return (parts[3], parts[6]) if len(parts) == 7 else ("", "")


def _backends() -> list[EmbeddedCloudWatch]:
    from mme_local.aws.cloudwatch.alarms import all_backends

    return [backend for backend in all_backends() if backend.account_id == DEFAULT_ACCOUNT]


def _fact(alarm: Any) -> AlarmFact:
    since = alarm.state_updated_timestamp
    return AlarmFact(
        alarm.region_name,
        alarm.name,
        alarm.state_value,
        alarm.state_reason or "",
        (since if since.tzinfo else since.replace(tzinfo=UTC)).timestamp(),
        float(alarm.threshold) if alarm.rule is None and alarm.threshold is not None else None,
    )
