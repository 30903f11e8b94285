"""Count calls and loads by model from the endpoint's log: CloudWatch has no metrics of single models."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Final

from mme.operate.log_events import LogEvent
from mme.operate.log_lines import ModelEvent, Verb, model_event, parse_line

TOP_PATTERN: Final = (
    '?"SageMaker TargetModel:" ?"successfully loaded" ?"failed to load" ?"successfully unloaded"'
)
"""Filter pattern of CloudWatch Logs for the counted lines."""

_DAY_SECONDS: Final = 86400


@dataclass(slots=True)
class ModelActivity:
    """The activity of one model.

    Attributes:
        invocations: Calls that reached the container.
        loads: Successful loads.
        load_seconds: Duration of each load in the container, without the download.
        last_failure: Reason of the last failed load; may be empty.
    """

    model: str
    invocations: int = 0
    loads: int = 0
    failed_loads: int = 0
    unloads: int = 0
    load_seconds: list[float] = field(default_factory=list)
    last_failure: str = ""
    last_seen: datetime | None = None

    @property
    def median_load_seconds(self) -> float | None:
        """Median of the load times; None if the log has no complete load."""
        return median(self.load_seconds) if self.load_seconds else None


def tally(events: Iterable[LogEvent]) -> list[ModelActivity]:
    """Count by model, ordered by calls, loads and name.

    Args:
        events: In order for each instance.
    """
    models: dict[str, ModelActivity] = {}
    started: dict[tuple[str, str], float] = {}
    for event in events:
        parsed = model_event(parse_line(event.message))
        if parsed is None:
            continue
        activity = models.setdefault(parsed.model, ModelActivity(parsed.model))
        activity.last_seen = max(event.moment, activity.last_seen or event.moment)
        _count(activity, parsed, (event.stream, parsed.model), started)
    return sorted(
        models.values(), key=lambda one: (-one.invocations, -one.loads - one.failed_loads, one.model)
    )


def _count(
    activity: ModelActivity, event: ModelEvent, key: tuple[str, str], started: dict[tuple[str, str], float]
) -> None:
    match event.verb:
        case Verb.INVOKING:
            activity.invocations += 1
        case Verb.UNLOADING:
            # Not every version of Triton logs the end of an unload.
            activity.unloads += 1
        case Verb.LOADING if event.clock is not None:
            started[key] = event.clock
        case Verb.LOADED:
            activity.loads += 1
            start = started.pop(key, None)
            if start is not None and event.clock is not None:
                # A load may pass midnight, and Triton's time has no year.
                activity.load_seconds.append(round((event.clock - start) % _DAY_SECONDS, 6))
        case Verb.LOAD_FAILED:
            activity.failed_loads += 1
            activity.last_failure = event.reason
            started.pop(key, None)
