"""Patterns with wildcards, matched without backtracking."""

from __future__ import annotations

import re
from collections.abc import Sequence


def wildcard_expression(parts: Sequence[tuple[str, str]]) -> str:
    """Return a regular expression without backtracking: of several `*`, only the last may match too much.

    Args:
        parts: What a `*` may match, as the expression of one character, and the expression that follows it;
            the first part has no `*`.
    """
    (_, first), *others = parts
    *middle, (last, end) = others or [("", "")]
    expression = first + "".join(f"(?>{star}*?{rest})" for star, rest in middle)
    return expression + (f"{last}*{end}" if last else "")


def wildcard_match(pattern: str, value: str) -> bool:
    r"""Return whether a value matches a pattern of `*` and `?`; a backslash makes the next character literal.

    Args:
        pattern: The pattern.
        value: The whole value.
    """
    parts = [("", "")]
    for literal, sign in re.findall(r"\\(.)|(.)", pattern, re.DOTALL):
        if sign == "*":
            parts.append((".", ""))
        else:
            star, rest = parts[-1]
            parts[-1] = star, rest + ("." if sign == "?" else re.escape(literal or sign))
    return re.fullmatch(wildcard_expression(parts), value, re.DOTALL) is not None
