"""Metric math: arithmetic, comparisons, ``IF``, ``FILL`` and rounding over values by moment.

Source: Amazon CloudWatch user guide, "Using math expressions with CloudWatch metrics".
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from typing import Final

Points = dict[int, float]
"""Values by the start of their period, in seconds since the epoch; periods without one are left out."""
Value = float | Points

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<word>[A-Za-z]\w*)"
    r"|(?P<sign><=|>=|==|!=|&&|\|\||[-+*/^(),<>]))"
)
_LEVELS: Final[tuple[dict[str, Callable[[float, float], float]], ...]] = (
    {"||": lambda a, b: float(bool(a) or bool(b)), "OR": lambda a, b: float(bool(a) or bool(b))},
    {"&&": lambda a, b: float(bool(a) and bool(b)), "AND": lambda a, b: float(bool(a) and bool(b))},
    {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq}
    | {"!=": operator.ne},
    {"+": operator.add, "-": operator.sub},
    {"*": operator.mul, "/": operator.truediv},
    {"^": operator.pow},
)
_ROUNDING: Final[dict[str, Callable[[float], float]]] = {
    "ABS": abs,
    "CEIL": math.ceil,
    "FLOOR": math.floor,
}
_FUNCTIONS: Final = ("IF", "FILL", *_ROUNDING)


_MOST_NESTED: Final = 30
"""Brackets and signs within each other: reading one takes ten calls within calls of Python's."""


class ExpressionError(ValueError):
    """The expression can't be read, or uses what is not known here."""


def evaluate(expression: str, named: Callable[[str], Points], moments: Sequence[int]) -> Points:
    """The values of an expression.

    Args:
        expression: such as ``IF(calls >= 20, 100 * FILL(errors, 0) / calls, 0)``.
        named: the values of another query, by its id. ExpressionError where there is none.
        moments: the start of every period that was asked for: what ``FILL`` and plain numbers fill.

    Raises:
        ExpressionError: it can't be read.
    """
    reader = _Reader(expression, named, moments)
    value = reader.level(0)
    reader.end()
    return value if isinstance(value, dict) else {moment: float(value) for moment in moments}


class _Reader:
    """Reads an expression from left to right and computes it on the way."""

    def __init__(self, expression: str, named: Callable[[str], Points], moments: Sequence[int]) -> None:
        self._tokens = _tokens(expression)
        self._at = 0
        self._nested = 0
        self._expression = expression
        self._named = named
        self._moments = moments

    def level(self, number: int) -> Value:
        if number == len(_LEVELS):
            return self._single()
        left = self.level(number + 1)
        while (sign := self._next()) in _LEVELS[number]:
            self._at += 1
            left = _both(_LEVELS[number][sign], left, self.level(number + 1))
        return left

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise self._unreadable()

    def _single(self) -> Value:
        self._nested += 1
        if self._nested > _MOST_NESTED:
            raise ExpressionError(f"the expression is nested more than {_MOST_NESTED} deep")
        value = self._operand()
        self._nested -= 1
        return value

    def _operand(self) -> Value:
        token = self._take()
        if token == "(":  # noqa: S105 - a bracket, no password
            inside = self.level(0)
            self._expect(")")
            return inside
        if token == "-":  # noqa: S105
            return _both(operator.mul, -1.0, self._single())
        if token[0].isdigit() or token[0] == ".":
            if not math.isfinite(number := float(token)):
                raise self._unreadable()
            return number
        if not token[0].isalpha():
            raise self._unreadable()
        return self._function(token) if self._next() == "(" else self._named(token)

    def _function(self, name: str) -> Value:
        if name not in _FUNCTIONS:
            raise ExpressionError(
                f"the function {name} is not known to the embedded CloudWatch; {', '.join(_FUNCTIONS)} are"
            )
        self._expect("(")
        if name == "FILL":
            return self._fill()
        values = [self.level(0)]
        while self._next() == ",":
            self._at += 1
            values.append(self.level(0))
        self._expect(")")
        if len(values) != (3 if name == "IF" else 1):
            raise self._unreadable()
        return _choose(*values) if name == "IF" else _each(_ROUNDING[name], values[0])

    def _fill(self) -> Value:
        value = self.level(0)
        self._expect(",")
        repeat = self._next() == "REPEAT"
        filler: Value = {}
        if repeat:
            self._at += 1
        else:
            filler = self.level(0)
        self._expect(")")
        if not isinstance(value, dict):
            return value
        filled: Points = {}
        last: float | None = None
        for moment in sorted({*self._moments, *value}):
            last = value.get(moment, last if repeat else _at(filler, moment))
            if last is not None:
                filled[moment] = last
        return filled

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._next()
        if not token:
            raise self._unreadable()
        self._at += 1
        return token

    def _expect(self, token: str) -> None:
        if self._take() != token:
            raise self._unreadable()

    def _unreadable(self) -> ExpressionError:
        return ExpressionError(
            f"the expression {self._expression!r} can't be read by the embedded CloudWatch"
        )


def _tokens(expression: str) -> list[str]:
    found = []
    at = 0
    text = expression.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError(
                f"the expression {expression!r} has an unknown sign at {text[at:].strip()!r}"
            )
        found.append(match[0].strip())
        at = match.end()
    return found


def _at(value: Value, moment: int) -> float | None:
    return value.get(moment) if isinstance(value, dict) else value


def _both(sign: Callable[[float, float], float], left: Value, right: Value) -> Value:
    """A value only where both sides have one, and a finite result: not of a division by zero."""
    if not isinstance(left, dict) and not isinstance(right, dict):
        result = _result(sign, left, right)
        return {} if result is None else result
    sides = [side for side in (left, right) if isinstance(side, dict)]
    points: Points = {}
    for moment in sides[0]:
        a, b = _at(left, moment), _at(right, moment)
        if a is not None and b is not None and (result := _result(sign, a, b)) is not None:
            points[moment] = result
    return points


def _result(sign: Callable[[float, float], float], left: float, right: float) -> float | None:
    try:
        result = sign(left, right)
    except (ZeroDivisionError, OverflowError):
        return None
    return float(result) if not isinstance(result, complex) and math.isfinite(result) else None


def _each(function: Callable[[float], float], value: Value) -> Value:
    if not isinstance(value, dict):
        return float(function(value))
    return {moment: float(function(each)) for moment, each in value.items()}


def _choose(condition: Value, then: Value, otherwise: Value) -> Value:
    if not isinstance(condition, dict):
        return then if condition else otherwise
    points: Points = {}
    for moment, true in condition.items():
        value = _at(then if true else otherwise, moment)
        if value is not None:
            points[moment] = value
    return points
