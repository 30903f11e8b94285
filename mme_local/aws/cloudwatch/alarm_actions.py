"""The actions of an alarm when its state changes: messages to SNS topics, with CloudWatch's content.

Source: Amazon CloudWatch user guide, "Alarm actions".
"""

from __future__ import annotations

import json
import logging
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from mme_local.aws.clients import bare_session
from mme_local.aws.cloudwatch.evaluation import StateValue

if TYPE_CHECKING:
    from moto.cloudwatch.models import Alarm

log = logging.getLogger(__name__)

_SUBJECT_CHARACTERS = 99


def act(alarm: Alarm, account: str, before: str) -> None:
    """Run the actions of the alarm's new state; one that fails does not stop the others.

    Args:
        alarm: The alarm, in its new state.
        account: Its account.
        before: Its state before.
    """
    if not alarm.actions_enabled:
        return
    for action in _actions(alarm, StateValue(alarm.state_value)):
        try:
            if action.split(":")[2] == "sns":
                _publish(alarm, account, before, action)
            else:
                log.debug("%s: the action %s has no effect here", alarm.name, action)
        except Exception:
            log.exception("%s: the action %s failed", alarm.name, action)


def _actions(alarm: Alarm, state: StateValue) -> list[str]:
    return {
        StateValue.OK: alarm.ok_actions,
        StateValue.ALARM: alarm.alarm_actions,
        StateValue.INSUFFICIENT_DATA: alarm.insufficient_data_actions,
    }[state] or []


def _publish(alarm: Alarm, account: str, before: str, topic: str) -> None:
    from moto.sns.models import sns_backends

    subject = f'{alarm.state_value}: "{alarm.name}" in {region_name(alarm.region_name)}'
    sns_backends[topic.split(":")[4]][topic.split(":")[3]].publish(
        json.dumps(message(alarm, account, before)),
        arn=topic,
        subject=subject
        if len(subject) <= _SUBJECT_CHARACTERS
        else f"{subject[: _SUBJECT_CHARACTERS - 3]}...",
    )


def message(alarm: Alarm, account: str, before: str) -> dict[str, Any]:
    """Return the message to a topic's subscribers as a JSON document.

    Args:
        alarm: The alarm, in its new state.
        account: Its account.
        before: Its state before.
    """
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": _moment(alarm.configuration_updated_timestamp),
        "NewStateValue": alarm.state_value,
        "NewStateReason": alarm.state_reason,
        "StateChangeTime": _moment(alarm.state_updated_timestamp),
        "Region": region_name(alarm.region_name),
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": before,
        "OKActions": alarm.ok_actions or [],
        "AlarmActions": alarm.alarm_actions or [],
        "InsufficientDataActions": alarm.insufficient_data_actions or [],
        **({"AlarmRule": alarm.rule} if alarm.rule is not None else {"Trigger": _trigger(alarm)}),
    }


def _trigger(alarm: Alarm) -> dict[str, Any]:
    trigger: dict[str, Any] = {
        "Period": alarm.period,
        "EvaluationPeriods": alarm.evaluation_periods,
        "DatapointsToAlarm": alarm.datapoints_to_alarm or alarm.evaluation_periods,
        "ComparisonOperator": alarm.comparison_operator,
        "Threshold": alarm.threshold,
        "TreatMissingData": alarm.treat_missing_data or "missing",
        "EvaluateLowSampleCountPercentile": alarm.evaluate_low_sample_count_percentile or "",
    }
    if alarm.metric_data_queries:
        del trigger["Period"]
        return trigger | {"Metrics": [_query(query) for query in alarm.metric_data_queries]}
    extended = alarm.extended_statistic
    return trigger | {
        "MetricName": alarm.metric_name,
        "Namespace": alarm.namespace,
        "StatisticType": "ExtendedStatistic" if extended else "Statistic",
        "ExtendedStatistic" if extended else "Statistic": extended or alarm.statistic.upper(),
        "Unit": alarm.unit,
        "Dimensions": _dimensions(alarm.dimensions),
    }


def _query(query: Any) -> dict[str, Any]:
    described = {"Id": query.id, "Label": query.label, "ReturnData": query.return_data is not False}
    if query.metric_stat is None:
        return described | {"Expression": query.expression}
    stat = query.metric_stat
    metric = {
        "Dimensions": _dimensions(stat.metric.dimensions),
        "MetricName": stat.metric.metric_name,
        "Namespace": stat.metric.namespace,
    }
    return described | {"MetricStat": {"Metric": metric, "Period": stat.period, "Stat": stat.stat}}


def _dimensions(dimensions: Any) -> list[dict[str, str]]:
    return [{"value": one.value, "name": one.name} for one in dimensions or []]


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


@cache
def region_name(region: str) -> str:
    """Return a region's name for people, for example `US East (N. Virginia)`."""
    for partition in bare_session().get_data("endpoints")["partitions"]:
        if region in partition["regions"]:
            return str(partition["regions"][region]["description"])
    return region
