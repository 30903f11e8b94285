"""Whether identity-based policies allow an action.

Source: AWS IAM user guide, "Policy evaluation logic" (within one account) and "IAM JSON policy elements:
Condition operators". An explicit deny wins; without an allow, everything is denied.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import lru_cache
from typing import Any


class Decision(Enum):
    """What the policies say."""

    ALLOWED = "allowed"
    NOT_ALLOWED = "no policy allows it"
    DENIED = "a policy denies it"


class _UnknownError(Exception):
    """An operator or a variable that we can't evaluate."""


def decide(
    documents: Iterable[Mapping[str, Any]], action: str, resource: str, context: Mapping[str, str]
) -> Decision:
    """Evaluate policy documents for one action on one resource.

    What can't be evaluated here (an operator for numbers or dates, a variable that we do not know) allows
    nothing and denies everything: local never allows what AWS would not.

    Args:
        documents: parsed policy documents.
        action: such as ``sagemaker:InvokeEndpoint``.
        resource: its ARN.
        context: condition keys and their values; names in any case.
    """
    known = {name.lower(): value for name, value in context.items()}
    allowed = False
    for document in documents:
        for statement in _several(document.get("Statement", [])):
            deny = statement.get("Effect") == "Deny"
            try:
                applies = _applies(statement, action, resource, known)
            except _UnknownError:
                applies = deny
            if applies and deny:
                return Decision.DENIED
            allowed = allowed or (applies and statement.get("Effect") == "Allow")
    return Decision.ALLOWED if allowed else Decision.NOT_ALLOWED


def _applies(statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]) -> bool:
    return (
        _matches(statement, "Action", action.lower(), lambda pattern: pattern.lower())
        and _matches(statement, "Resource", resource, lambda pattern: _filled(pattern, context))
        and all(
            _holds(name, key, _several(wanted), context)
            for name, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _matches(statement: Mapping[str, Any], element: str, value: str, prepare: Callable[[str], str]) -> bool:
    """Whether an element, or its ``Not`` form, matches. A statement without the element matches nothing."""
    if element in statement:
        return any(_like(prepare(pattern), value) for pattern in _several(statement[element]))
    if f"Not{element}" in statement:
        return not any(_like(prepare(pattern), value) for pattern in _several(statement[f"Not{element}"]))
    return False


_NEGATED = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
}


def _holds(called: str, key: str, wanted: list[Any], context: Mapping[str, str]) -> bool:
    """One condition: one operator on one key, whose values are alternatives."""
    name = called.lower()
    quantifier, _, bare = name.rpartition(":")
    value = context.get(key.lower())
    patterns = [_text(each) for each in wanted]
    if name == "null":
        return (value is None) == (patterns[0].lower() == "true")
    optional = bare.endswith("ifexists")
    bare = bare.removesuffix("ifexists")
    negated = bare in _NEGATED
    test = _OPERATORS.get(_NEGATED.get(bare, bare))
    if test is None or quantifier not in ("", "foranyvalue", "forallvalues"):
        raise _UnknownError(called)
    if value is None:
        # AWS: a missing key fails a positive operator and passes a negated one; ForAllValues passes.
        return quantifier == "forallvalues" or (quantifier == "" and (optional or negated))
    return any(test(_filled(pattern, context), value) for pattern in patterns) != negated


_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_LITERALS = {"*": "*", "?": "?", "$": "$"}


def _filled(pattern: str, context: Mapping[str, str]) -> str:
    """The pattern with its policy variables filled in; what they bring is no pattern."""

    def value(found: re.Match[str]) -> str:
        name, _, default = found.group(1).partition(",")
        if name in _LITERALS:
            return _escaped(_LITERALS[name])
        known = context.get(name.strip().lower())
        if known is not None:
            return _escaped(known)
        if default:
            return _escaped(default.strip().strip("'"))
        raise _UnknownError(found.group(0))

    return _VARIABLE.sub(value, pattern)


_ESCAPE = "\x00"


def _escaped(text: str) -> str:
    return re.sub(rf"[*?{_ESCAPE}]", lambda found: _ESCAPE + found.group(0), text)


def _like(pattern: str, value: str) -> bool:
    return _compiled(pattern).fullmatch(value) is not None


def _arn_like(pattern: str, value: str) -> bool:
    """Part by part, so that no wildcard reaches over a colon of the first five."""
    patterns, values = pattern.split(":", 5), value.split(":", 5)
    return len(patterns) == len(values) == 6 and all(map(_like, patterns, values))


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = []
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        if letter == _ESCAPE:
            at += 1
            parts.append(re.escape(pattern[at]))
        else:
            parts.append({"*": ".*", "?": "."}.get(letter) or re.escape(letter))
        at += 1
    return re.compile("".join(parts), re.DOTALL)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


_Test = Callable[[str, str], bool]
_OPERATORS: dict[str, _Test] = {
    "stringequals": operator.eq,
    "stringequalsignorecase": lambda pattern, value: pattern.lower() == value.lower(),
    "stringlike": _like,
    "arnequals": _arn_like,
    "arnlike": _arn_like,
    "bool": lambda pattern, value: pattern.lower() == value.lower(),
}
