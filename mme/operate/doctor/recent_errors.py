"""What went wrong lately in the containers, in the words that a caller would get."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from mme.client import FaultKind, read_fault
from mme.operate.doctor.finding import Finding, Patient, Severity
from mme.operate.log_events import log_group_name, read_events
from mme.operate.log_lines import Verb, model_event
from mme.operate.model_log import ModelLogLine, model_lines

_OF_REQUESTS: Final = ("Failed to process", "is not healthy")
"""Of a request that failed. Of a failed load Triton logs several lines; only its lifecycle's is counted."""
_PATTERN: Final = " ".join(f'?"{words}"' for words in ("failed to load", *_OF_REQUESTS))
_BACK: Final = timedelta(hours=1)
_SHOWN: Final = 10
_LOAD: Final = "load failed for model '{}': version 1 is at UNAVAILABLE state: {}"
"""Triton's words to a caller whose model does not load; the log has the reason alone."""


@dataclass(slots=True)
class RecentError:
    """One cause, however often.

    Attributes:
        model: the TargetModel.
        cause: in one line.
        hint: what to do; may be empty.
        at_load: true where the model never came up.
        kind: of fault.
        count: how often in the time looked at.
        last: the last time, in UTC.
    """

    model: str
    cause: str
    hint: str
    at_load: bool
    kind: FaultKind
    count: int
    last: datetime

    @property
    def what(self) -> str:
        """What the model did."""
        return "did not load" if self.at_load else "failed"

    @property
    def severity(self) -> Severity:
        """A load out of memory is tried again once others are unloaded; one that fails otherwise is not."""
        broken = self.at_load and self.kind is not FaultKind.MEMORY
        return Severity.ERROR if broken else Severity.WARNING


def check_recent_errors(patient: Patient, now: datetime | None = None) -> list[Finding]:
    """The last hour's errors by model and cause, the most frequent first."""
    logs, name = patient.clients.logs, patient.deployment.endpoint_name
    group = log_group_name(name)
    groups = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    if not any(one.get("logGroupName") == group for one in groups):
        return [Finding("log", Severity.SKIPPED, f"{name} has written no log yet")]
    start = (now or datetime.now(UTC)) - _BACK
    errors = recent_errors(model_lines(read_events(logs, name, start, pattern=_PATTERN)))
    findings = [
        Finding(
            "log",
            error.severity,
            f"{error.model} {error.what} ({_times(error.count)}): {error.cause}",
            error.hint or f"mme endpoint logs --model {error.model} --errors",
        )
        for error in errors[:_SHOWN]
    ]
    if len(errors) > _SHOWN:
        message = f"{len(errors) - _SHOWN} more kinds of errors"
        findings.append(Finding("log", Severity.WARNING, message, "mme endpoint logs --errors"))
    return findings or [Finding("log", Severity.OK, "no errors in the last hour")]


def recent_errors(lines: Iterable[ModelLogLine]) -> list[RecentError]:
    """Errors of models, translated as the client translates them, and counted."""
    found: dict[tuple[str, str], RecentError] = {}
    for told in lines:
        event = model_event(told.line)
        if event is not None and event.verb is Verb.LOAD_FAILED:
            model, words = event.model, _LOAD.format(event.model, event.reason)
        elif (
            told.model is not None
            and told.line.level in ("W", "E", "F")  # Verbose, Triton says it once more as information.
            and any(words in told.line.text for words in _OF_REQUESTS)
        ):
            model, words = told.model, told.line.text
        else:
            continue
        fault = read_fault(words)
        known = found.get((model, fault.cause))
        if known is None:
            hint = "" if fault.kind is FaultKind.MEMORY else fault.hint or ""
            found[model, fault.cause] = RecentError(
                model, fault.cause, hint, fault.at_load, fault.kind, 1, told.event.moment
            )
        else:
            known.count += 1
            known.last = max(known.last, told.event.moment)
    return sorted(found.values(), key=lambda error: (not error.at_load, -error.count, error.model))


def _times(count: int) -> str:
    return "once" if count == 1 else "twice" if count == 2 else f"{count} times"
