"""moto's CloudWatch over a store of our own.

moto keeps every value as an object and searches all of them for each period of each query; it has no
percentiles and no metric math. Names, alarms, dashboards and validation stay moto's.
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
from mme_local.aws.cloudwatch.evaluation import State
from mme_local.aws.cloudwatch.expressions import ExpressionError, Points, evaluate
from mme_local.aws.cloudwatch.store import MetricKey, MetricStore, Period, first_moment

_BASIC = ("SampleCount", "Sum", "Average", "Minimum", "Maximum")


class EmbeddedCloudWatch(CloudWatchBackend):
    """CloudWatch of one account and region.

    Attributes:
        store: the values of all metrics.
    """

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.store = MetricStore()

    @property
    def _url_module(self) -> ModuleType:
        """Where moto's web layer finds this service's routes: it looks beside the backend's class."""
        return urls

    def put_metric_alarm(self, name: str, *arguments: Any, **more: Any) -> Alarm:
        """As ``PutMetricAlarm`` and ``PutCompositeAlarm``: an alarm that was there keeps its state, a new one
        has none yet."""
        before = self.alarms.get(name)
        alarm = super().put_metric_alarm(name, *arguments, **more)
        if before is None:
            alarm.state_value = State.INSUFFICIENT_DATA.value
        else:
            alarm.state_value, alarm.state_reason = before.state_value, before.state_reason
            alarm.state_reason_data = before.state_reason_data
            alarm.state_updated_timestamp = before.state_updated_timestamp
        return alarm

    def set_alarm_state(self, alarm_name: str, reason: str, reason_data: str, state_value: str) -> None:
        """As ``SetAlarmState``, actions included; the next evaluation has the last word."""
        alarm = self.alarms.get(alarm_name)
        before = alarm.state_value if alarm else ""
        super().set_alarm_state(alarm_name, reason, reason_data, state_value)
        if alarm and alarm.state_value != before:
            act(alarm, self.account_id, before)

    def change_state(self, alarm: Alarm, state: State, reason: str, data: str) -> None:
        """Have an alarm be in another state, and do what it is to do then."""
        before = alarm.state_value
        alarm.update_state(reason, data, state.value)
        act(alarm, self.account_id, before)

    def put_metric_data(self, namespace: str, metric_data: list[dict[str, Any]]) -> None:
        """As ``PutMetricData``: nothing is kept where one of the metrics is not valid."""
        for number, metric in enumerate(metric_data, 1):
            self._validate_parameters_put_metric_data(metric, number)
            _check_finite(metric, number)
        for metric in metric_data:
            key = MetricKey.of(namespace, metric["MetricName"], _dimensions(metric))
            moment = _seconds(metric.get("Timestamp") or utcnow())
            self.store.add(key, moment, metric.get("Unit"), _values(metric))

    def get_all_metrics(self) -> list[Any]:
        """One value for each metric, as ``ListMetrics`` wants them."""
        return [
            MetricDatum(
                key.namespace,
                key.name,
                0.0,
                [{"Name": name, "Value": value} for name, value in key.dimensions],
                None,
            )
            for key in self.store.keys
        ] + self.aws_metric_data

    def get_metric_data(
        self,
        queries: list[dict[str, Any]],
        start_time: datetime,
        end_time: datetime,
        scan_by: str = "TimestampAscending",
    ) -> list[dict[str, Any]]:
        """As ``GetMetricData``."""
        start, end = _seconds(start_time), _seconds(end_time)
        if start > end:
            raise ValidationError("The parameter EndTime must be greater than StartTime.")
        if start == end:
            raise ValidationError("The parameter StartTime must not equal parameter EndTime.")
        series = self.answer(queries, start, end)
        results = []
        for query in queries:
            if not query.get("ReturnData", True):
                continue
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
        """The values of each query, expressions over others included, by its id.

        Raises:
            ValidationError: an expression can't be read, or names no other query.
        """
        wanted = {query["Id"]: query for query in queries}
        answers: dict[str, Points] = {}
        busy: set[str] = set()

        def of(name: str) -> Points:
            if name in answers:
                return answers[name]
            if name not in wanted or name in busy:
                raise ExpressionError(f"the expression names {name}, which is no other query")
            query = wanted[name]
            if "MetricStat" in query:
                answers[name] = self.points(query["MetricStat"], start, end)
            else:
                busy.add(name)
                seconds = period_of(query, queries)
                first = first_moment(start, seconds)
                answers[name] = evaluate(query["Expression"], of, range(first, ceil(end), seconds))
            return answers[name]

        try:
            return {name: of(name) for name in wanted}
        except ExpressionError as error:
            raise ValidationError(str(error)) from None

    def points(self, stat: dict[str, Any], start: float, end: float) -> dict[int, float]:
        """The values of a ``MetricStat`` by the start of each period.

        Raises:
            ValidationError: its statistic is not known here.
        """
        metric = stat["Metric"]
        key = MetricKey.of(metric["Namespace"], metric["MetricName"], _dimensions(metric))
        points = {}
        for period in self.periods(key, start, end, int(stat["Period"]), stat.get("Unit")):
            value = _statistic(period.values, stat["Stat"])
            if value is not None:
                points[period.start] = value
        return points

    def periods(
        self, key: MetricKey, start: float, end: float, seconds: int, unit: str | None = None
    ) -> list[Period]:
        """The periods of a metric, those of moto's own services included."""
        if key in self.store.keys or not key.namespace.startswith("AWS/"):
            return self.store.read(key, start, end, seconds, unit)
        known = MetricStore()  # what moto measures of its services is made up when it is asked for
        for datum in self.aws_metric_data:
            pairs = {str(one.name): str(one.value) for one in datum.dimensions}
            if isinstance(datum, MetricDatum) and MetricKey.of(datum.namespace, datum.name, pairs) == key:
                known.add(key, _seconds(datum.timestamp), datum.unit, Distribution(float(datum.value)))
        return known.read(key, start, end, seconds, unit)

    def datapoints(
        self,
        key: MetricKey,
        start: datetime,
        end: datetime,
        seconds: int,
        statistics: list[str],
        unit: str | None,
    ) -> list[dict[str, Any]]:
        """As ``GetMetricStatistics``, percentiles among the statistics.

        Raises:
            InvalidParameterValue: the times are the wrong way round.
            ValidationError: a statistic is not known here.
        """
        if _seconds(start) >= _seconds(end):
            raise InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
        found = []
        for period in self.periods(key, _seconds(start), _seconds(end), seconds, unit):
            values = {name: _statistic(period.values, name) for name in statistics}
            point: dict[str, Any] = {
                "Timestamp": datetime.fromtimestamp(period.start, UTC),
                "Unit": period.unit or "None",
            }
            point |= {name: value for name, value in values.items() if name in _BASIC}
            extended = {n: v for n, v in values.items() if n not in _BASIC and v is not None}
            found.append(point | ({"ExtendedStatistics": extended} if extended else {}))
        return found


