"""A dashboard's body as CloudWatch takes it, and the queries that its graphs are made of.

Source: CloudWatch API reference, "Dashboard body structure and syntax".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

COLUMNS: Final = 24
_PERIOD_SECONDS: Final = 300
_WIDTH: Final = 6
_HEIGHT: Final = 6


class BodyError(ValueError):
    """A dashboard's body, or a graph of it, can't be read."""


@dataclass(frozen=True, slots=True)
class Widget:
    """One rectangle of a dashboard.

    Attributes:
        kind: ``metric``, ``text``, ``alarm``, ``log`` or another.
        width: in columns, 1 to 24.
        properties: what it shows.
    """

    kind: str
    width: int
    properties: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Its title, empty where it has none."""
        return str(self.properties.get("title") or "")


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a graph.

    Attributes:
        id: of its query.
        label: its name for people.
        on_the_right: whether its axis is the right one.
    """

    id: str
    label: str
    on_the_right: bool = False


@dataclass(slots=True)
class Graph:
    """A graph's queries, and which of them are lines.

    Attributes:
        queries: as ``GetMetricData`` takes them, those that only expressions use among them.
        series: what is shown, in order.
    """

    queries: list[dict[str, Any]] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)


def read_widgets(body: str) -> list[Widget]:
    """The widgets of a dashboard from left to right and from top to bottom.

    Raises:
        BodyError: it is no dashboard's body.
    """
    try:
        told = json.loads(body)["widgets"]
        placed = [
            (
                int(one.get("y", 0)),
                int(one.get("x", 0)),
                Widget(
                    str(one["type"]),
                    min(COLUMNS, max(1, int(one.get("width", _WIDTH)))),
                    dict(one.get("properties") or {}),
                ),
            )
            for one in told
        ]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BodyError(f"the dashboard's body can't be read: {error!r}") from None
    return [widget for _, _, widget in sorted(placed, key=lambda each: each[:2])]


def read_graph(properties: Mapping[str, Any]) -> Graph:
    """The queries of a ``metric`` widget.

    Raises:
        BodyError: an entry of its metrics can't be read.
    """
    graph = Graph()
    before: list[str] = []
    for number, entry in enumerate(properties.get("metrics") or []):
        try:
            words = [str(word) for word in entry if not isinstance(word, dict)]
            options = next((dict(word) for word in entry if isinstance(word, dict)), {})
            name = str(options.get("id") or f"mmeq{number}")
            if "expression" in options:
                query: dict[str, Any] = {"Id": name, "Expression": str(options["expression"])}
                if "period" in options:
                    query["Period"] = int(options["period"])
                label = str(options["expression"])
            else:
                before = _spelled_out(words, before)
                query = {"Id": name, "MetricStat": _stat(before, options, properties)}
                label = before[1]
        except (ValueError, TypeError, IndexError) as error:
            raise BodyError(f"metric {number} of the graph can't be read: {error}") from None
        graph.queries.append(query)
        if options.get("visible", True):
            right = options.get("yAxis") == "right"
            graph.series.append(Series(name, str(options.get("label") or label), right))
    return graph


def _spelled_out(words: Sequence[str], before: Sequence[str]) -> list[str]:
    """A metric without ``.`` and ``...``, which stand for the words of the one before."""
    full = list(words)
    if "..." in full:
        at = full.index("...")
        tail = full[at + 1 :]
        full = [*full[:at], *before[at : len(before) - len(tail)], *tail]
    full = [before[place] if word == "." else word for place, word in enumerate(full)]
    if len(full) < 2 or len(full) % 2:
        raise ValueError(f"{list(words)} is no namespace, name and pairs of dimensions")
    return full


def _stat(words: Sequence[str], options: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    pairs = zip(words[2::2], words[3::2], strict=True)
    return {
        "Metric": {
            "Namespace": words[0],
            "MetricName": words[1],
            "Dimensions": [{"Name": name, "Value": value} for name, value in pairs],
        },
        "Period": int(options.get("period") or properties.get("period") or _PERIOD_SECONDS),
        "Stat": str(options.get("stat") or properties.get("stat") or "Average"),
    }
