"""moto's CloudWatch over a metric store of our own.

moto stores every value as an object and searches all of them for each period of each query; it has no
percentiles and no metric math. Names, alarms, dashboards and validation are moto's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import ceil, isfinite
from types import ModuleType
from typing import Any

from moto.cloudwatch import urls
from moto.cloudwatch.exceptions import InvalidParameterValue, ValidationError
from moto.cloudwatch.models import Alarm, CloudWatchBackend, MetricDatum
from moto.core.utils import utcnow

from mme_local.aws.cloudwatch.alarm_actions import act
from mme_local.aws.cloudwatch.distribution import Distribution, UnknownStatisticError
from mme_local.aws.cloudwatch.evaluation import StateValue
from mme_local.aws.cloudwatch.expressions import ExpressionError, Points, evaluate
from mme_local.aws.cloudwatch.store import MetricKey, MetricStore, first_moment

MOST_POINTS = 100_800
"""Datapoints of an answer (CloudWatch API reference, "GetMetricData"), so also of an alarm."""
_BASIC = ("SampleCount", "Sum", "Average", "Minimum", "Maximum")
_STATE = ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp")


class EmbeddedCloudWatch(CloudWatchBackend):
    """CloudWatch of one account and region.

    Attributes:
        store: The values of all metrics.
    """

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.store = MetricStore()

    @property
    def _url_module(self) -> ModuleType:
        """moto's routes; by default moto looks next to the backend's class."""
        return urls

    def put_metric_alarm(self, name: str, *arguments: Any, **more: Any) -> Alarm:
        """PutMetricAlarm and PutCompositeAlarm; an existing alarm keeps its state."""
        before = self.alarms.get(name)
        alarm = super().put_metric_alarm(name, *arguments, **more)
        alarm.state_value = StateValue.INSUFFICIENT_DATA.value
        for member in _STATE if before else ():
            setattr(alarm, member, getattr(before, member))
        return alarm

    def set_alarm_state(self, alarm_name: str, reason: str, reason_data: str, state_value: str) -> None:
        """SetAlarmState with its actions; the next evaluation may change the state again."""
        alarm = self.alarms.get(alarm_name)
        before = alarm.state_value if alarm else ""
        super().set_alarm_state(alarm_name, reason, reason_data, state_value)
        if alarm and alarm.state_value != before:
            act(alarm, self.account_id, before)

    def change_state(self, alarm: Alarm, state: StateValue, reason: str, data: str) -> None:
        """Change an alarm's state and run its actions.

        Args:
            alarm: The alarm, which may have been deleted in the meantime.
            state: Its new state.
            reason: For people.
            data: For programs.
        """
        before = alarm.state_value
        alarm.update_state(reason, data, state.value)
        act(alarm, self.account_id, before)

    def put_metric_data(self, namespace: str, metric_data: list[dict[str, Any]]) -> None:
        """PutMetricData; nothing is stored if one of the metrics is not valid."""
        for number, metric in enumerate(metric_data, 1):
            self._validate_parameters_put_metric_data(metric, number)
            _check_finite(metric, number)
        for metric in metric_data:
            key = MetricKey.of(namespace, metric["MetricName"], _dimensions(metric))
            moment = _seconds(metric.get("Timestamp") or utcnow())
            self.store.add(key, moment, metric.get("Unit"), _values(metric))

    def get_all_metrics(self) -> list[Any]:
        """Return a value of each metric, as moto's ListMetrics needs them."""
        return [
            MetricDatum(
                key.namespace, key.name, 0.0, [{"Name": n, "Value": v} for n, v in key.dimensions], None
            )
            for key in self.store.keys
        ]

    def get_metric_data(
        self,
        queries: list[dict[str, Any]],
        start_time: datetime,
        end_time: datetime,
        scan_by: str = "TimestampAscending",
    ) -> list[dict[str, Any]]:
        """GetMetricData."""
        start, end = _seconds(start_time), _seconds(end_time)
        if start > end:
            raise ValidationError("The parameter EndTime must be greater than StartTime.")
        if start == end:
            raise ValidationError("The parameter StartTime must not equal parameter EndTime.")
        series = self.answer(queries, start, end)
        results = []
        for query in queries:
            if query.get("ReturnData", True):
                points = sorted(series[query["Id"]].items(), reverse=scan_by != "TimestampAscending")
                results.append(
                    {
                        "id": query["Id"],
                        "label": query.get("Label") or _label(query),
                        "timestamps": [datetime.fromtimestamp(moment, UTC) for moment, _ in points],
                        "values": [value for _, value in points],
                        "status_code": "Complete",
                    }
                )
        return results

    def answer(self, queries: list[dict[str, Any]], start: float, end: float) -> dict[str, Points]:
        """Return the values of each query by its id.

        Args:
            queries: Metrics and expressions over them.
            start: Seconds since the epoch.
            end: The first moment that is not included.

        Raises:
            ValidationError: An expression is not valid, or names no other query.
        """
        by_id = {query["Id"]: query for query in queries}
        answers: dict[str, Points] = {}
        in_progress: set[str] = set()

        def of(name: str) -> Points:
            if name in answers:
                return answers[name]
            if name not in by_id or name in in_progress:
                raise ExpressionError(f"the expression names {name}, which is not another query")
            query = by_id[name]
            if "MetricStat" in query:
                answers[name] = self._points(query["MetricStat"], start, end)
            else:
                in_progress.add(name)
                seconds = period_of(query, queries)
                moments = range(first_moment(start, seconds), ceil(end), seconds)
                if len(moments) > MOST_POINTS:
                    raise ExpressionError(f"{len(moments)} periods are more than {MOST_POINTS}")
                answers[name] = evaluate(query["Expression"], of, moments)
            return answers[name]

        try:
            return {name: of(name) for name in by_id}
        except (ExpressionError, RecursionError) as error:
            raise ValidationError(str(error)) from None

    def _points(self, stat: dict[str, Any], start: float, end: float) -> Points:
        """Return the values of a `MetricStat` by the start of each period."""
        metric = stat["Metric"]
        key = MetricKey.of(metric["Namespace"], metric["MetricName"], _dimensions(metric))
        periods = self.store.read(key, start, end, int(stat["Period"]), stat.get("Unit"))
        values = {period.start: _statistic(period.values, stat["Stat"]) for period in periods}
        return {moment: value for moment, value in values.items() if value is not None}

    def datapoints(
        self,
        key: MetricKey,
        start: datetime,
        end: datetime,
        seconds: int,
        statistics: list[str],
        unit: str | None,
    ) -> list[dict[str, Any]]:
        """GetMetricStatistics, percentiles included.

        Args:
            key: The metric.
            start: The first moment.
            end: The first moment that is not included.
            seconds: Length of a period.
            statistics: For example `Sum` or `p99`.
            unit: Leave out values of other units.

        Raises:
            InvalidParameterValue: The times are in the wrong order.
            ValidationError: A statistic is not supported here.
        """
        if _seconds(start) >= _seconds(end):
            raise InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
        points = []
        for period in self.store.read(key, _seconds(start), _seconds(end), seconds, unit):
            values = {name: _statistic(period.values, name) for name in statistics}
            extended = {n: v for n, v in values.items() if n not in _BASIC and v is not None}
            point = {
                "Timestamp": datetime.fromtimestamp(period.start, UTC),
                "Unit": period.unit or "None",
                **{name: value for name, value in values.items() if name in _BASIC},
                **({"ExtendedStatistics": extended} if extended else {}),
            }
            points.append(point)
        return points


