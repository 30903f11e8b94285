"""The bucket that holds requests and answers for a while."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy, aws_kms, aws_s3
from constructs import Construct

from mme_cdk._internal.acknowledgements import acknowledge_checkov
from mme_cdk._internal.cdk_kinds import BUCKET, KEY
from mme_cdk._internal.expectations import DURATION, expect, one_of
from mme_cdk._internal.validation import not_whole_days, require
from mme_cdk.async_invocations.packs import acknowledge_packs


class ExchangeBucket(aws_s3.Bucket):
    """A bucket for what passes through: encrypted by a KMS key, TLS only, nothing public, emptied by time."""

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
            scope: the parent.
            id: the construct's id.
            encryption_key: encrypts the objects, through a bucket key.
            expire_after: how long requests, answers and outcomes stay, whole days, more than the 14 that a
                message may wait in the dead-letter queue: for so long an inference id is known.
                Default: 30 days.
            access_logs_bucket: where S3 writes access logs. Default: nowhere.
            removal_policy: what becomes of the bucket with the stack. Default: retained.

        Raises:
            PropsError: values of the wrong kind, objects that expire too soon or in parts of a day.
        """
        require(
            expect("encryption_key", encryption_key, KEY),
            expect("expire_after", expire_after, DURATION, optional=True),
            expect("access_logs_bucket", access_logs_bucket, BUCKET, optional=True),
            expect("removal_policy", removal_policy, one_of(RemovalPolicy)),
            at=(scope, id),
        )
        kept = expire_after or Duration.days(30)
        fault = not_whole_days("expire_after", kept, 15)
        require(
            f"{fault}, as dead letters stay 14" if fault else None,
            at=(scope, id),
        )
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
                    expiration=kept,
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
            server_access_logs_bucket=access_logs_bucket,
            server_access_logs_prefix="async/" if access_logs_bucket else None,
            removal_policy=removal_policy,
        )
        passing = (
            "objects here are written once and expire: versions and copies of them would only outlive them"
        )
        acknowledge_packs(self, passing, "S3BucketVersioningEnabled", "S3BucketReplicationEnabled")
        acknowledge_checkov(self, "CKV_AWS_21", passing)
        if access_logs_bucket is None:
            unlogged = (
                "what is here passes through; give access_logs_bucket where its readers are to be logged"
            )
            acknowledge_packs(self, unlogged, "S3BucketLoggingEnabled")
            acknowledge_checkov(self, "CKV_AWS_18", unlogged)
