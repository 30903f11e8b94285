"""Metric math: arithmetic, comparisons, `IF`, `FILL` and rounding over values by time.

Source: Amazon CloudWatch user guide, "Using math expressions with CloudWatch metrics". The grammar is close
to Python's, so Python's parser reads it.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial, reduce
from typing import Final

Points = dict[int, float]
"""Values by the start of their period, in seconds since the epoch; periods without a value are left out."""
Value = float | Points

_WORD: Final = re.compile(r"(?<![\w.])[A-Za-z]\w*")
_SIGNS: Final = {"^": "**", "&&": " and ", "||": " or "}
_ALLOWED: Final = re.compile(r"[\w\s.()+\-*/^<>=!&|,]*", re.ASCII)
_OPERATORS: Final[dict[type, Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.And: lambda a, b: float(bool(a) and bool(b)),
    ast.Or: lambda a, b: float(bool(a) or bool(b)),
}
_ROUNDING: Final[dict[str, Callable[[float], float]]] = {
    "ABS": abs,
    "CEIL": math.ceil,
    "FLOOR": math.floor,
}
_FUNCTIONS: Final = ("IF", "FILL", *_ROUNDING)
_MOST_NESTED: Final = 30


class ExpressionError(ValueError):
    """The expression is not valid, or uses what is not supported here."""


def evaluate(expression: str, named: Callable[[str], Points], moments: Sequence[int]) -> Points:
    """Return the values of an expression.

    Args:
        expression: For example `IF(calls >= 20, 100 * FILL(errors, 0) / calls, 0)`.
        named: Returns the values of another query by its id, or raises ExpressionError.
        moments: The start of every requested period, which `FILL` and plain numbers fill.

    Raises:
        ExpressionError: The expression is not valid.
    """
    value = _Evaluation(expression, named, moments).value(_parse(expression))
    return value if isinstance(value, dict) else {moment: float(value) for moment in moments}


def _parse(expression: str) -> ast.expr:
    if not _ALLOWED.fullmatch(expression) or "**" in expression:
        raise _invalid(expression)
    # names get a prefix, so that none is a keyword of Python's
    words = {"AND": "and", "OR": "or"}
    text = _WORD.sub(lambda match: words.get(match[0], f"_{match[0]}"), " ".join(expression.split()))
    for sign, replacement in _SIGNS.items():
        text = text.replace(sign, replacement)
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _invalid(expression) from None


class _Evaluation:
    """Computes a parsed expression."""

    def __init__(self, expression: str, named: Callable[[str], Points], moments: Sequence[int]) -> None:
        self._expression = expression
        self._named = named
        self._moments = moments

    def value(self, node: ast.expr, depth: int = 0) -> Value:
        if depth > _MOST_NESTED:
            raise ExpressionError(f"the expression is nested more than {_MOST_NESTED} deep")

        def of(inner: ast.expr) -> Value:
            return self.value(inner, depth + 1)

        if isinstance(node, ast.Constant):
            return self._number(node.value)
        if isinstance(node, ast.Name):
            return self._named(node.id[1:])
        if isinstance(node, ast.Call):
            return self._call(node, of)
        sign, operands = self._operation(node)
        return reduce(partial(_combine, sign), map(of, operands))

    def _number(self, number: object) -> float:
        if isinstance(number, int | float) and not isinstance(number, bool):
            with suppress(OverflowError):
                if math.isfinite(value := float(number)):
                    return value
        raise _invalid(self._expression)

    def _operation(self, node: ast.expr) -> tuple[Callable[[float, float], float], Sequence[ast.expr]]:
        operator_node: ast.AST
        operands: Sequence[ast.expr]
        match node:
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                operator_node, operands = ast.Mult(), [ast.Constant(-1.0), operand]
            case ast.BinOp(left=left, op=operator_node, right=right):
                operands = [left, right]
            case ast.Compare(left=left, ops=[operator_node], comparators=[right]):
                operands = [left, right]
            case ast.BoolOp(op=operator_node, values=operands):
                pass
            case _:
                raise _invalid(self._expression)
        if type(operator_node) not in _OPERATORS:
            raise _invalid(self._expression)
        return _OPERATORS[type(operator_node)], operands

    def _call(self, node: ast.Call, of: Callable[[ast.expr], Value]) -> Value:
        name = node.func.id[1:] if isinstance(node.func, ast.Name) else ""
        match name, node.args, node.keywords:
            case "FILL", [filled, filler], []:
                repeat = isinstance(filler, ast.Name) and filler.id == "_REPEAT"
                return self._fill(of(filled), None if repeat else of(filler))
            case "IF", [condition, then, otherwise], []:
                return _choose(of(condition), of(then), of(otherwise))
            case _, [argument], [] if name in _ROUNDING:
                return _round(_ROUNDING[name], of(argument))
        if name not in _FUNCTIONS:
            raise ExpressionError(
                f"the embedded CloudWatch supports {', '.join(_FUNCTIONS)}, not the function {name}"
            )
        raise _invalid(self._expression)

    def _fill(self, value: Value, filler: Value | None) -> Value:
        """Fill missing values; with the value before them if `filler` is None."""
        if not isinstance(value, dict):
            return value
        filled: Points = {}
        last: float | None = None
        for moment in sorted({*self._moments, *value}):
            last = value.get(moment, last if filler is None else _at(filler, moment))
            if last is not None:
                filled[moment] = last
        return filled


def _invalid(expression: str) -> ExpressionError:
    return ExpressionError(f"the expression {expression!r} is not valid or not supported")


def _at(value: Value, moment: int) -> float | None:
    return value.get(moment) if isinstance(value, dict) else value


def _combine(sign: Callable[[float, float], float], left: Value, right: Value) -> Value:
    """Combine the moments that have a value on both sides and a finite result, so no division by zero."""
    if not isinstance(left, dict) and not isinstance(right, dict):
        result = _result(sign, left, right)
        return {} if result is None else result
    points: Points = {}
    for moment in left if isinstance(left, dict) else right if isinstance(right, dict) else ():
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


def _round(function: Callable[[float], float], value: Value) -> Value:
    if not isinstance(value, dict):
        return float(function(value))
    return {moment: float(function(each)) for moment, each in value.items()}


def _choose(condition: Value, then: Value, otherwise: Value) -> Value:
    if not isinstance(condition, dict):
        return then if condition else otherwise
    chosen = ((moment, _at(then if true else otherwise, moment)) for moment, true in condition.items())
    return {moment: value for moment, value in chosen if value is not None}
