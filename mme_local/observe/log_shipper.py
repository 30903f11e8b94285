"""Containers' logs into embedded CloudWatch Logs, where SageMaker puts them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mme_local.aws.account import DEFAULT_ACCOUNT

log = logging.getLogger(__name__)

_PIECE_BYTES = 256 * 1024
"""Read at once, and so most bytes of one event: CloudWatch's limit was the same until 2025."""
_PIECES = 16
"""Read of one log each time: a container that writes faster is caught up with later."""
EVENTS_KEPT = 10_000
"""Events kept of one stream; the oldest go."""
EVENTS_KEPT_OF_GONE = 5_000
"""Events kept of the stream of an instance that is gone."""


@dataclass(frozen=True, slots=True)
class LogSource:
    """The log of one instance.

    Attributes:
        path: the file; another instance's with the same name may have written into it before.
        region: of the endpoint.
        endpoint: its name, and so the log group's.
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
        now: seconds since the epoch, which the events get.
        kept: events kept of each stream.
        kept_of_gone: of a stream whose instance is gone.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.time,
        kept: int = EVENTS_KEPT,
        kept_of_gone: int = EVENTS_KEPT_OF_GONE,
    ) -> None:
        self._now = now
        self._kept = kept
        self._kept_of_gone = kept_of_gone
        self._read: dict[Path, int] = {}
        self._sources: dict[Path, LogSource] = {}

    def ship(self, sources: Iterable[LogSource]) -> None:
        """Send all whole lines written since the last time, batch by batch.

        What an instance that is gone wrote last is sent too.
        """
        known = {source.path: source for source in sources}
        gone = [source for path, source in self._sources.items() if known.get(path) != source]
        for source in [*gone, *known.values()]:
            try:
                self._follow(source)
            except Exception:
                log.exception("the log of %s could not be sent", source.stream)
        for source in gone:
            _trim(source, self._kept_of_gone)
        self._sources = known

    def _follow(self, source: LogSource) -> None:
        try:
            log_file = source.path.open("rb")
        except FileNotFoundError:
            return
        with log_file:
            at = self._read.get(source.path, 0)
            if log_file.seek(0, 2) < at:
                at = 0  # it was shortened
            for _ in range(_PIECES):
                log_file.seek(at)
                piece = log_file.read(_PIECE_BYTES)
                # A line without its end comes later, unless it is as long as all that is read.
                length = piece.rfind(b"\n") + 1 or (len(piece) if len(piece) == _PIECE_BYTES else 0)
                if not length:
                    break
                at += length
                self._send(source, piece[:length].decode(errors="replace").splitlines())
                self._read[source.path] = at

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
        _trim(source, self._kept)


def _trim(source: LogSource, kept: int) -> None:
    group = _logs(source.region).groups.get(source.group)
    stream = group.streams.get(source.stream) if group else None
    if stream and len(stream.events) > kept:
        # a new list: somebody may be reading the old one
        stream.events = stream.events[-kept:]


def _logs(region: str) -> Any:
    from moto.logs.models import logs_backends

    return logs_backends[DEFAULT_ACCOUNT][region]
