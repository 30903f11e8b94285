"""Expressions of Logs Insights: read from text, computed of one event or of a group of them.

Source: Amazon CloudWatch Logs user guide, "CloudWatch Logs Insights query syntax".
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

Row = dict[str, Any]
"""One event: its fields by name."""
Expression = Callable[[Row, Sequence[Row]], Any]
"""Computed of an event and of the group that it is in."""

_NAME: Final = r"@?[A-Za-z_][\w.]*"
_STRING: Final = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
_REGEX: Final = r"/(?:[^/\\]|\\.)+/"
_NUMBER: Final = r"-?\d+(?:\.\d+)?"
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_SUMS: Final[dict[str, Callable[[float, float], float]]] = {"+": operator.add, "-": operator.sub}
_PRODUCTS: Final[dict[str, Callable[[float, float], float]]] = {"*": operator.mul, "/": operator.truediv}
_AGGREGATES: Final[dict[str, Callable[[list[Any]], Any]]] = {
    "count": len,
    "max": max,
    "min": min,
    "sum": sum,
    "avg": lambda values: sum(values) / len(values),
    "count_distinct": lambda values: len(set(values)),
}


class QueryError(ValueError):
    """The query can't be read, or uses what is not known here."""


class Reader:
    """Reads a query from left to right.

    Args:
        text: the query.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def take(self, pattern: str) -> str | None:
        """What comes next where it is this, spaces passed over; None where it is not."""
        space = re.compile(r"\s*").match(self._text, self._at)
        start = space.end() if space else self._at
        match = re.compile(pattern, re.IGNORECASE).match(self._text, start)
        if match is None:
            return None
        self._at = match.end()
        return match[0]

    def expect(self, pattern: str) -> str:
        """As `take`. QueryError where it is not there."""
        taken = self.take(pattern)
        if taken is None:
            raise self.unreadable()
        return taken

    @property
    def ended(self) -> bool:
        """Whether nothing is left."""
        return not self._text[self._at :].strip()

    def unreadable(self) -> QueryError:
        """The error that says from where on it can't be read."""
        rest = self._text[self._at :].strip()[:40]
        return QueryError(f"the query can't be read here at {rest!r}")

    def pattern(self) -> re.Pattern[str]:
        """A regular expression between slashes."""
        source = self.expect(_REGEX)[1:-1].replace("\\/", "/")
        try:
            return re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", source))
        except re.error as error:
            raise QueryError(f"the expression /{source}/ can't be read here: {error}") from None

    def name(self) -> str:
        """A field's name, in backquotes where it is no plain one."""
        quoted = self.take(r"`[^`]+`")
        return quoted[1:-1] if quoted else self.expect(_NAME)

    def named(self) -> tuple[str, Expression]:
        """An expression with its name: what stands behind ``as``, else its own text."""
        start = self._at
        expression = self.sum()
        own = self._text[start : self._at].strip()
        return (self.name() if self.take(r"as\b") else own), expression

    def either(self) -> Expression:
        """Conditions with ``or`` between them."""
        left = self._both()
        while self.take(r"or\b"):
            left = _or(left, self._both())
        return left

    def sum(self) -> Expression:
        """A value."""
        return self._chain(_SUMS, r"[+-]", lambda: self._chain(_PRODUCTS, r"[*/]", self._single))

    def _both(self) -> Expression:
        left = self._condition()
        while self.take(r"and\b"):
            left = _and(left, self._condition())
        return left

    def _condition(self) -> Expression:
        if self.take(r"not\b"):
            inside = self._condition()
            return lambda row, rows: not inside(row, rows)
        left = self.sum()
        negated = bool(self.take(r"not\b"))
        if self.take(r"like\b|=~"):
            found = self._like(left)
        elif self.take(r"in\b"):
            self.expect(r"\[")
            choices = [self.sum()]
            while self.take(","):
                choices.append(self.sum())
            self.expect(r"\]")
            found = _among(left, choices)
        else:
            sign = self.take(r"!=|<=|>=|=|<|>")
            if negated:
                raise self.unreadable()
            return _compared(_COMPARISONS[sign], left, self.sum()) if sign else left
        return (lambda row, rows: not found(row, rows)) if negated else found

    def _like(self, left: Expression) -> Expression:
        literal = self.take(_STRING)
        wanted = re.compile(re.escape(literal[1:-1])) if literal else self.pattern()
        return lambda row, rows: wanted.search(str(left(row, rows) or "")) is not None

    def _chain(
        self, signs: dict[str, Callable[[float, float], float]], sign: str, part: Callable[[], Expression]
    ) -> Expression:
        left = part()
        while found := self.take(sign):
            left = _computed(signs[found], left, part())
        return left

    def _single(self) -> Expression:
        if self.take(r"\("):
            inside = self.either()
            self.expect(r"\)")
            return inside
        literal = self.take(_STRING)
        if literal is not None:
            text = re.sub(r"\\(.)", r"\1", literal[1:-1])
            return lambda *_: text
        digits = self.take(_NUMBER)
        if digits is not None:
            number = float(digits) if "." in digits else int(digits)
            return lambda *_: number
        name = self.name()
        return self._function(name.lower()) if self.take(r"\(") else (lambda row, _: row.get(name))

    def _function(self, name: str) -> Expression:
        if name == "bin":
            return self._bin()
        parts: list[Expression] = []
        if not self.take(r"\*?\s*\)"):
            parts.append(self.sum())
            while self.take(","):
                parts.append(self.sum())
            self.expect(r"\)")
        if name == "coalesce":
            return lambda row, rows: next((v for part in parts if (v := part(row, rows)) is not None), None)
        if name == "count" and not parts:
            return lambda _, rows: len(rows)
        if len(parts) == 1:
            (only,) = parts
            if name == "ispresent":
                return lambda row, rows: only(row, rows) is not None
            if name in ("latest", "earliest"):
                return _at_the_end(only, newest=name == "latest")
            if name in _AGGREGATES:
                return _aggregated(_AGGREGATES[name], only, empty=0 if name.startswith("count") else None)
        raise QueryError(f"the function {name} is not known here, or not with {len(parts)} arguments")

    def _bin(self) -> Expression:
        length = self.expect(r"\d+\s*(?:s|m|h|d)")
        self.expect(r"\)")
        step = int(length[:-1]) * _SECONDS[length[-1].lower()] * 1000
        return lambda row, _: row["@timestamp"] // step * step


