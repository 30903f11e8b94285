"""A whole query: its commands one after another, and the table that comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mme_local.observe.insights.expressions import Expression, QueryError, Reader, Row

MOST_ROWS: Final = 1000
"""Of an answer, where the query says nothing less; as in CloudWatch."""
_SHOWN: Final = ("@timestamp", "@message")
_Command = Callable[[list[Row]], list[Row]]


@dataclass(frozen=True, slots=True)
class Table:
    """An answer.

    Attributes:
        columns: names.
        rows: a value or None for each column.
    """

    columns: list[str]
    rows: list[list[Any]]


class Query:
    """A query that has been read.

    Args:
        text: in the language of Logs Insights.

    Attributes:
        groups: the log groups that it names itself, by ``SOURCE``.

    Raises:
        QueryError: it can't be read, or uses what is not known here.
    """

    def __init__(self, text: str) -> None:
        self.groups: list[str] = []
        self._columns = list(_SHOWN)
        self._commands: list[_Command] = []
        reader = Reader(text)
        while True:
            self._command(reader)
            if reader.ended:
                break
            reader.expect(r"\|")

    def run(self, events: Sequence[Row]) -> Table:
        """The answer.

        Args:
            events: with ``@timestamp`` in milliseconds, ``@message`` and ``@logStream``.
        """
        rows = [dict(event) for event in events]
        for command in self._commands:
            rows = command(rows)
        return Table(self._columns, [[row.get(name) for name in self._columns] for row in rows[:MOST_ROWS]])

    def _command(self, reader: Reader) -> None:
        verb = reader.expect(r"[A-Za-z]+").lower()
        if verb == "source":
            self.groups.append(reader.expect(r"'[^']*'|\"[^\"]*\"|[^\s|]+").strip("'\""))
        elif verb in ("fields", "display"):
            named = _list(reader)
            self._columns = [name for name, _ in named]
            self._commands.append(lambda rows: [row | _computed(named, row, rows) for row in rows])
        elif verb == "parse":
            field, pattern = reader.name(), reader.pattern()
            self._commands.append(
                lambda rows: [
                    row | (match.groupdict() if (match := pattern.search(str(row.get(field) or ""))) else {})
                    for row in rows
                ]
            )
        elif verb == "filter":
            condition = reader.either()
            self._commands.append(lambda rows: [row for row in rows if condition(row, rows)])
        elif verb == "stats":
            self._stats(reader)
        elif verb == "sort":
            self._sort(reader)
        elif verb == "limit":
            most = int(reader.expect(r"\d+"))
            self._commands.append(lambda rows: rows[:most])
        else:
            raise QueryError(f"the command {verb} is not known here")

    def _stats(self, reader: Reader) -> None:
        figures = _list(reader)
        by = _list(reader) if reader.take(r"by\b") else []
        self._columns = [name for name, _ in [*by, *figures]]

        def aggregate(rows: list[Row]) -> list[Row]:
            groups: dict[tuple[Any, ...], list[Row]] = {}
            for row in rows:
                groups.setdefault(tuple(_computed(by, row, rows).values()), []).append(row)
            return [
                _computed(by, group[0], group) | _computed(figures, group[0], group)
                for group in groups.values()
            ]

        self._commands.append(aggregate)

    def _sort(self, reader: Reader) -> None:
        keys = []
        while True:
            name = reader.name()
            down = (reader.take(r"(?:asc|desc)\b") or "desc").lower() == "desc"
            keys.append((name, down))
            if not reader.take(","):
                break

        def sort(rows: list[Row]) -> list[Row]:
            for name, down in reversed(keys):
                rows = sorted(rows, key=lambda row: _order(row.get(name)), reverse=down)
            return rows

        self._commands.append(sort)


def _list(reader: Reader) -> list[tuple[str, Expression]]:
    found = [reader.named()]
    while reader.take(","):
        found.append(reader.named())
    return found


def _computed(named: Sequence[tuple[str, Expression]], row: Row, rows: Sequence[Row]) -> Row:
    return {name: expression(row, rows) for name, expression in named}


def _order(value: Any) -> tuple[int, float, str]:
    """No value is least, numbers come before texts."""
    if value is None:
        return 0, 0.0, ""
    return (1, float(value), "") if isinstance(value, int | float) else (2, 0.0, str(value))
