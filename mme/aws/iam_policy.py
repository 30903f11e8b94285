"""Evaluate IAM policy documents without calling IAM.

An explicit deny wins over every allow, and without an allow the request is not allowed. A clause that can't
be evaluated (a numeric or date operator, an unknown policy variable) never counts as allowed: if the outcome
depends on it, the decision is `UNKNOWN`.

Sources: AWS IAM user guide, "Policy evaluation logic" (within one account), "IAM JSON policy elements:
Condition operators", "Set operators for multivalued context keys" and "Policy variables".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from mme.aws.wildcards import wildcard_expression

Context = Mapping[str, str | Sequence[str]]


class Decision(StrEnum):
    """The outcome of evaluating a request."""

    ALLOWED = "allowed"
    DENIED = "explicitly denied"
    NOT_ALLOWED = "not allowed"
    UNKNOWN = "depends on conditions that were not checked"


def evaluate(
    policies: Iterable[Mapping[str, Any]],
    action: str,
    resource: str,
    context: Context | None = None,
    *,
    complete_context: bool = True,
) -> Decision:
    """Decide whether identity-based policies allow an action on a resource.

    Args:
        policies: Parsed policy documents.
        action: Such as `s3:GetObject`, in any case.
        resource: ARN of the resource.
        context: Condition keys of the request, in any case, and their values.
        complete_context: Whether `context` has every key of the request. If not, conditions on other keys are
            unknown; otherwise such a key is absent from the request.
    """
    keys = {name.lower(): _listed(values) for name, values in (context or {}).items()}
    request = _Request(action, resource, keys, complete_context)
    matches: dict[str, set[bool | None]] = {"Allow": set(), "Deny": set()}
    for policy in policies:
        for statement in _statements(policy):
            matches.get(str(statement.get("Effect")), set()).add(_applies(statement, request))
    if True in matches["Deny"]:
        return Decision.DENIED
    if True in matches["Allow"]:
        return Decision.UNKNOWN if None in matches["Deny"] else Decision.ALLOWED
    return Decision.UNKNOWN if None in matches["Allow"] else Decision.NOT_ALLOWED


def trusts(trust_policy: Mapping[str, Any], service: str) -> bool:
    """Return whether a role's trust policy has a statement that allows a service.

    Args:
        trust_policy: Parsed document.
        service: Service principal, such as `sagemaker.amazonaws.com`.
    """
    return any(
        statement.get("Effect") == "Allow"
        and isinstance(statement.get("Principal"), Mapping)
        and service in _listed(statement["Principal"].get("Service"))
        for statement in _statements(trust_policy)
    )


def _statements(policy: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in _listed(policy.get("Statement")) if isinstance(one, Mapping)]


_ELEMENTS: Final = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}


@dataclass(frozen=True, slots=True)
class _Request:
    action: str
    resource: str
    context: Mapping[str, list[str]]
    complete_context: bool


class _UnknownVariableError(Exception):
    """A policy variable whose value is not known."""


def _applies(statement: Mapping[str, Any], request: _Request) -> bool | None:
    """Return whether a statement applies to a request; None if that can't be determined."""
    if set(statement) - _ELEMENTS:
        return None
    try:
        return _matches_all(statement, request)
    except (AttributeError, TypeError, IndexError):
        return None  # malformed: IAM itself stores no such statement


def _matches_all(statement: Mapping[str, Any], request: _Request) -> bool | None:
    action = request.action.lower()
    return _every(
        [
            _element(statement, "Action", lambda pattern: _like(pattern.lower(), action, {})),
            _element(
                statement, "Resource", lambda pattern: _like(pattern, request.resource, request.context)
            ),
            *(
                _condition(operator, key, _listed(patterns), request)
                for operator, keys in (statement.get("Condition") or {}).items()
                for key, patterns in keys.items()
            ),
        ]
    )


def _element(statement: Mapping[str, Any], name: str, test: Callable[[str], bool | None]) -> bool | None:
    """Match an element or its `Not` form: without either, nothing matches; with both, it is unknown."""
    positive, negative = statement.get(name), statement.get(f"Not{name}")
    if positive is not None and negative is not None:
        return None
    if negative is not None:
        return _negated(_some(test(pattern) for pattern in _listed(negative)))
    return _some(test(pattern) for pattern in _listed(positive))


