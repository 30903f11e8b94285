"""Buckets and their policies: S3 has the settings of the template."""

from __future__ import annotations

import json
from typing import Any

import pytest

TLS_ONLY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": "s3:*",
            "Resource": {"Fn::Sub": "${Bucket.Arn}/*"},
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ],
}


def full() -> dict[str, Any]:
    return {
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
            ]
        },
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "Id": "tidy",
                    "Status": "Enabled",
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                },
                {"Id": "old", "Status": "Enabled", "Prefix": "logs/", "ExpirationInDays": "90"},
            ]
        },
        "LoggingConfiguration": {"DestinationBucketName": {"Ref": "Logs"}, "LogFilePrefix": "access/"},
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
        "Tags": [{"Key": "project", "Value": "mme"}],
        "VersioningConfiguration": {"Status": "Enabled"},
    }


def template(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "Resources": {
            "Logs": {"Type": "AWS::S3::Bucket"},
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties},
        }
    }


def test_every_setting_is_applied(deploy: Any, resource_id: Any, aws: Any) -> None:
    stack = deploy(template(full()))

    assert stack["StackStatus"] == "CREATE_COMPLETE"
    s3, name = aws("s3"), resource_id("Bucket")
    encryption = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert encryption["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    tidy, old = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert tidy["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert tidy["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert (old["Filter"], old["Expiration"]) == ({"Prefix": "logs/"}, {"Days": 90})
    logging = s3.get_bucket_logging(Bucket=name)["LoggingEnabled"]
    assert (logging["TargetBucket"], logging["TargetPrefix"]) == (resource_id("Logs"), "access/")
    owner = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    assert owner == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    blocked = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    assert blocked == full()["PublicAccessBlockConfiguration"]
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == full()["Tags"]
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"


def test_settings_are_changed_and_removed_in_place(deploy: Any, resource_id: Any, aws: Any) -> None:
    deploy(template(full()))
    name = resource_id("Bucket")
    aws("s3").put_object(Bucket=name, Key="a", Body=b"a")
    stack = deploy(template({"VersioningConfiguration": {"Status": "Suspended"}}))

    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert resource_id("Bucket") == name
    s3 = aws("s3")
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Suspended"
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=name)
    for operation in ("get_bucket_lifecycle_configuration", "get_public_access_block", "get_bucket_tagging"):
        with pytest.raises(s3.exceptions.ClientError, match=r"NoSuch|does not exist|not found"):
            getattr(s3, operation)(Bucket=name)
    assert s3.get_object(Bucket=name, Key="a")["Body"].read() == b"a"


def test_bucket_attributes(deploy: Any, resource_id: Any) -> None:
    document = template({})
    document["Outputs"] = {
        name: {"Value": {"Fn::GetAtt": ["Bucket", name]}} for name in ("Arn", "RegionalDomainName")
    }
    stack = deploy(document)

    name = resource_id("Bucket")
    assert name.startswith("app-bucket-")
    assert {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]} == {
        "Arn": f"arn:aws:s3:::{name}",
        "RegionalDomainName": f"{name}.s3.us-east-1.amazonaws.com",
    }


def test_a_property_that_is_not_provided_is_named(deploy: Any, events: Any, aws: Any) -> None:
    assert deploy(template({"ReplicationConfiguration": {"Role": "r"}}))["StackStatus"] == "ROLLBACK_COMPLETE"
    message = "Embedded AWS does not provide ReplicationConfiguration of AWS::S3::Bucket"
    assert message in [reason for _, _, reason in events()]
    assert aws("s3").list_buckets()["Buckets"] == []


def test_notifications_that_would_not_be_sent_are_refused(deploy: Any, events: Any) -> None:
    value = {"EventBridgeConfiguration": {}, "QueueConfigurations": [], "LambdaConfigurations": []}
    assert deploy(template({"NotificationConfiguration": value}))["StackStatus"] == "ROLLBACK_COMPLETE"
    members = "LambdaConfigurations, QueueConfigurations of NotificationConfiguration of AWS::S3::Bucket"
    assert f"Embedded AWS does not provide {members}" in [reason for _, _, reason in events()]


def test_a_bucket_with_a_refused_setting_is_rolled_back(deploy: Any, aws: Any) -> None:
    bad = {"LoggingConfiguration": {"DestinationBucketName": "no-such-bucket"}}

    assert deploy(template(bad))["StackStatus"] == "ROLLBACK_COMPLETE"
    assert aws("s3").list_buckets()["Buckets"] == []


def with_policy(document: dict[str, Any]) -> dict[str, Any]:
    made = template({})
    properties = {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": document}
    made["Resources"]["Policy"] = {"Type": "AWS::S3::BucketPolicy", "Properties": properties}
    return made


def test_a_tls_only_policy_is_stored_and_denies_no_one(deploy: Any, resource_id: Any, aws: Any) -> None:
    deploy(with_policy(TLS_ONLY))

    s3, name = aws("s3"), resource_id("Bucket")
    [statement] = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == f"arn:aws:s3:::{name}/*"
    s3.put_object(Bucket=name, Key="a", Body=b"a")
    assert s3.get_object(Bucket=name, Key="a")["Body"].read() == b"a"
    s3.delete_object(Bucket=name, Key="a")


def test_a_bucket_policy_is_updated_and_deleted(deploy: Any, resource_id: Any, aws: Any) -> None:
    deploy(with_policy({"Version": "2012-10-17", "Statement": []}))
    assert deploy(with_policy(TLS_ONLY))["StackStatus"] == "UPDATE_COMPLETE"
    s3, name = aws("s3"), resource_id("Bucket")
    assert len(json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"]) == 1

    deploy(template({}))

    with pytest.raises(s3.exceptions.ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=name)
