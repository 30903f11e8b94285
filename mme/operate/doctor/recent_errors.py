"""Report recent errors in the log, explained like the client's errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from mme.client import FaultKind, read_fault
from mme.findings import Finding, Severity
from mme.operate.doctor.context import DoctorContext
from mme.operate.log_events import has_log_group, log_group_name, read_events
from mme.operate.log_lines import Verb, model_event
from mme.operate.model_log import ModelLogLine, model_lines

_OF_REQUESTS: Final = ("Failed to process", "is not healthy")
"""Texts about failed requests. Triton logs a failed load in several lines; one of them is counted."""
_PATTERN: Final = " ".join(f'?"{text}"' for text in ("failed to load", *_OF_REQUESTS))
_PERIOD: Final = timedelta(hours=1)
_SHOWN: Final = 10
_LOAD: Final = "load failed for model '{}': version 1 is at UNAVAILABLE state: {}"
"""Triton's response to a caller whose model does not load; the log has the reason only."""


@dataclass(slots=True)
class RecentError:
    """One cause of errors of one model.

    Attributes:
        model: The TargetModel.
        cause: In one line.
        hint: What to do; may be empty.
        at_load: Whether the model did not load.
        kind: Kind of fault.
        count: How often it occurred.
    """

    model: str
    cause: str
    hint: str
    at_load: bool
    kind: FaultKind
    count: int = 0

    @property
    def severity(self) -> Severity:
        """A load that ran out of memory is retried after an eviction; other failed loads are not."""
        permanent = self.at_load and self.kind is not FaultKind.MEMORY
        return Severity.ERROR if permanent else Severity.WARNING


def check_recent_errors(context: DoctorContext, now: datetime | None = None) -> list[Finding]:
    """Report the last hour's errors by model and cause, the most frequent first.

    Args:
        context: The deployment.
        now: End of the hour. Default: the clock.
    """
    logs, name = context.clients.logs, context.deployment.endpoint_name
    if not has_log_group(logs, log_group_name(name)):
        return [Finding(Severity.SKIPPED, "log", f"{name} has not written a log yet")]
    start = (now or datetime.now(UTC)) - _PERIOD
    errors = recent_errors(model_lines(read_events(logs, name, start, pattern=_PATTERN)))
    findings = [
        Finding(
            error.severity,
            "log",
            f"{error.model} {'did not load' if error.at_load else 'failed'} "
            f"({_times(error.count)}): {error.cause}",
            error.hint or f"mme endpoint logs --model {error.model} --errors",
        )
        for error in errors[:_SHOWN]
    ]
    if len(errors) > _SHOWN:
        message = f"{len(errors) - _SHOWN} more kinds of errors"
        findings.append(Finding(Severity.WARNING, "log", message, "mme endpoint logs --errors"))
    return findings or [Finding(Severity.OK, "log", "no errors in the last hour")]


def recent_errors(lines: Iterable[ModelLogLine]) -> list[RecentError]:
    """Count the errors of models by cause."""
    found: dict[tuple[str, str], RecentError] = {}
    for model, text in _error_texts(lines):
        fault = read_fault(text)
        hint = "" if fault.kind is FaultKind.MEMORY else fault.hint or ""
        error = RecentError(model, fault.cause, hint, fault.at_load, fault.kind)
        found.setdefault((model, fault.cause), error).count += 1
    return sorted(found.values(), key=lambda error: (not error.at_load, -error.count, error.model))


def _error_texts(lines: Iterable[ModelLogLine]) -> Iterator[tuple[str, str]]:
    for found in lines:
        event = model_event(found.line)
        if event is not None and event.verb is Verb.LOAD_FAILED:
            yield event.model, _LOAD.format(event.model, event.reason)
        elif (
            found.model is not None
            and found.line.level in ("W", "E", "F")  # with verbose logs Triton repeats it as information
            and any(text in found.line.text for text in _OF_REQUESTS)
        ):
            yield found.model, found.line.text


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
