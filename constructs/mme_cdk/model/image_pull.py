"""What SageMaker needs to pull an image: rights of the role, and a repository in its region."""

from __future__ import annotations

from typing import Final

from aws_cdk import Stack, aws_iam
from constructs import Construct

from mme_cdk._internal.acknowledgements import acknowledge_grant
from mme_cdk._internal.grants import allow
from mme_cdk._internal.validation import elsewhere, require

_ACTIONS: Final = ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"]


def grant_pull(role: aws_iam.IRole, repository_arn: str) -> None:
    """Allow a role to pull from a repository that the app can't import.

    Args:
        role: Role of the containers.
        repository_arn: The repository.
    """
    allow(role, _ACTIONS, [repository_arn])
    allow(role, ["ecr:GetAuthorizationToken"], ["*"])
    acknowledge_authorization(role)


def acknowledge_authorization(role: aws_iam.IRole) -> None:
    """Acknowledge the wildcard of the right to log in to ECR."""
    acknowledge_grant(role, "ecr:GetAuthorizationToken takes no resource and reads nothing by itself", "*")


def require_region(scope: Construct, region: str, image: str) -> None:
    """Refuse an image of another region.

    Args:
        scope: A construct of the stack that uses it.
        region: The repository's.
        image: What messages call it.

    Raises:
        PropsError: Both regions are known and differ.
    """
    if found := elsewhere(Stack.of(scope), None, region):
        _, ours, theirs = found
        require(
            f"{image} is in region {theirs}; SageMaker in {ours} pulls from its own region: copy it there",
            at=scope,
        )
