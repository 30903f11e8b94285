"""Report recent errors in the log, explained like the client's errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from mme.client import ContainerFault, FaultKind, read_fault
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


def check_recent_errors(context: DoctorContext, now: datetime | None = None) -> Iterator[Finding]:
    """Report the last hour's errors by model and cause, the most frequent first.

    Args:
        context: The deployment.
        now: End of the hour. Default: the clock.
    """
    logs, name = context.clients.logs, context.deployment.endpoint_name
    if not has_log_group(logs, log_group_name(name)):
        yield Finding.skipped("log", f"{name} has not written a log yet")
        return
    start = (now or datetime.now(UTC)) - _PERIOD
    faults: dict[tuple[str, str], ContainerFault] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for model, text in _error_texts(model_lines(read_events(logs, name, start, pattern=_PATTERN))):
        fault = read_fault(text)
        faults.setdefault((model, fault.cause), fault)
        counts[model, fault.cause] += 1
    frequent = sorted(counts, key=lambda key: (not faults[key].at_load, -counts[key], key[0]))
    for key in frequent[:_SHOWN]:
        yield _finding(key[0], faults[key], counts[key])
    if more := len(frequent[_SHOWN:]):
        yield Finding.warning("log", f"{more} more kinds of errors", "mme endpoint logs --errors")
    if not frequent:
        yield Finding.ok("log", "no errors in the last hour")


def _finding(model: str, fault: ContainerFault, count: int) -> Finding:
    # A load that ran out of memory is retried after an eviction; other failed loads are not.
    memory = fault.kind is FaultKind.MEMORY
    severity = Severity.ERROR if fault.at_load and not memory else Severity.WARNING
    times = {1: "once", 2: "twice"}.get(count, f"{count} times")
    message = f"{model} {'did not load' if fault.at_load else 'failed'} ({times}): {fault.cause}"
    hint = (None if memory else fault.hint) or f"mme endpoint logs --model {model} --errors"
    return Finding(severity, "log", message, hint)


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
