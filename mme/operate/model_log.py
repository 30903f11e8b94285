"""The log of some models out of the log of all: what an engineer wants to see of a container's words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mme.operate.log_events import LogEvent
from mme.operate.log_lines import Attribution, LogLine, parse_line


@dataclass(frozen=True, slots=True)
class ModelLogLine:
    """One line, and whose it is.

    Attributes:
        event: as it came from CloudWatch.
        line: taken apart.
        level: `I`, `W`, `E` or `F`; that of the line before where it goes on from it.
        model: the TargetModel it is about, or None.
    """

    event: LogEvent
    line: LogLine
    level: str | None
    model: str | None


def model_lines(
    events: Iterable[LogEvent], *, model: str | None = None, faults_only: bool = False
) -> Iterator[ModelLogLine]:
    """The lines that are wanted, in their order.

    Args:
        events: of all instances; each instance's in order.
        model: a TargetModel, or a pattern such as `tenant-a/*`. Default: all lines, the server's too.
        faults_only: leave out all but warnings and errors.
    """
    attributions: dict[str, Attribution] = {}
    levels: dict[str, str | None] = {}
    for event in events:
        line = parse_line(event.message)
        about = attributions.setdefault(event.stream, Attribution()).model_of(line)
        level = line.level if line.source is not None else levels.get(event.stream)
        levels[event.stream] = level
        if model is not None and (about is None or not fnmatchcase(about, model)):
            continue
        if faults_only and level not in ("W", "E", "F"):
            continue
        yield ModelLogLine(event, line, level, about)
