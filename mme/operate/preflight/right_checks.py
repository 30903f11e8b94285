"""Check which rights a deployment takes from the roles of models: pure, from two templates."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mme.aws.template_resolver import reference
from mme.aws.wildcards import wildcard_match
from mme.operate.preflight.findings import Effect, PreflightFinding, finding
from mme.operate.preflight.template import StackTemplate
from mme.operate.stacks import MODEL

_POLICIES: Final = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
_ROLE: Final = "AWS::IAM::Role"
_LISTED: Final = 3

# The logical ids of the policies that give a right, by its action and resource.
_Rights = defaultdict[tuple[str, str], set[str]]


def check_rights(old: StackTemplate, new: StackTemplate, *, updated: bool) -> Iterator[PreflightFinding]:
    """Report the rights that roles of models lose, and whether they lose them before the endpoint moves.

    Args:
        old: The deployed template.
        new: The new template.
        updated: Whether an endpoint of the stack moves to a new config.
    """
    after = _rights(new)
    for role, rights in _rights(old).items():
        if role not in after:
            continue  # the role leaves the endpoint, or the stack with it
        lost = {right: ids for right, ids in rights.items() if not _covered(right, after[role])}
        # CloudFormation deletes what left the template at the end; what stays is changed at the start.
        early = {right for right, ids in lost.items() if ids & new.resources.keys()}
        if updated and early:
            yield finding(
                Effect.WARNING,
                "rights-removed-early",
                role,
                f"the role loses {_listed(early)} before the endpoint has moved to its new config",
                "until then, and after a rollback, the old fleet can't load models for lack of this right",
                "keep the right in this deployment and remove it in the next: for models in S3, "
                "bucket.grant_read(endpoint) with the old bucket and prefix",
            )
        if late := set(lost) - (early if updated else set()):
            yield finding(
                Effect.NOTE,
                "rights-removed",
                role,
                f"the role loses {_listed(late)}" + (" after the endpoint has moved" if updated else ""),
            )


def _rights(template: StackTemplate) -> dict[str, _Rights]:
    """Return the allowed actions and resources of each role of a model."""
    roles = {_role(model.raw.get("ExecutionRoleArn")) for model in template.of_type(MODEL)}
    found: dict[str, _Rights] = {role: defaultdict(set) for role in roles if role}
    for policy in template.of_type(*_POLICIES):
        for role in {_role(one) for one in policy.raw.get("Roles") or []} & found.keys():
            for right in _allowed(policy.properties.get("PolicyDocument")):
                found[role][right].add(policy.logical_id)
    for resource in template.of_type(_ROLE):
        for inline in resource.properties.get("Policies") or []:
            for right in _allowed(inline.get("PolicyDocument")):
                if resource.logical_id in found:
                    found[resource.logical_id][right].add(resource.logical_id)
    return found


def _role(value: Any) -> str:
    """Return a role's logical id, or its name."""
    found = reference(value)
    if found is not None:
        return found
    return value.rpartition("/")[2] if isinstance(value, str) else ""


def _allowed(document: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    for statement in _items((document or {}).get("Statement")):
        if statement.get("Effect") == "Allow":
            for action in _items(statement.get("Action")):
                for resource in _items(statement.get("Resource")):
                    yield str(action), resource if isinstance(resource, str) else json.dumps(resource)


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _covered(right: tuple[str, str], rights: _Rights) -> bool:
    return any(all(map(wildcard_match, other, right)) for other in rights)


def _listed(rights: set[tuple[str, str]]) -> str:
    actions = defaultdict(list)
    for action, resource in sorted(rights):
        actions[resource].append(action)
    texts = [f"{', '.join(names)} on {resource}" for resource, names in actions.items()]
    more = f" and rights on {len(texts) - _LISTED} more resources" if len(texts) > _LISTED else ""
    return "; ".join(texts[:_LISTED]) + more
