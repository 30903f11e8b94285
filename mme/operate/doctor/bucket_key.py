"""The KMS key that encrypts what comes into the models' bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# No default of the bucket's own, nobody may ask for it (s3:GetEncryptionConfiguration), or no bucket at all,
# which another check says.
_UNTOLD: Final = ("ServerSideEncryptionConfigurationNotFoundError", "AccessDenied", "403", "NoSuchBucket")


def bucket_key(s3: S3Client, bucket: str, role_arn: str) -> str:
    """ARN of the key that a reader needs `kms:Decrypt` on; empty where there is none, or it can't be told.

    AWS's own key (`aws/s3`) lets everyone of the account decrypt, and an alias is not looked up.

    Args:
        s3: client of the bucket's region.
        bucket: its name.
        role_arn: of the reader; a key that the bucket names without its account is of this one's.

    Raises:
        botocore.exceptions.ClientError: S3 refuses for another reason than missing rights.
    """
    from botocore.exceptions import ClientError

    try:
        rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in _UNTOLD:
            raise
        return ""
    for rule in rules:
        key = rule.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID", "")
        if ":alias/" in key or key.startswith("alias/"):
            return ""
        if key.startswith("arn:"):
            return key
        if key:
            partition, account = role_arn.split(":")[1], role_arn.split(":")[4]
            return f"arn:{partition}:kms:{s3.meta.region_name}:{account}:key/{key}"
    return ""
