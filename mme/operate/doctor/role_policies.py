"""What a role's policies say, read from their documents: where IAM may not be asked to simulate them.

Only the role's own identity policies are looked at. Bucket policies, permission boundaries and the
organization's policies may still deny what these allow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final

_STRING_LIKE: Final = ("StringLike", "StringEquals")


class Verdict(StrEnum):
    """What policies make of a request."""

    ALLOWED = "allowed"
    DENIED = "explicitly denied"
    UNMENTIONED = "not allowed"
    DEPENDS = "allowed under conditions that were not checked"


def evaluate(
    policies: Iterable[Mapping[str, Any]], action: str, resource: str, context: Mapping[str, str]
) -> Verdict:
    """Judges one request by identity policies.

    Args:
        policies: policy documents.
        action: `s3:GetObject`.
        resource: an ARN.
        context: condition keys with their values: `{"s3:prefix": "models/"}`.
    """
    verdict = Verdict.UNMENTIONED
    for policy in policies:
        for statement in _listed(policy.get("Statement")):
            if not _applies(statement, action, resource):
                continue
            holds = _holds(statement.get("Condition") or {}, context)
            if statement.get("Effect") == "Deny":
                if holds:
                    return Verdict.DENIED
                if holds is None and verdict is Verdict.ALLOWED:
                    verdict = Verdict.DEPENDS
            elif holds:
                verdict = Verdict.ALLOWED
            elif holds is None and verdict is Verdict.UNMENTIONED:
                verdict = Verdict.DEPENDS
    return verdict


def trusts(trust: Mapping[str, Any], service: str) -> bool:
    """True where a trust policy lets a service assume the role."""
    return any(
        statement.get("Effect") == "Allow"
        and isinstance(statement.get("Principal"), Mapping)
        and service in _listed(statement["Principal"].get("Service"))
        for statement in _listed(trust.get("Statement"))
    )


def _applies(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    if "NotAction" in statement:
        acts = not _matches(statement["NotAction"], action, fold=True)
    else:
        acts = _matches(statement.get("Action"), action, fold=True)
    if "NotResource" in statement:
        return acts and not _matches(statement["NotResource"], resource)
    return acts and _matches(statement.get("Resource"), resource)


def _matches(patterns: Any, value: str, *, fold: bool = False) -> bool:
    # A bracket means nothing to IAM, and much to fnmatch.
    return any(
        fnmatchcase(value.lower() if fold else value, (one.lower() if fold else one).replace("[", "[[]"))
        for one in _listed(patterns)
    )


def _holds(condition: Mapping[str, Any], context: Mapping[str, str]) -> bool | None:
    """Whether all conditions hold; None where one is of a kind, or about a key, that is not known here."""
    unknown = False
    for operator, keys in condition.items():
        for key, values in keys.items():
            given = {name.lower(): value for name, value in context.items()}.get(key.lower())
            if operator.removesuffix("IfExists") not in _STRING_LIKE or given is None:
                unknown = True
            elif not _matches(values, given):
                return False
    return None if unknown else True


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
