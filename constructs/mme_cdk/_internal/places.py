"""Resources that SageMaker takes from the endpoint's own region, account and partition only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from aws_cdk import Stack, aws_iam, aws_s3, region_info
from constructs import Construct

from mme_cdk._internal.validation import elsewhere, known

if TYPE_CHECKING:
    from aws_cdk import aws_ec2, aws_kms


def place_faults(
    scope: Construct,
    *,
    bucket: aws_s3.IBucket | None = None,
    further_buckets: Iterable[aws_s3.IBucket] = (),
    vpc: aws_ec2.IVpc | None = None,
    key: aws_kms.IKey | None = None,
    role: aws_iam.IRole | None = None,
) -> list[str]:
    """Return why SageMaker could not use these in the stack's place, as far as synth knows both.

    Args:
        scope: The construct that uses them.
        bucket: Bucket of models or captured data; it and its key must be in the stack's region.
        further_buckets: Buckets of a pipeline's other models.
        vpc: VPC of the network interfaces.
        key: KMS key, which must be in the stack's region.
        role: Role of the containers, which must be of the stack's account and partition.
    """
    stack = Stack.of(scope)
    found = [*_role_faults(stack, role)]
    if not known(stack.region):
        return found
    resources = {
        "the bucket": bucket,
        "the bucket's key": bucket.encryption_key if bucket else None,
        "encryption_key": key,
        "the vpc": vpc,
        **{f"bucket {other.bucket_name}": other for other in further_buckets},
    }
    for what, resource in resources.items():
        if resource is not None and (differs := elsewhere(stack, None, resource.env.region)):
            _, ours, theirs = differs
            found.append(
                f"{what} is in region {theirs} and the endpoint in {ours}; SageMaker uses those of its own "
                f"region: use one in {ours}"
            )
    found += _partition_faults(stack, "encryption_key", key.key_arn if key else None)
    return found


def _partition_faults(stack: Stack, what: str, arn: str | None) -> Iterator[str]:
    if arn is None or not known(arn) or not known(partition := arn.split(":")[1]):
        return
    own = region_info.RegionInfo.get(stack.region).partition  # None for a region newer than aws-cdk
    if own is not None and partition != own:
        yield f"{what} {arn} is in partition {partition}, the endpoint in {own}: use one of {own}"


def _role_faults(stack: Stack, role: aws_iam.IRole | None) -> Iterator[str]:
    # The lookup of a role has a dummy ARN until it is made.
    if role is None or not known(role.role_arn) or "DUMMY" in role.role_arn:
        return
    _, _, _, _, account, *_ = role.role_arn.split(":")
    if differs := elsewhere(stack, account, None):
        _, ours, theirs = differs
        yield (
            f"role {role.role_arn} is of account {theirs}; SageMaker takes roles of its own account: "
            f"use one of {ours}"
        )
    if known(stack.region):
        yield from _partition_faults(stack, "role", role.role_arn)
