"""Statements of grants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_iam, aws_s3

from mme_cdk._internal.acknowledgements import acknowledge_grant


def allow(
    grantee: aws_iam.IGrantable,
    actions: Sequence[str],
    resources: Sequence[str],
    *,
    bucket: aws_s3.IBucket | None = None,
    conditions: Mapping[str, Mapping[str, Any]] | None = None,
    reason: str = "",
) -> aws_iam.Grant:
    """Allow actions on resources.

    Args:
        grantee: Who gets the rights.
        actions: Such as `s3:GetObject`.
        resources: ARNs.
        bucket: Their bucket, whose policy gets the statement if the grantee's can't. Default: none.
        conditions: IAM conditions. Default: none.
        reason: Why the wildcards in the ARNs are acceptable. Default: there are none.
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
        return aws_iam.Grant.add_to_principal(**statement)
    return aws_iam.Grant.add_to_principal_or_resource(**statement, resource=bucket)
