"""The right to pull one image."""

from __future__ import annotations

from aws_cdk import aws_iam

from mme_cdk._internal.acknowledgements import acknowledge_grant

_PULL_ACTIONS = ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"]


def grant_pull(role: aws_iam.IRole, repository_arn: str) -> None:
    """Let `role` pull from a repository that is not ours to import, and from no other."""
    # AWS's repositories are not ours to import: a grant on the principal is all there is to do.
    aws_iam.Grant.add_to_principal(grantee=role, actions=_PULL_ACTIONS, resource_arns=[repository_arn])
    aws_iam.Grant.add_to_principal(grantee=role, actions=["ecr:GetAuthorizationToken"], resource_arns=["*"])
    acknowledge_authorization(role)


def acknowledge_authorization(role: aws_iam.IRole) -> None:
    """Say to cdk-nag why the one action that comes with every pull names no resource."""
    acknowledge_grant(role, "ecr:GetAuthorizationToken takes no resource and reads nothing by itself", "*")
