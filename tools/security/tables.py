"""The tables of the security pages, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from tools.security.exceptions import Exemption
from tools.security.packs import PACKS, Review, rule_count
from tools.security.policies import Permission, short
from tools.security.purposes import why


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; `|` in a cell does not end it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in line) + " |"
        for line in lines
    )


def permissions(found: Sequence[Permission], title: Callable[[Permission], str], *, only: str = ".*") -> str:
    """A table for each role and each resource with a policy: each action, and why.

    Args:
        found: sorted so that a holder's permissions are together.
        title: heads a holder's table.
        only: pattern of the holders that are shown.

    Raises:
        MmeError: a permission without a purpose.
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
    """A line for each pack: rules, what they find, what is accepted, what is left."""
    rows = []
    for pack in PACKS:
        found = [one for one in review.findings if one.pack == pack]
        left = [one for one in review.left if one.pack == pack]
        rows.append([pack, str(rule_count(pack)), str(len(left)), str(len(found) - len(left))])
    return table(["pack", "rules", "findings", "accepted with a reason"], rows)


def accepted(review: Review) -> str:
    """Each accepted finding with its reason; the same one of several packs is in one line."""
    lines: dict[tuple[str, str, str], list[str]] = {}
    for finding in review.findings:
        rule, _, detail = finding.rule.removeprefix(f"{finding.pack}-").partition("[")
        # References to other stacks hold the hash of their export.
        where = finding.path.removesuffix("/Resource")
        named = f"`{rule}`" + (f" `{_readable(detail.removesuffix(']'))}`" if detail else "")
        lines.setdefault((where, named, "; ".join(review.reasons(finding))), []).append(finding.pack)
    rows = [
        [f"`{where}`", named, ", ".join(found), reason] for (where, named, reason), found in lines.items()
    ]
    return table(["construct", "rule", "packs", "reason"], rows)


def linters(found: Sequence[Exemption], names: dict[str, str]) -> str:
    """What cfn-lint and checkov are told to pass over; `names` are the readable names of templates."""
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
    """An export's name as the construct that it names, which is all that its hash stands for."""
    return re.sub(
        r"[\w-]+:ExportsOutput(?:FnGetAtt|Ref)(\w+?)[0-9A-F]{8}(?:Arn)?[0-9A-F]{8}", r"<\1>", detail
    )
