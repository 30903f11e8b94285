"""Saved Logs Insights queries over the container's log: the per-model view that CloudWatch's metrics lack."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mme.catalog.triton_log import MODEL_CALLED, MODEL_EVENT, MODEL_FAILED, MODEL_LOADED, MODEL_LOADING


@dataclass(frozen=True, kw_only=True)
class LogQuery:
    """A query.

    Attributes:
        name: in kebab case.
        title: above its table.
        text: in the language of Logs Insights.
    """

    name: str
    title: str
    text: str


def _parse(expression: str, **renamed: str) -> str:
    """A `parse` command; Insights names a group without Python's `P`, and ends an expression at a slash."""
    for group, name in renamed.items():
        expression = expression.replace(f"(?P<{group}>", f"(?P<{name}>")
    expression = re.sub(r"(?<!\\)/", r"\\/", expression.replace("(?P<", "(?<").replace(r"\"", '"'))
    return f"parse @message /{expression}/"


def _query(name: str, title: str, *commands: str) -> LogQuery:
    return LogQuery(name=name, title=title, text="\n| ".join(commands))


LOG_QUERIES: Final[tuple[LogQuery, ...]] = (
    _query(
        "top-models",
        "Busiest models",
        _parse(MODEL_CALLED),
        "filter ispresent(model)",
        "stats count() as calls, max(@timestamp) as lastCall by model",
        "sort calls desc",
        "limit 50",
    ),
    _query(
        "loads-and-unloads",
        "Loads and unloads by model",
        _parse(MODEL_EVENT),
        'filter verb in ["Loading", "Unloading"]',
        "stats count() as times by model, verb",
        "sort times desc",
        "limit 100",
    ),
    _query(
        "load-times",
        # Insights joins no lines: the first and the last line of a load within the same five minutes.
        "Load time by model and instance, seconds",
        _parse(MODEL_LOADING, model="begun"),
        _parse(MODEL_LOADED, model="done"),
        "filter ispresent(begun) or ispresent(done)",
        "fields coalesce(done, begun) as model",
        "stats (max(@timestamp) - min(@timestamp)) / 1000 as seconds, count(done) as loads "
        "by model, @logStream, bin(5m) as began",
        "filter loads = 1",
        "sort seconds desc",
        "limit 50",
    ),
    _query(
        "failed-loads",
        "Failed loads",
        _parse(MODEL_FAILED),
        "filter ispresent(model)",
        "stats count() as failures, latest(reason) as lastReason by model",
        "sort failures desc",
        "limit 50",
    ),
    _query(
        "errors",
        "Newest errors of the container",
        "fields @timestamp, @logStream, @message",
        # Triton marks a line's level by its first letter; a Python traceback ends with its own.
        r"filter @message like /^E\d{4} / or @message like /Traceback|Error:/",
        "sort @timestamp desc",
        "limit 50",
    ),
)
