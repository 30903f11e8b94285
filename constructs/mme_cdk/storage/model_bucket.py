"""The bucket that stores the models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy, aws_s3
from constructs import Construct

from mme_cdk._internal.acknowledgements import acknowledge, acknowledge_checkov, acknowledge_config_rule
from mme_cdk._internal.type_checks import checked
from mme_cdk._internal.validation import days, outside, require

if TYPE_CHECKING:
    from aws_cdk import aws_kms


class ModelBucket(aws_s3.Bucket):
    """A versioned, encrypted bucket with access logs, TLS only and no public access.

    CloudFormation never deletes a bucket that contains objects, whatever the removal policy: empty it first,
    or use `auto_delete_objects`.
    """

    @checked
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
        bucket_name: str | None = None,
        lifecycle_rules: Sequence[aws_s3.LifecycleRule] = (),
        event_bridge_enabled: bool = False,
        auto_delete_objects: bool = False,
    ) -> None:
        """Define the bucket.

        Args:
            scope: Parent.
            id: Construct id.
            encryption_key: KMS key for the objects, through a bucket key. Default: SSE-S3.
            removal_policy: What happens to the bucket when it leaves the stack. Default: retained.
            old_versions_expire_after: How long overwritten and deleted objects can be restored; whole days.
                Default: 30 days.
            access_logs: Whether S3 writes access logs. Default: True.
            access_logs_bucket: Their bucket. Default: a new one, which outlives the stack unless
                `auto_delete_objects`.
            access_logs_expire_after: How long the new bucket stores them; whole days. Default: 365 days.
            bucket_name: A fixed name. Default: chosen by CloudFormation.
            lifecycle_rules: Further rules. Default: none but those of this class.
            event_bridge_enabled: Whether S3 sends events of the objects to EventBridge. Default: False.
            auto_delete_objects: Whether deleting the bucket deletes its objects first, with a Lambda function
                that aws-cdk adds to the stack; the new log bucket, too. Default: False.

        Raises:
            PropsError: Wrong types, durations that are not whole days, or auto_delete_objects without
                `RemovalPolicy.DESTROY`.
        """
        require(
            outside("old_versions_expire_after", days(old_versions_expire_after), 1, whole="days"),
            outside("access_logs_expire_after", days(access_logs_expire_after), 1, whole="days"),
            "auto_delete_objects needs removal_policy=RemovalPolicy.DESTROY: give both"
            if auto_delete_objects and removal_policy is not RemovalPolicy.DESTROY
            else None,
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
                *lifecycle_rules,
            ],
            bucket_name=bucket_name,
            event_bridge_enabled=event_bridge_enabled or None,
            auto_delete_objects=auto_delete_objects or None,
            server_access_logs_bucket=(
                access_logs_bucket or _log_bucket(scope, id, access_logs_expire_after, auto_delete_objects)
                if access_logs
                else None
            ),
            server_access_logs_prefix="models/" if access_logs else None,
            removal_policy=removal_policy,
        )
        if not access_logs:
            reason = "access logs are switched off for this bucket"
            acknowledge(self, "S1", reason)
            acknowledge_config_rule(self, "S3BucketLoggingEnabled", reason)
            acknowledge_checkov(self, "CKV_AWS_18", reason)


def _log_bucket(
    scope: Construct,
    id: str,
    expire_after: Duration | None,
    auto_delete_objects: bool,
) -> aws_s3.Bucket:
    # A sibling, because the model bucket needs it before it can be a parent. CDK sets its object ownership:
    # apps without the feature flag for log delivery by bucket policy need an ACL.
    logs = aws_s3.Bucket(
        scope,
        f"{id}AccessLogs",
        # S3 can't deliver access logs to a bucket with SSE-KMS as its default encryption.
        encryption=aws_s3.BucketEncryption.S3_MANAGED,
        block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
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
        auto_delete_objects=auto_delete_objects or None,
        # It is never empty: S3 delivers logs for hours, also of the deletion itself.
        removal_policy=RemovalPolicy.DESTROY if auto_delete_objects else RemovalPolicy.RETAIN,
    )
    acknowledge_checkov(
        logs, "CKV_AWS_18", "this bucket receives access logs; logging its own would never end"
    )
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    acknowledge_config_rule(
        logs,
        "S3DefaultEncryptionKMS",
        "S3 can't deliver access logs to a bucket with SSE-KMS as its default; SSE-S3 encrypts them",
    )
    acknowledge_config_rule(
        logs,
        "S3BucketReplicationEnabled",
        "access logs are a record of this bucket in this region; no service depends on a second copy",
    )
    return logs
