"""Which models are busy, counted from the endpoint's log: CloudWatch has no metrics of single models."""

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
"""CloudWatch's filter pattern of the lines that are counted: all others stay in AWS."""

_DAY_SECONDS: Final = 86400


@dataclass(slots=True)
class ModelActivity:
    """What the log tells of one model.

    Attributes:
        model: the TargetModel.
        invocations: calls that reached the container.
        loads: loads that ended well.
        failed_loads: loads that failed.
        unloads: times it was unloaded.
        load_seconds: how long each load took in the container; the download before it is not in it.
        last_failure: why its last failed load failed; empty where none did.
        last_seen: its last event, in UTC.
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
        """The middle one of its load times, or None where no load was seen from begin to end."""
        return median(self.load_seconds) if self.load_seconds else None


def tally(events: Iterable[LogEvent]) -> list[ModelActivity]:
    """Counts by model, the busiest first; models equally busy by their loads, then by name.

    Args:
        events: in the order of each instance's log.
    """
    models: dict[str, ModelActivity] = {}
    begun: dict[tuple[str, str], float] = {}
    for event in events:
        told = model_event(parse_line(event.message))
        if told is None:
            continue
        activity = models.setdefault(told.model, ModelActivity(told.model))
        activity.last_seen = max(event.moment, activity.last_seen or event.moment)
        _count(activity, told, (event.stream, told.model), begun)
    return sorted(
        models.values(), key=lambda one: (-one.invocations, -one.loads - one.failed_loads, one.model)
    )


def _count(
    activity: ModelActivity, told: ModelEvent, key: tuple[str, str], begun: dict[tuple[str, str], float]
) -> None:
    match told.verb:
        case Verb.INVOKING:
            activity.invocations += 1
        case Verb.UNLOADING:
            # Counted where it begins: not every version of Triton says when it is done.
            activity.unloads += 1
        case Verb.LOADING if told.clock is not None:
            begun[key] = told.clock
        case Verb.LOADED:
            activity.loads += 1
            start = begun.pop(key, None)
            if start is not None and told.clock is not None:
                # A load may go over midnight; Triton's clock has no date that would help in January.
                activity.load_seconds.append(round((told.clock - start) % _DAY_SECONDS, 6))
        case Verb.LOAD_FAILED:
            activity.failed_loads += 1
            activity.last_failure = told.reason
            begun.pop(key, None)
