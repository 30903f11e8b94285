"""Evaluation of metric alarms against the stored metrics; composite alarms are not evaluated."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.exceptions import ValidationError
from moto.cloudwatch.models import Alarm, cloudwatch_backends

from mme_local.aws.cloudwatch.backend import MOST_POINTS, EmbeddedCloudWatch, period_of
from mme_local.aws.cloudwatch.evaluation import COMPARISONS, EXTRA_POINTS, Missing, StateValue, alarm_state

log = logging.getLogger(__name__)


def all_backends() -> list[EmbeddedCloudWatch]:
    """Return the embedded CloudWatch of each account and region that has been used."""
    backends = (backend for _, _, backend in sorted(cloudwatch_backends.iter_backends()))
    return [backend for backend in backends if isinstance(backend, EmbeddedCloudWatch)]


def evaluate_all(now: float) -> None:
    """Evaluate every metric alarm at `now`, in seconds since the epoch."""
    for backend in all_backends():
        alarms: list[Alarm] = list(backend.alarms.values())  # a copy: requests add and delete alarms
        for alarm in alarms:
            try:
                found = _evaluate(backend, alarm, now) if alarm.rule is None else None
            except Exception:  # one alarm's values must not stop the others
                log.exception("the alarm %s cannot be evaluated", alarm.name)
                continue
            if found is not None and found[0] != alarm.state_value:
                backend.change_state(alarm, *found)


def _evaluate(backend: EmbeddedCloudWatch, alarm: Alarm, now: float) -> tuple[StateValue, str, str] | None:
    """Return an alarm's state, with the reason for people and for programs; None if not supported here."""
    comparison = COMPARISONS.get(alarm.comparison_operator)
    if comparison is None or alarm.threshold_metric_id:
        return None
    periods = min(int(alarm.evaluation_periods), MOST_POINTS)
    needed = int(alarm.datapoints_to_alarm or periods)
    queries = queries_of(alarm)
    wanted = next((query for query in queries if query["ReturnData"]), queries[-1])
    seconds = period_of(wanted, queries)
    end = int(now // seconds * seconds)
    moments = [end - seconds * back for back in range(periods + EXTRA_POINTS, 0, -1)]
    try:
        values = backend.answer(queries, moments[0], end)[wanted["Id"]]
    except ValidationError as error:
        return StateValue.INSUFFICIENT_DATA, f"Evaluation error: {error.message}", "{}"
    missing = Missing(alarm.treat_missing_data or "missing")
    threshold = float(alarm.threshold)
    points = [
        comparison.breaches(values[moment], threshold) if moment in values else None for moment in moments
    ]
    state, absent = alarm_state(points, periods, needed, missing, StateValue(alarm.state_value))
    used = [(moment, values[moment]) for moment in moments if moment in values][-periods:]
    breaching = sum(comparison.breaches(value, threshold) for _, value in used)
    reason = _reason(alarm, state, used, breaching, absent, missing)
    return state, reason, json.dumps(_data(alarm, seconds, used, threshold))


def queries_of(alarm: Alarm) -> list[dict[str, Any]]:
    """Return an alarm's queries in the form of `GetMetricData`; the watched one has `ReturnData`."""
    if not alarm.metric_data_queries:
        statistic = alarm.extended_statistic or alarm.statistic
        stat = _metric_stat(alarm, int(alarm.period), statistic, alarm.unit)
        return [{"Id": "alarm", "MetricStat": stat, "ReturnData": True}]
    queries = []
    for query in alarm.metric_data_queries:
        part: dict[str, Any] = {"Expression": query.expression, "Period": query.period}
        if known := query.metric_stat:
            part = {"MetricStat": _metric_stat(known.metric, int(known.period), known.stat, known.unit)}
        returned: Any = query.return_data  # the default is True
        queries.append({"Id": query.id, "ReturnData": returned is not False, **part})
    return queries


def _metric_stat(metric: Any, period: int, statistic: str, unit: str | None) -> dict[str, Any]:
    dimensions = [{"Name": one.name, "Value": one.value} for one in metric.dimensions or []]
    return {
        "Metric": {
            "Namespace": metric.namespace,
            "MetricName": metric.metric_name,
            "Dimensions": dimensions,
        },
        "Period": period,
        "Stat": statistic,
        "Unit": unit,
    }


def _reason(
    alarm: Alarm,
    state: StateValue,
    used: list[tuple[int, float]],
    breaching: int,
    absent: int,
    missing: Missing,
) -> str:
    if state is StateValue.INSUFFICIENT_DATA:
        return f"Insufficient Data: {_plural(absent, 'datapoint')} {_were(absent)} unknown."
    treated = {Missing.BREACHING: "Breaching", Missing.NOT_BREACHING: "NonBreaching"}.get(missing, "Missing")
    filled = f"{_plural(absent, 'missing datapoint')} {_were(absent)} treated as [{treated}]"
    if not used:
        periods = _plural(int(alarm.evaluation_periods), "period")
        return f"Threshold Crossed: no datapoints were received for {periods} and {filled}."
    comparison = COMPARISONS[alarm.comparison_operator].text
    alarmed = state is StateValue.ALARM
    number = breaching if alarmed else len(used) - breaching
    listed = ", ".join(f"{value:g} ({_clock(moment)})" for moment, value in reversed(used))
    needed = int(alarm.datapoints_to_alarm or alarm.evaluation_periods)
    change = "OK -> ALARM" if alarmed else "ALARM -> OK"
    least = needed if alarmed else int(alarm.evaluation_periods) - needed + 1
    return (
        f"Threshold Crossed: {number} out of the last {_plural(len(used), 'datapoint')} [{listed}] "
        f"{_were(number)} {'' if alarmed else 'not '}{comparison} the threshold ({float(alarm.threshold):g})"
        + (f" and {filled}" if absent else "")
        + f" (minimum {_plural(least, 'datapoint')} for {change} transition)."
    )


def _data(alarm: Alarm, seconds: int, used: list[tuple[int, float]], threshold: float) -> dict[str, Any]:
    return {
        "version": "1.0",
        **({"statistic": alarm.extended_statistic or alarm.statistic} if alarm.metric_name else {}),
        "period": seconds,
        "recentDatapoints": [value for _, value in used],
        "threshold": threshold,
        "evaluatedDatapoints": [
            {"timestamp": datetime.fromtimestamp(moment, UTC).isoformat(), "value": value}
            for moment, value in used
        ],
    }


def _clock(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%d/%m/%y %H:%M:%S")


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
