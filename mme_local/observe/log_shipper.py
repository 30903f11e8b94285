"""Sends containers' logs to embedded CloudWatch Logs, under SageMaker's groups and streams."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mme_local.aws.account import DEFAULT_ACCOUNT

log = logging.getLogger(__name__)

_READ_BYTES: Final = 256 * 1024
"""Read at once, and so the largest event: CloudWatch's limit was the same until 2025."""
_READS: Final = 16
"""Reads of one log each time; a container that writes faster is caught up with later."""
MAX_EVENTS: Final = 10_000
MAX_EVENTS_OF_STOPPED: Final = 5_000


@dataclass(frozen=True, slots=True)
class LogSource:
    """The log of one instance.

    Attributes:
        path: the file; another instance of the same name may have written to it before.
        region: region of the endpoint.
        endpoint: its name.
        stream: ``VARIANT/INSTANCE-ID``.
    """

    path: Path
    region: str
    endpoint: str
    stream: str

    @property
    def group(self) -> str:
        """SageMaker's log group of the endpoint."""
        return f"/aws/sagemaker/Endpoints/{self.endpoint}"


class LogShipper:
    """Follows logs line by line; runs in one thread at a time.

    Args:
        now: seconds since the epoch; the time of new events.
        max_events: events held of each stream; the oldest are dropped.
        max_events_of_stopped: the same for a stopped instance.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.time,
        max_events: int = MAX_EVENTS,
        max_events_of_stopped: int = MAX_EVENTS_OF_STOPPED,
    ) -> None:
        self._now = now
        self._max_events = max_events
        self._max_events_of_stopped = max_events_of_stopped
        self._offsets: dict[Path, int] = {}
        self._sources: dict[Path, LogSource] = {}

    def ship(self, sources: Iterable[LogSource]) -> None:
        """Send all whole lines written since the last call, the last lines of stopped instances included."""
        known = {source.path: source for source in sources}
        stopped = [source for path, source in self._sources.items() if known.get(path) != source]
        for source in [*stopped, *known.values()]:
            try:
                self._follow(source)
            except Exception:
                log.exception("the log of %s can't be sent", source.stream)
        for source in stopped:
            _trim(source, self._max_events_of_stopped)
        self._sources = known

    def _follow(self, source: LogSource) -> None:
        try:
            log_file = source.path.open("rb")
        except FileNotFoundError:
            return
        with log_file:
            offset = self._offsets.get(source.path, 0)
            if log_file.seek(0, 2) < offset:
                offset = 0  # the file was rotated
            for _ in range(_READS):
                log_file.seek(offset)
                chunk = log_file.read(_READ_BYTES)
                # An unfinished line is sent later, unless it fills the whole chunk.
                length = chunk.rfind(b"\n") + 1 or (len(chunk) if len(chunk) == _READ_BYTES else 0)
                if not length:
                    break
                offset += length
                self._send(source, chunk[:length].decode(errors="replace").splitlines())
                self._offsets[source.path] = offset

    def _send(self, source: LogSource, lines: list[str]) -> None:
        moment = int(self._now() * 1000)
        events = [{"timestamp": moment, "message": line} for line in lines if line]
        if not events:
            return
        backend = _logs(source.region)
        if source.group not in backend.groups:
            backend.create_log_group(source.group, {})
        if source.stream not in backend.groups[source.group].streams:
            backend.create_log_stream(source.group, source.stream)
        backend.put_log_events(source.group, source.stream, events)
        _trim(source, self._max_events)


def _trim(source: LogSource, most: int) -> None:
    group = _logs(source.region).groups.get(source.group)
    stream = group.streams.get(source.stream) if group else None
    if stream and len(stream.events) > most:
        stream.events = stream.events[-most:]  # a new list: another thread may be reading the old one


def _logs(region: str) -> Any:
    from moto.logs.models import logs_backends

    return logs_backends[DEFAULT_ACCOUNT][region]
