"""The tables of the security pages, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from tools.markdown import table
from tools.security.exceptions import Exemption
from tools.security.packs import PACKS, Review, rule_count
from tools.security.policies import Permission, short
from tools.security.purposes import why


def permissions(found: Sequence[Permission], title: Callable[[Permission], str], *, only: str = ".*") -> str:
    """Return a table of actions and their purposes for each role and each resource with a policy.

    Args:
        found: Sorted by holder.
        title: Returns the title of a holder's table.
        only: Regular expression of the holders to show.

    Raises:
        MmeError: A permission without a purpose.
    """
    parts = []
    shown = [one for one in found if re.fullmatch(only, one.holder)]
    for _, group in groupby(shown, key=lambda one: (one.kind, one.holder)):
        members = list(group)
        rows = [
            [
                _who(one),
                f"`{one.action}`",
                _each(one.resources) or "the role",
                _each(one.conditions) or "none",
                why(one),
            ]
            for one in members
        ]
        head = ["who", "action", "on", "only if", "why"]
        parts.append(f"### {title(members[0])}\n\n{table(head, rows)}")
    return "\n\n".join(parts)


def packs(review: Review) -> str:
    """Return a row for each pack: rules, findings, acknowledged findings."""
    rows = []
    for pack in PACKS:
        found = [one for one in review.findings if one.pack == pack]
        left = [one for one in review.left if one.pack == pack]
        rows.append([pack, str(rule_count(pack)), str(len(left)), str(len(found) - len(left))])
    return table(["pack", "rules", "findings", "acknowledged with a reason"], rows)


def accepted(review: Review) -> str:
    """Return a row for each acknowledged finding with its reason; packs with the same finding share a row."""
    lines: dict[tuple[str, str, str], list[str]] = {}
    for finding in review.findings:
        rule, _, detail = finding.rule.removeprefix(f"{finding.pack}-").partition("[")
        where = finding.path.removesuffix("/Resource")
        named = f"`{rule}`" + (f" `{_readable(detail.removesuffix(']'))}`" if detail else "")
        lines.setdefault((where, named, "; ".join(review.reasons(finding))), []).append(finding.pack)
    rows = [
        [f"`{where}`", named, ", ".join(found), reason] for (where, named, reason), found in lines.items()
    ]
    return table(["construct", "rule", "packs", "reason"], rows)


def linters(found: Sequence[Exemption], names: dict[str, str]) -> str:
    """Return a row for each acknowledged finding of cfn-lint and checkov.

    Args:
        found: The findings.
        names: Readable names of templates.
    """
    rows = [
        [
            one.tool,
            f"`{one.check}`",
            names[one.template],
            f"`{short(one.resource)}`" if one.resource else "outputs",
            one.reason,
        ]
        for one in found
    ]
    return table(["tool", "check", "template", "resource", "reason"], rows)


def _who(permission: Permission) -> str:
    if permission.kind == "AWS::IAM::Role" and not permission.principal:
        return "the role"
    principal = "anyone" if permission.principal == "*" else f"`{permission.principal}`"
    return f"**refused:** {principal}" if permission.effect == "Deny" else principal


def _each(values: Iterable[str]) -> str:
    return "<br>".join(f"`{value}`" for value in values)


def _readable(detail: str) -> str:
    """Return a detail with readable names instead of export names and their hashes."""
    return re.sub(
        r"[\w-]+:ExportsOutput(?:FnGetAtt|Ref)(\w+?)[0-9A-F]{8}(?:Arn)?[0-9A-F]{8}", r"<\1>", detail
    )
