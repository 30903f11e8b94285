"""Filter an endpoint's log by model and level."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mme.operate.log_events import LogEvent
from mme.operate.log_lines import Attribution, LogLine, parse_line


@dataclass(frozen=True, slots=True)
class ModelLogLine:
    """A line and its model.

    Attributes:
        level: `I`, `W`, `E` or `F`; a continuation line has the level of the line before.
        model: The TargetModel, or None.
    """

    event: LogEvent
    line: LogLine
    level: str | None
    model: str | None


def model_lines(
    events: Iterable[LogEvent], *, model: str | None = None, faults_only: bool = False
) -> Iterator[ModelLogLine]:
    """Yield the matching lines in order.

    Args:
        events: Of all instances; in order for each instance.
        model: A TargetModel or a pattern such as `tenant-a/*`. Default: all lines, including the server's.
        faults_only: Yield warnings and errors only.
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
