"""Logs Insights queries of single models, which CloudWatch has no metrics of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mme.catalog.triton_log import MODEL_CALLED, MODEL_EVENT, MODEL_FAILED, MODEL_LOADED, MODEL_LOADING


@dataclass(frozen=True, kw_only=True)
class LogQuery:
    """A Logs Insights query.

    Attributes:
        name: In kebab case.
        title: Title of its table.
        text: The query.
    """

    name: str
    title: str
    text: str


def _parse(expression: str, **renamed: str) -> str:
    """Return a `parse` command; Insights writes a named group without Python's `P` and escapes slashes.

    Args:
        expression: Python regular expression with named groups.
        renamed: New names of groups.
    """
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
        # Insights has no joins: a load is its first and last line within the same five minutes.
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
        # The first letter is Triton's log level; a Python traceback has none.
        r"filter @message like /^E\d{4} / or @message like /Traceback|Error:/",
        "sort @timestamp desc",
        "limit 50",
    ),
)