def _or(left: Expression, right: Expression) -> Expression:
    return lambda row, rows: bool(left(row, rows) or right(row, rows))


def _and(left: Expression, right: Expression) -> Expression:
    return lambda row, rows: bool(left(row, rows) and right(row, rows))


def _among(left: Expression, choices: Sequence[Expression]) -> Expression:
    return lambda row, rows: left(row, rows) in [choice(row, rows) for choice in choices]


def _compared(sign: Callable[[Any, Any], bool], left: Expression, right: Expression) -> Expression:
    def compare(row: Row, rows: Sequence[Row]) -> bool:
        a, b = left(row, rows), right(row, rows)
        try:
            return a is not None and b is not None and sign(a, b)
        except TypeError:  # a text and a number
            return sign(str(a), str(b))

    return compare


def _computed(sign: Callable[[float, float], float], left: Expression, right: Expression) -> Expression:
    def compute(row: Row, rows: Sequence[Row]) -> float | None:
        try:
            return sign(float(left(row, rows)), float(right(row, rows)))
        except (TypeError, ValueError, ZeroDivisionError):
            return None

    return compute


def _aggregated(function: Callable[[list[Any]], Any], part: Expression, empty: Any) -> Expression:
    def aggregate(_: Row, rows: Sequence[Row]) -> Any:
        values = [value for row in rows if (value := part(row, rows)) is not None]
        try:
            return function(values) if values else empty
        except TypeError:  # texts among numbers
            return None

    return aggregate


def _at_the_end(part: Expression, *, newest: bool) -> Expression:
    def choose(_: Row, rows: Sequence[Row]) -> Any:
        known = [row for row in rows if part(row, rows) is not None]
        if not known:
            return None
        return part((max if newest else min)(known, key=lambda row: row["@timestamp"]), rows)

    return choose