def _condition(operator: str, key: str, wanted: list[Any], request: _Request) -> bool | None:
    """Evaluate one operator on one key, whose patterns are alternatives."""
    quantifier, _, name = operator.lower().rpartition(":")
    optional, name = name.endswith("ifexists"), name.removesuffix("ifexists")
    patterns = [str(one).lower() if isinstance(one, bool) else str(one) for one in wanted]
    values = request.context.get(key.lower()) or []
    if not values and not request.complete_context:
        return None
    if name == "null":
        return (not values) == (patterns[0].lower() == "true")
    negated = "not" in name
    test = _OPERATORS.get(name.replace("not", "", 1))
    if test is None or quantifier not in ("", "foranyvalue", "forallvalues"):
        return None
    if not values:
        # A missing key fails a positive operator and passes a negated one.
        return optional or quantifier == "forallvalues" or (negated and not quantifier)
    if not quantifier and len(values) > 1:
        return None
    found = [_some(test(pattern, value, request.context) for pattern in patterns) for value in values]
    results = [_negated(one) if negated else one for one in found]
    return _some(results) if quantifier == "foranyvalue" else _every(results)


def _every(results: Iterable[bool | None]) -> bool | None:
    found = set(results)
    return False if False in found else None if None in found else True


def _some(results: Iterable[bool | None]) -> bool | None:
    return _negated(_every(_negated(one) for one in results))


def _negated(result: bool | None) -> bool | None:
    return None if result is None else not result


_Values = Mapping[str, Sequence[str]]


def _equal(pattern: str, value: str, context: _Values) -> bool | None:
    return _matches(pattern, value, context, wildcards=False)


def _equal_ignoring_case(pattern: str, value: str, context: _Values) -> bool | None:
    return _matches(pattern, value, context, wildcards=False, flags=re.IGNORECASE)


def _like(pattern: str, value: str, context: _Values) -> bool | None:
    return _matches(pattern, value, context)


def _arn_like(pattern: str, value: str, context: _Values) -> bool | None:
    return _matches(pattern, value, context, colons=5)


_TOKEN: Final = re.compile(r"\$\{([^{}]*)\}|([*?])|[^$*?]+|\$", re.DOTALL)
_LITERALS: Final = ("*", "?", "$")


def _matches(
    pattern: str, value: str, context: _Values, *, wildcards: bool = True, colons: int = 0, flags: int = 0
) -> bool | None:
    """Match a pattern with policy variables; None if a variable's value is unknown.

    Args:
        pattern: From a policy. The value of a variable is literal text, never a wildcard.
        value: From the request.
        context: Values of policy variables.
        wildcards: Whether `*` and `?` are wildcards.
        colons: How many colons the pattern must have, five for an ARN. Wildcards before them match no colon.
        flags: Of the regular expression.
    """
    literal = ""
    parts = [("", "")]  # what each `*` may match, and what follows it
    try:
        for token in _TOKEN.finditer(pattern):
            variable, wildcard = token.groups()
            any_character = "." if literal.count(":") >= colons else "[^:]"
            if wildcard == "*" and wildcards:
                parts.append((any_character, ""))
                continue
            expression = any_character
            if not (wildcard and wildcards):
                text = token.group() if variable is None else _variable(variable, context)
                literal += text
                expression = re.escape(text)
            parts[-1] = (parts[-1][0], parts[-1][1] + expression)
    except _UnknownVariableError:
        return None
    expression = wildcard_expression(parts)
    return literal.count(":") >= colons and re.fullmatch(expression, value, re.DOTALL | flags) is not None


def _variable(text: str, context: _Values) -> str:
    name, _, default = text.partition(",")
    if name in _LITERALS:
        return name
    known = context.get(name.strip().lower(), ())
    if len(known) == 1:
        return known[0]
    if default and not known:
        return default.strip().strip("'")
    raise _UnknownVariableError(text)


_OPERATORS: Final[dict[str, Callable[[str, str, _Values], bool | None]]] = {
    "stringequals": _equal,
    "stringequalsignorecase": _equal_ignoring_case,
    "stringlike": _like,
    "arnequals": _arn_like,
    "arnlike": _arn_like,
    "bool": _equal_ignoring_case,
}


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
