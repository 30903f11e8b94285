from __future__ import annotations

from aws_cdk import App, Duration, RemovalPolicy, Stack, aws_kms, aws_s3

from mme_cdk import ModelBucket

BUCKET = "AWS::S3::Bucket"


def test_safe_by_default(stack: Stack, synth) -> None:
    ModelBucket(stack, "Models")
    template = synth(stack)
    buckets = template.all(BUCKET)
    (models,) = [bucket for bucket in buckets if "LoggingConfiguration" in bucket["Properties"]]
    assert len(buckets) == 2
    for bucket in buckets:
        assert bucket["DeletionPolicy"] == "Retain"
        assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
        encryption = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
        assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        assert bucket["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = {rule["Id"]: rule for rule in models["Properties"]["LifecycleConfiguration"]["Rules"]}
    assert rules["expire-old-versions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rules["drop-leftovers"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_both_buckets_refuse_plain_http(stack: Stack, synth) -> None:
    ModelBucket(stack, "Models")
    policies = synth(stack).all("AWS::S3::BucketPolicy")
    assert len(policies) == 2
    for policy in policies:
        denied = [
            statement
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny"
        ]
        assert len(denied) == 1
        assert denied[0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_with_a_kms_key(stack: Stack, synth) -> None:
    key = aws_kms.Key(stack, "Key", enable_key_rotation=True)
    bucket = ModelBucket(stack, "Models", encryption_key=key, access_logs=False)
    assert bucket.encryption_key is not None
    encryption = synth(stack).one(BUCKET)["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    assert encryption["BucketKeyEnabled"] is True
    assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"


def test_removal_and_expiry_are_choices(stack: Stack, synth) -> None:
    ModelBucket(
        stack,
        "Models",
        removal_policy=RemovalPolicy.DESTROY,
        old_versions_expire_after=Duration.days(7),
        access_logs_expire_after=Duration.days(9),
    )
    template = synth(stack)
    assert {bucket["DeletionPolicy"] for bucket in template.all(BUCKET)} == {"Delete"}
    expiries = str([bucket["Properties"]["LifecycleConfiguration"] for bucket in template.all(BUCKET)])
    assert "'NoncurrentDays': 7" in expiries
    assert "'ExpirationInDays': 9" in expiries
    # What would delete objects with the bucket is a Lambda function, which a local deployment has not.
    assert template.all("AWS::Lambda::Function") == []


def test_logs_into_a_bucket_of_the_users(stack: Stack, synth) -> None:
    logs = aws_s3.Bucket.from_bucket_name(stack, "Logs", "the-log-bucket")
    ModelBucket(stack, "Models", access_logs_bucket=logs)
    assert synth(stack).one(BUCKET)["LoggingConfiguration"] == {
        "DestinationBucketName": "the-log-bucket",
        "LogFilePrefix": "models/",
    }


def test_logs_expire(stack: Stack, synth) -> None:
    ModelBucket(stack, "Models")
    (logs,) = (
        bucket["Properties"]
        for bucket in synth(stack).all(BUCKET)
        if "LoggingConfiguration" not in bucket["Properties"]
    )
    rules = {rule["Id"]: rule for rule in logs["LifecycleConfiguration"]["Rules"]}
    assert rules["expire-logs"]["ExpirationInDays"] == 365
    assert rules["expire-logs"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    # S3 takes this together with no days.
    assert rules["drop-leftovers"]["ExpiredObjectDeleteMarker"] is True
    assert "ExpirationInDays" not in rules["drop-leftovers"]


def test_works_without_any_feature_flag(synth) -> None:
    stack = Stack(App(), "Bare")
    ModelBucket(stack, "Models")
    assert len(synth(stack).all(BUCKET)) == 2
