"""CloudWatch alarms of an endpoint."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient


@dataclass(frozen=True, slots=True)
class AlarmState:
    """An alarm.

    Attributes:
        state: `OK`, `ALARM` or `INSUFFICIENT_DATA`.
        since: Time of the last state change, in UTC; None if CloudWatch has none.
        metric: Its metric; empty for an expression or a composite alarm.
        of_scaling: Whether it drives scaling; its state `ALARM` is then not a fault.
    """

    name: str
    state: str
    since: datetime | None
    reason: str
    metric: str
    of_scaling: bool

    @property
    def rings(self) -> bool:
        """Whether it reports a fault."""
        return self.state == "ALARM" and not self.of_scaling


def read_alarms(
    cloudwatch: CloudWatchClient,
    endpoint_name: str,
    *,
    names: Collection[str] = (),
    of_scaling: Collection[str] = (),
) -> list[AlarmState]:
    """Return the alarms on an endpoint's metrics, those in state ALARM first.

    Args:
        cloudwatch: A boto3 client.
        endpoint_name: Name of the endpoint.
        names: Further alarms of the endpoint: composite alarms name no metric.
        of_scaling: Alarms that its scaling policies created or that call them.
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
    """Return whether the alarm's metric, or one in its expression, is the endpoint's."""
    dimensions = list(alarm.get("Dimensions") or [])
    for query in alarm.get("Metrics") or []:
        dimensions += (query.get("MetricStat") or {}).get("Metric", {}).get("Dimensions") or []
    return {"Name": "EndpointName", "Value": endpoint_name} in dimensions