def period_of(query: dict[str, Any], queries: list[dict[str, Any]]) -> int:
    """Return the period of a query in seconds; of an expression, the longest of the metrics.

    Args:
        query: The query.
        queries: All queries of the request.
    """
    own = query.get("MetricStat", query).get("Period")
    others = [other["MetricStat"]["Period"] for other in queries if "MetricStat" in other]
    seconds = int(own or max(map(int, others), default=60))
    if seconds < 1:
        raise ValidationError(f"The period {seconds} must be at least 1 second.")
    return seconds


def _statistic(values: Distribution, name: str) -> float | None:
    try:
        return values.statistic(name)
    except UnknownStatisticError:
        raise ValidationError(
            f"the embedded CloudWatch does not support the statistic {name}; it supports SampleCount, Sum, "
            "Average, Minimum, Maximum and percentiles such as p99"
        ) from None


def _check_finite(metric: dict[str, Any], number: int) -> None:
    """Refuse infinite values (CloudWatch API reference, "MetricDatum"); moto refuses only NaN."""
    given = {
        "Value": [metric.get("Value") or 0],
        "Values": metric.get("Values") or [],
        "Counts": metric.get("Counts") or [],
        "StatisticValues": (metric.get("StatisticValues") or {}).values(),
    }
    for name, values in given.items():
        for value in map(float, values):
            if not isfinite(value):
                raise InvalidParameterValue(
                    f"The value {value} for parameter MetricData.member.{number}.{name} is invalid."
                )


def _values(metric: dict[str, Any]) -> Distribution:
    if known := metric.get("StatisticValues"):
        return Distribution.of_statistics(
            *(float(known[name]) for name in ("SampleCount", "Sum", "Minimum", "Maximum"))
        )
    values = metric.get("Values") or [metric.get("Value") or 0]
    distribution = Distribution()
    for value, count in zip(values, metric.get("Counts") or [1] * len(values), strict=True):
        distribution.add(float(value), float(count))
    return distribution


def _dimensions(metric: dict[str, Any]) -> dict[str, str]:
    return {one["Name"]: one["Value"] for one in metric.get("Dimensions") or []}


def _label(query: dict[str, Any]) -> str:
    stat = query.get("MetricStat")
    return f"{stat['Metric']['MetricName']} {stat['Stat']}" if stat else str(query["Id"])


def _seconds(moment: datetime) -> float:
    # moto's times are in UTC, mostly without a time zone
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
