"""Check the models' bucket: region, access, lifecycle, encryption key and objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from mme.findings import Finding
from mme.operate.aws_errors import DENIED, error_code
from mme.operate.doctor.context import DoctorContext

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SHOWN: Final = 3
# No encryption of its own, no s3:GetEncryptionConfiguration, or no bucket, which check_bucket reports.
_WITHOUT_KEY: Final = ("ServerSideEncryptionConfigurationNotFoundError", "NoSuchBucket", *DENIED)


def check_bucket(context: DoctorContext) -> Iterator[Finding]:
    """Check that the bucket exists in the endpoint's region, is private and tidy, and has archives."""
    from botocore.exceptions import ClientError

    s3, bucket, prefix = context.clients.s3, context.deployment.bucket, context.deployment.prefix
    try:
        head: Any = s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != 404:
            raise
        yield Finding.error("bucket", f"the bucket {bucket} does not exist", "deploy the models' stack again")
        return
    headers = head["ResponseMetadata"].get("HTTPHeaders", {})
    region = head.get("BucketRegion") or headers.get("x-amz-bucket-region")
    if region and region != context.clients.region:
        message = f"the bucket is in {region}, the endpoint in {context.clients.region}"
        yield Finding.error("bucket", message, "use a bucket in the endpoint's region")
    yield from _public_access(s3, bucket)
    yield from _lifecycle(s3, bucket, prefix)
    keys = [one["Key"] for one in objects(context)]
    archives = sum(key.endswith(".tar.gz") for key in keys)
    # The empty objects of folders end in a slash.
    others = [key.removeprefix(prefix) for key in keys if not key.endswith((".tar.gz", "/"))]
    if others:
        names = ", ".join(others[:_SHOWN]) + (", ..." if len(others) > _SHOWN else "")
        message = f"{len(others)} objects under {prefix} are not archives: {names}"
        hint = "callers can name each as TargetModel, which fails: move them to another prefix"
        yield Finding.warning("bucket", message, hint)
    if archives:
        plural = "" if archives == 1 else "s"
        yield Finding.ok("bucket", f"s3://{bucket}/{prefix} has {archives:,} archive{plural}")
    else:
        yield Finding.warning("bucket", f"s3://{bucket}/{prefix} has no models", "mme models add PATH")


def objects(context: DoctorContext) -> Iterator[Any]:
    """Yield the objects under the models' prefix, as S3 lists them."""
    bucket, prefix = context.deployment.bucket, context.deployment.prefix
    pages = context.clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return (one for page in pages for one in page.get("Contents", []))


def bucket_key(s3: S3Client, bucket: str, role_arn: str) -> str:
    """Return the ARN of the KMS key that readers need `kms:Decrypt` on; empty if none is known.

    AWS's own key (`aws/s3`) lets the whole account decrypt, and aliases are not resolved.

    Args:
        s3: A boto3 client of the bucket's region.
        bucket: Name of the bucket.
        role_arn: The reader; a key without an account belongs to this one's.
    """
    from botocore.exceptions import ClientError

    try:
        rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    except ClientError as error:
        if error_code(error) not in _WITHOUT_KEY:
            raise
        return ""
    keys = [rule.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID", "") for rule in rules]
    key = next(filter(None, keys), "")
    if not key or ":alias/" in key or key.startswith("alias/"):
        return ""
    if key.startswith("arn:"):
        return key
    partition, account = role_arn.split(":")[1], role_arn.split(":")[4]
    return f"arn:{partition}:kms:{s3.meta.region_name}:{account}:key/{key}"


def _public_access(s3: S3Client, bucket: str) -> Iterator[Finding]:
    from botocore.exceptions import ClientError

    try:
        block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    except ClientError as error:
        if error_code(error) != "NoSuchPublicAccessBlockConfiguration":
            return  # no right to read it
        block = {}
    if not block or not all(block.values()):
        message = f"the bucket {bucket} does not block all public access"
        hint = (
            f"aws s3api put-public-access-block --bucket {bucket} --public-access-block-configuration "
            "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true"
        )
        yield Finding.warning("bucket", message, hint)


def _lifecycle(s3: S3Client, bucket: str, prefix: str) -> Iterator[Finding]:
    """Parts of an interrupted upload are stored, and billed, until a lifecycle rule or a user aborts it."""
    from botocore.exceptions import ClientError

    rules: list[Any] = []
    try:
        rules = list(s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"])
    except ClientError as error:
        if error_code(error) != "NoSuchLifecycleConfiguration":
            return  # no right to read it
    for rule in rules:
        scope = rule.get("Filter") or {}
        covered = rule.get("Prefix") or scope.get("Prefix") or scope.get("And", {}).get("Prefix", "")
        aborts = rule.get("Status") == "Enabled" and "AbortIncompleteMultipartUpload" in rule
        if aborts and prefix.startswith(covered):
            return
    message = f"the bucket {bucket} has no lifecycle rule that aborts incomplete multipart uploads"
    yield Finding.warning(
        "bucket", message, "add a rule with AbortIncompleteMultipartUpload, as ModelBucket has"
    )
