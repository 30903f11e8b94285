"""The bucket that holds the models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy, aws_s3
from constructs import Construct

from mme_cdk._internal.acknowledgements import acknowledge, acknowledge_checkov, acknowledge_config_rule
from mme_cdk._internal.cdk_kinds import BUCKET, KEY
from mme_cdk._internal.expectations import DURATION, FLAG, expect, one_of
from mme_cdk._internal.validation import not_whole_days, require

if TYPE_CHECKING:
    from aws_cdk import aws_kms


class ModelBucket(aws_s3.Bucket):
    """A bucket with what models need: versions, encryption, TLS only, nothing public, access logs.

    CloudFormation never deletes a bucket with objects in it, whatever the removal policy: empty it first.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        encryption_key: aws_kms.IKey | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
        old_versions_expire_after: Duration | None = None,
        access_logs: bool = True,
        access_logs_bucket: aws_s3.IBucket | None = None,
        access_logs_expire_after: Duration | None = None,
    ) -> None:
        """Define the bucket.

        Args:
            scope: the parent.
            id: the construct's id.
            encryption_key: encrypts objects with this KMS key, through a bucket key. Default: SSE-S3.
            removal_policy: what becomes of bucket and models with the stack. Default: retained.
            old_versions_expire_after: how long an overwritten or deleted object can be had back.
                Default: 30 days.
            access_logs: whether S3 writes access logs. Default: True.
            access_logs_bucket: where they go. Default: a bucket of their own, with the same removal policy.
            access_logs_expire_after: how long the default log bucket keeps them. Default: 365 days.

        Raises:
            PropsError: values of the wrong kind, and spans that are no whole days.
        """
        require(
            expect("encryption_key", encryption_key, KEY, optional=True),
            expect("removal_policy", removal_policy, one_of(RemovalPolicy)),
            expect("old_versions_expire_after", old_versions_expire_after, DURATION, optional=True),
            expect("access_logs", access_logs, FLAG),
            expect("access_logs_bucket", access_logs_bucket, BUCKET, optional=True),
            expect("access_logs_expire_after", access_logs_expire_after, DURATION, optional=True),
            at=(scope, id),
        )
        require(
            not_whole_days("old_versions_expire_after", old_versions_expire_after),
            not_whole_days("access_logs_expire_after", access_logs_expire_after),
            at=(scope, id),
        )
        super().__init__(
            scope,
            id,
            encryption=aws_s3.BucketEncryption.KMS if encryption_key else aws_s3.BucketEncryption.S3_MANAGED,
            encryption_key=encryption_key,
            bucket_key_enabled=True if encryption_key else None,
            block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=aws_s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=True,
            lifecycle_rules=[
                aws_s3.LifecycleRule(
                    id="expire-old-versions",
                    noncurrent_version_expiration=old_versions_expire_after or Duration.days(30),
                ),
                aws_s3.LifecycleRule(
                    id="drop-leftovers",
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                    expired_object_delete_marker=True,
                ),
            ],
            server_access_logs_bucket=(
                access_logs_bucket or _log_bucket(scope, id, removal_policy, access_logs_expire_after)
                if access_logs
                else None
            ),
            server_access_logs_prefix="models/" if access_logs else None,
            removal_policy=removal_policy,
        )
        if not access_logs:
            reason = "access logs were switched off for this bucket on purpose"
            acknowledge(self, "S1", reason)
            acknowledge_config_rule(self, "S3BucketLoggingEnabled", reason)
            acknowledge_checkov(self, "CKV_AWS_18", reason)


def _log_bucket(
    scope: Construct, id: str, removal_policy: RemovalPolicy, expire_after: Duration | None
) -> aws_s3.Bucket:
    # A sibling, because the bucket needs it before there is a bucket to be its parent. Its object ownership
    # is CDK's to set: apps without the feature flag for log delivery by bucket policy need an ACL.
    logs = aws_s3.Bucket(
        scope,
        f"{id}AccessLogs",
        # S3's log delivery cannot write to a bucket whose default encryption is a KMS key of ours.
        encryption=aws_s3.BucketEncryption.S3_MANAGED,
        block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        # A log that someone overwrites or deletes can be had back for a while.
        versioned=True,
        lifecycle_rules=[
            aws_s3.LifecycleRule(
                id="expire-logs",
                expiration=expire_after or Duration.days(365),
                noncurrent_version_expiration=Duration.days(30),
                abort_incomplete_multipart_upload_after=Duration.days(1),
            ),
            aws_s3.LifecycleRule(id="drop-leftovers", expired_object_delete_marker=True),
        ],
        removal_policy=removal_policy,
    )
    acknowledge_checkov(
        logs, "CKV_AWS_18", "this bucket receives the access logs; logging its own access would never end"
    )
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    acknowledge_config_rule(
        logs,
        "S3DefaultEncryptionKMS",
        "S3 delivers access logs to no bucket whose default encryption is SSE-KMS; SSE-S3 encrypts them",
    )
    acknowledge_config_rule(
        logs,
        "S3BucketReplicationEnabled",
        "access logs are a record of this bucket in this region; no service depends on a second copy",
    )
    return logs
