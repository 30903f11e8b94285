"""AWS::ECR::Repository, which `cdk bootstrap` creates. Ref is its name."""

from __future__ import annotations

from mme_local.aws.resource_types.api_type import ApiType, Calls

TYPES = {
    "AWS::ECR::Repository": ApiType(
        Calls("ecr", "create_repository", "delete_repository", "repositoryName"),
        attributes={
            "Arn": "{answer[repository][repositoryArn]}",
            "RepositoryUri": "{answer[repository][repositoryUri]}",
        },
        named="RepositoryName",
        lower=True,
        create_only=("EncryptionConfiguration",),
        # without effect: images are never pushed here
        separate=("EmptyOnDelete", "LifecyclePolicy", "RepositoryPolicyText"),
    )
}
