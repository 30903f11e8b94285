"""The alarms that watch an endpoint."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient


@dataclass(frozen=True, slots=True)
class AlarmState:
    """One alarm.

    Attributes:
        name: of the alarm.
        state: `OK`, `ALARM` or `INSUFFICIENT_DATA`.
        since: when it came into that state, in UTC; None where CloudWatch does not say.
        reason: CloudWatch's.
        metric: what it watches; empty for one over several metrics or other alarms.
        of_scaling: true for one that drives scaling. In the state ALARM it does its work: nothing is wrong.
    """

    name: str
    state: str
    since: datetime | None
    reason: str
    metric: str
    of_scaling: bool

    @property
    def rings(self) -> bool:
        """True where it tells of a fault."""
        return self.state == "ALARM" and not self.of_scaling


def read_alarms(
    cloudwatch: CloudWatchClient,
    endpoint_name: str,
    *,
    names: Collection[str] = (),
    of_scaling: Collection[str] = (),
) -> list[AlarmState]:
    """The alarms on an endpoint's metrics, those that ring first.

    Args:
        cloudwatch: a boto3 CloudWatch client.
        endpoint_name: whose metrics.
        names: further alarms that belong to it, by name: composite ones name no metric.
        of_scaling: the alarms that its scaling policies made or are called by.
    """
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    found: list[Any] = [
        alarm for page in pages for alarm in [*page.get("MetricAlarms", []), *page.get("CompositeAlarms", [])]
    ]
    states = [
        AlarmState(
            name=alarm["AlarmName"],
            state=alarm.get("StateValue", "INSUFFICIENT_DATA"),
            since=alarm.get("StateTransitionedTimestamp") or alarm.get("StateUpdatedTimestamp"),
            reason=alarm.get("StateReason", ""),
            metric=alarm.get("MetricName", ""),
            of_scaling=alarm["AlarmName"] in of_scaling,
        )
        for alarm in found
        if alarm["AlarmName"] in names or alarm["AlarmName"] in of_scaling or _watches(alarm, endpoint_name)
    ]
    return sorted(states, key=lambda one: (not one.rings, one.of_scaling, one.name))


def _watches(alarm: Any, endpoint_name: str) -> bool:
    """True where the alarm's metric, or one of those in its expression, is the endpoint's."""
    dimensions = list(alarm.get("Dimensions") or [])
    for query in alarm.get("Metrics") or []:
        dimensions += (query.get("MetricStat") or {}).get("Metric", {}).get("Dimensions") or []
    return {"Name": "EndpointName", "Value": endpoint_name} in dimensions
