"""The default bucket for requests and answers."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy, aws_kms, aws_s3
from constructs import Construct

from mme_cdk._internal.type_checks import checked
from mme_cdk._internal.validation import days, outside, require
from mme_cdk.async_invocations.packs import acknowledge_packs


class ExchangeBucket(aws_s3.Bucket):
    """A private bucket whose objects expire: encrypted with a KMS key, TLS only, no versions."""

    @checked
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        encryption_key: aws_kms.IKey,
        expire_after: Duration | None = None,
        access_logs_bucket: aws_s3.IBucket | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Define the bucket.

        Args:
            scope: Parent construct.
            id: Construct id.
            encryption_key: Encrypts the objects, with a bucket key.
            expire_after: How long requests, answers and outcomes are stored, at least 15 whole days: longer
                than the 14 days of the dead-letter queue. An inference id is known for as long.
                Default: 30 days.
            access_logs_bucket: Bucket for S3's access logs. Default: no access logs.
            removal_policy: Removal policy of the bucket. Default: retained.

        Raises:
            PropsError: Values of a wrong type, or objects that expire too early or within a day.
        """
        require(expiration_fault("expire_after", expire_after), at=(scope, id))
        super().__init__(
            scope,
            id,
            encryption=aws_s3.BucketEncryption.KMS,
            encryption_key=encryption_key,
            bucket_key_enabled=True,
            block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=aws_s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            lifecycle_rules=[
                aws_s3.LifecycleRule(
                    id="expire",
                    expiration=expire_after or Duration.days(30),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
            server_access_logs_bucket=access_logs_bucket,
            server_access_logs_prefix="async/" if access_logs_bucket else None,
            removal_policy=removal_policy,
        )
        acknowledge_packs(
            self,
            "objects are written once and expire; versions and replicas would outlive them",
            "S3BucketVersioningEnabled",
            "S3BucketReplicationEnabled",
        )
        if access_logs_bucket is None:
            acknowledge_packs(
                self,
                "objects are temporary; access_logs_bucket turns access logs on",
                "S3BucketLoggingEnabled",
            )


def expiration_fault(name: str, expire_after: Duration | None) -> str | None:
    """Return what is wrong with the expiration of objects; None if nothing is.

    Args:
        name: Name of the prop.
        expire_after: Its value.
    """
    fault = outside(name, days(expire_after), 15, whole="days")
    return f"{fault}, as the dead-letter queue keeps messages for 14" if fault else None
