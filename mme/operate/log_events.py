"""Read or follow an endpoint's log in CloudWatch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from mme.errors import MmeError

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

_LATE_MILLISECONDS: Final = 20_000
"""CloudWatch shows lines some seconds late, and not in order across instances."""


@dataclass(frozen=True, slots=True)
class LogEvent:
    """An event of the log.

    Attributes:
        moment: In UTC, to the millisecond.
        stream: `VARIANT/INSTANCE-ID`.
    """

    moment: datetime
    stream: str
    message: str

    @property
    def instance(self) -> str:
        """ID of the instance that wrote it."""
        return self.stream.rpartition("/")[2] or self.stream


def log_group_name(endpoint_name: str) -> str:
    """Return the name of the log group that SageMaker creates for an endpoint, and never deletes."""
    return f"/aws/sagemaker/Endpoints/{endpoint_name}"


def has_log_group(logs: CloudWatchLogsClient, name: str) -> bool:
    """Return whether a log group exists.

    Args:
        logs: A boto3 client.
        name: Name of the log group.
    """
    groups = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return any(group.get("logGroupName") == name for group in groups)


def read_events(
    logs: CloudWatchLogsClient,
    endpoint_name: str,
    since: datetime,
    *,
    pattern: str = "",
) -> Iterator[LogEvent]:
    """Yield the events of all instances, in bounded memory.

    Args:
        logs: A boto3 client.
        endpoint_name: Name of the endpoint.
        since: First moment.
        pattern: A filter pattern of CloudWatch Logs. Default: all events.

    Raises:
        MmeError: The endpoint has no log.
    """
    yield from map(_event, _raw_events(logs, endpoint_name, _milliseconds(since), pattern))


def follow_events(
    logs: CloudWatchLogsClient,
    endpoint_name: str,
    since: datetime,
    pause: Callable[[], object],
) -> Iterator[LogEvent]:
    """Yield the events since a moment, then each new one, once each and without end.

    Args:
        logs: A boto3 client.
        endpoint_name: Name of the endpoint.
        since: First moment.
        pause: Waits before the next poll; an exception from it ends the generator.

    Raises:
        MmeError: The endpoint has no log.
    """
    yielded: dict[str, int] = {}
    start = latest = _milliseconds(since)
    while True:
        for raw in _raw_events(logs, endpoint_name, start):
            if raw["eventId"] in yielded:
                continue
            yielded[raw["eventId"]] = raw["timestamp"]
            latest = max(latest, raw["timestamp"])
            yield _event(raw)
        start = max(start, latest - _LATE_MILLISECONDS)
        yielded = {identifier: moment for identifier, moment in yielded.items() if moment >= start}
        pause()


def _raw_events(
    logs: CloudWatchLogsClient, endpoint_name: str, start: int, pattern: str = ""
) -> Iterator[Any]:
    group = log_group_name(endpoint_name)
    arguments: dict[str, Any] = {"logGroupName": group, "startTime": start}
    if pattern:
        arguments["filterPattern"] = pattern
    try:
        for page in logs.get_paginator("filter_log_events").paginate(**arguments):
            yield from page["events"]
    except logs.exceptions.ResourceNotFoundException as error:
        raise MmeError(
            f"endpoint {endpoint_name} has no log yet: the log group {group} does not exist",
            hint="a container's first line creates it; check for running instances: mme endpoint status",
        ) from error


def _event(raw: Any) -> LogEvent:
    moment = datetime.fromtimestamp(raw["timestamp"] / 1000, UTC)
    return LogEvent(moment, raw["logStreamName"], raw["message"].rstrip("\n"))


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