def period_of(query: dict[str, Any], queries: list[dict[str, Any]]) -> int:
    """The period of a query in seconds; of an expression that of the metrics beside it."""
    own = query.get("MetricStat", query).get("Period")
    others = [other["MetricStat"]["Period"] for other in queries if "MetricStat" in other]
    return int(own or max(map(int, others), default=60))


def _statistic(values: Distribution, name: str) -> float | None:
    try:
        return values.statistic(name)
    except UnknownStatisticError:
        raise ValidationError(
            f"The statistic {name} is not known to the embedded CloudWatch; SampleCount, Sum, Average, "
            "Minimum, Maximum and percentiles such as p99 are"
        ) from None


def _check_finite(metric: dict[str, Any], number: int) -> None:
    """CloudWatch API reference, "MetricDatum": infinity is no value; moto refuses NaN alone."""
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
    values = Distribution()
    if metric.get("Values"):
        counts = metric.get("Counts") or [1] * len(metric["Values"])
        for value, count in zip(metric["Values"], counts, strict=True):
            values.add(float(value), float(count))
    elif metric.get("StatisticValues"):
        known = metric["StatisticValues"]
        return Distribution.of_statistics(
            float(known["SampleCount"]), float(known["Sum"]), float(known["Minimum"]), float(known["Maximum"])
        )
    else:
        values.add(float(metric.get("Value") or 0))
    return values


def _dimensions(metric: dict[str, Any]) -> dict[str, str]:
    return {one["Name"]: one["Value"] for one in metric.get("Dimensions") or []}


def _label(query: dict[str, Any]) -> str:
    stat = query.get("MetricStat")
    return f"{stat['Metric']['MetricName']} {stat['Stat']}" if stat else str(query["Id"])


def _seconds(moment: datetime) -> float:
    # moto's times are in UTC and mostly don't say so
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
