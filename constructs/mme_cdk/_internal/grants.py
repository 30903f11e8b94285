"""Statements of grants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Annotations, Stack, aws_iam, aws_s3
from constructs import IConstruct

from mme_cdk._internal.acknowledgements import acknowledge_grant, construct_of, flat
from mme_cdk._internal.type_hints import with_article


def allow(
    grantee: aws_iam.IGrantable,
    actions: Sequence[str],
    resources: Sequence[str],
    *,
    bucket: aws_s3.IBucket | None = None,
    conditions: Mapping[str, Mapping[str, Any]] | None = None,
    reason: str = "",
    at: IConstruct | None = None,
) -> aws_iam.Grant:
    """Allow actions on resources; warn if no policy takes the statement.

    Args:
        grantee: Who gets the rights.
        actions: Such as `s3:GetObject`.
        resources: ARNs.
        bucket: Their bucket, whose policy gets the statement if the grantee's can't. Default: none.
        conditions: IAM conditions. Default: none.
        reason: Why the wildcards in the ARNs are acceptable. Default: there are none.
        at: The construct that a warning is about. Default: the bucket, or else the grantee.
    """
    if reason:
        acknowledge_grant(grantee, reason, *resources)
    statement: dict[str, Any] = {
        "grantee": grantee,
        "actions": list(actions),
        "resource_arns": list(resources),
        "conditions": conditions,
    }
    if bucket is None:
        grant = aws_iam.Grant.add_to_principal(**statement)
    else:
        grant = aws_iam.Grant.add_to_principal_or_resource(**statement, resource=bucket)
    if isinstance(grantee, aws_iam.Role | aws_iam.LazyRole):
        return grant  # the policy of a role that this app defines takes everything
    # CDK counts a statement for the policy of an imported bucket as a success, and drops it.
    if bucket is None or grant.resource_statement is None or bucket.policy is None:
        _warn_without_effect(grant, grantee.grant_principal, actions, resources, at or bucket)
    return grant


def _warn_without_effect(
    grant: aws_iam.Grant,
    principal: aws_iam.IPrincipal,
    actions: Sequence[str],
    resources: Sequence[str],
    at: IConstruct | None,
) -> None:
    """Warn of rights that no policy of the app has, and list them."""
    construct = construct_of(principal)
    scope = at or construct
    if scope is None:
        return
    arns = Stack.of(scope).resolve(list(resources))
    rights = f"{', '.join(actions)} on {', '.join(map(flat, arns))}"
    if construct is None:
        if grant.principal_statement is None:
            Annotations.of(scope).add_warning_v2(
                "mme:grantWithoutEffect",
                f"nothing was granted to {with_article(type(principal).__name__)}, which has no policy here; "
                f"it needs {rights}: grant to a role of this app, or to Role.from_role_arn(...) of another",
            )
    # CDK counts a grant to a role with `mutable=False` as a success and changes nothing.
    # A role that takes grants has a policy under any id; a lazy one keeps them until it is used.
    elif not isinstance(construct, aws_iam.LazyRole) and not any(
        isinstance(child, aws_iam.Policy) for child in construct.node.children
    ):
        Annotations.of(scope).add_warning_v2(
            "mme:immutableRole",
            f"{construct.node.path} is imported without policy updates, so nothing was granted; it needs "
            f"{rights}: give it these rights where it is defined, and acknowledge this warning",
        )
