"""An endpoint's log in CloudWatch: read, or followed as it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from mme.errors import MmeError

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

_GROUP: Final = "/aws/sagemaker/Endpoints/{}"
_LATE_MILLISECONDS: Final = 20_000
"""CloudWatch shows a line some seconds after it was written, and not in order across instances."""


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event of the log.

    Attributes:
        moment: when, in UTC, to the millisecond.
        stream: `VARIANT/INSTANCE-ID`.
        message: as the container wrote it.
    """

    moment: datetime
    stream: str
    message: str

    @property
    def instance(self) -> str:
        """The instance that wrote it."""
        return self.stream.rpartition("/")[2] or self.stream


def log_group_name(endpoint_name: str) -> str:
    """SageMaker's own log group of an endpoint; it outlives the endpoint."""
    return _GROUP.format(endpoint_name)


def read_events(
    logs: CloudWatchLogsClient,
    endpoint_name: str,
    since: datetime,
    until: datetime | None = None,
    *,
    pattern: str = "",
) -> Iterator[LogEvent]:
    """The events of all instances, page by page: memory stays bounded however long the log is.

    Args:
        logs: a boto3 CloudWatch Logs client.
        endpoint_name: whose log.
        since: the first moment.
        until: the last moment. Default: now.
        pattern: CloudWatch's filter pattern; all events by default.

    Raises:
        MmeError: the endpoint has no log.
    """
    for raw in _pages(
        logs, endpoint_name, _milliseconds(since), _milliseconds(until) if until else None, pattern
    ):
        yield _event(raw)


def follow_events(
    logs: CloudWatchLogsClient,
    endpoint_name: str,
    since: datetime,
    pause: Callable[[], object],
    *,
    pattern: str = "",
) -> Iterator[LogEvent]:
    """The events since a moment, and then each new one, for ever; each comes once.

    Args:
        pause: waits before asking again; what it raises ends the following.
        logs, endpoint_name, since, pattern: as in `read_events`.

    Raises:
        MmeError: the endpoint has no log.
    """
    seen: dict[str, int] = {}
    start = latest = _milliseconds(since)
    while True:
        for raw in _pages(logs, endpoint_name, start, None, pattern):
            if raw["eventId"] in seen:
                continue
            seen[raw["eventId"]] = raw["timestamp"]
            latest = max(latest, raw["timestamp"])
            yield _event(raw)
        start = max(start, latest - _LATE_MILLISECONDS)
        seen = {identifier: moment for identifier, moment in seen.items() if moment >= start}
        pause()


def _pages(
    logs: CloudWatchLogsClient, endpoint_name: str, start: int, end: int | None, pattern: str
) -> Iterator[Any]:
    group = log_group_name(endpoint_name)
    arguments: dict[str, Any] = {"logGroupName": group, "startTime": start}
    if end is not None:
        arguments["endTime"] = end
    if pattern:
        arguments["filterPattern"] = pattern
    try:
        for page in logs.get_paginator("filter_log_events").paginate(**arguments):
            yield from page["events"]
    except logs.exceptions.ResourceNotFoundException as error:
        raise MmeError(
            f"endpoint {endpoint_name} has no log yet: the log group {group} does not exist",
            hint="the first line of a container makes it; see whether one is up: mme endpoint status",
        ) from error


def _event(raw: Any) -> LogEvent:
    moment = datetime.fromtimestamp(raw["timestamp"] / 1000, UTC)
    return LogEvent(moment, raw["logStreamName"], raw["message"].rstrip("\n"))


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
