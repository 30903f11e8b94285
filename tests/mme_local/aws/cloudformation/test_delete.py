"""Resources that remain after a stack or a resource is deleted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

SNAPSHOTS: Final = Path(__file__).parents[3] / "snapshots"


def bucket(**policies: str) -> dict[str, Any]:
    return {"Type": "AWS::S3::Bucket", **policies}


def test_a_bucket_with_objects_is_not_deleted(
    deploy: Any, resource_id: Any, cloudformation: Any, events: Any, aws: Any
) -> None:
    policy = {"Version": "2012-10-17", "Statement": []}
    deploy(
        {
            "Resources": {
                "Bucket": bucket(),
                "Policy": {
                    "Type": "AWS::S3::BucketPolicy",
                    "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": policy},
                },
            }
        }
    )
    name = resource_id("Bucket")
    s3 = aws("s3")
    s3.put_object(Bucket=name, Key="models/a.tar.gz", Body=b"a")

    cloudformation.delete_stack(StackName="app")

    [stack] = cloudformation.describe_stacks(StackName="app")["Stacks"]
    assert stack["StackStatus"] == "DELETE_FAILED"
    assert stack["StackStatusReason"] == "The following resource(s) failed to delete: [Bucket]. "
    reasons = [reason for logical_id, _, reason in events() if logical_id == "Bucket" and reason]
    assert "The bucket you tried to delete is not empty (Service: S3, Status Code: 409" in reasons[-1]
    assert s3.get_object(Bucket=name, Key="models/a.tar.gz")["Body"].read() == b"a"

    s3.delete_object(Bucket=name, Key="models/a.tar.gz")
    cloudformation.delete_stack(StackName="app")
    assert s3.list_buckets()["Buckets"] == []


def test_the_store_of_dev_is_deleted_although_its_logs_are_not_empty(
    deploy: Any, resource_id: Any, cloudformation: Any, aws: Any
) -> None:
    template = json.loads((SNAPSHOTS / "dev-ModelStore.json").read_text("utf-8"))
    deploy({part: template[part] for part in ("Resources", "Outputs")})  # without bootstrap's version
    logs, s3 = resource_id("ModelBucketAccessLogs7173F375"), aws("s3")
    s3.put_object(Bucket=logs, Key="models/2026-11-30", Body=b"log")

    cloudformation.delete_stack(StackName="app")

    assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == [logs]


@pytest.mark.parametrize("policy", ["Retain", "RetainExceptOnCreate"])
def test_a_retained_bucket_outlives_its_stack(
    deploy: Any, resource_id: Any, cloudformation: Any, aws: Any, policy: str
) -> None:
    deploy({"Resources": {"Bucket": bucket(DeletionPolicy=policy)}})
    name = resource_id("Bucket")

    cloudformation.delete_stack(StackName="app")

    assert [one["Name"] for one in aws("s3").list_buckets()["Buckets"]] == [name]


@pytest.mark.parametrize(
    ("policy", "left"), [("Retain", {"one-bucket", "two-bucket"}), ("Delete", {"two-bucket"})]
)
def test_a_replaced_bucket_is_deleted_unless_retained(
    deploy: Any, aws: Any, policy: str, left: set[str]
) -> None:
    for name in ("one-bucket", "two-bucket"):
        definition = {**bucket(UpdateReplacePolicy=policy), "Properties": {"BucketName": name}}
        deploy({"Resources": {"Bucket": definition}})

    assert {one["Name"] for one in aws("s3").list_buckets()["Buckets"]} == left


def test_an_update_completes_even_if_the_cleanup_fails(
    deploy: Any, resource_id: Any, events: Any, aws: Any
) -> None:
    deploy({"Resources": {"Bucket": bucket(), "Other": bucket()}})
    aws("s3").put_object(Bucket=resource_id("Bucket"), Key="a", Body=b"a")

    assert deploy({"Resources": {"Other": bucket()}})["StackStatus"] == "UPDATE_COMPLETE"
    assert ("Bucket", "DELETE_FAILED") in [one[:2] for one in events()]


def test_termination_protection_refuses_a_delete(deploy: Any, cloudformation: Any) -> None:
    deploy({"Resources": {"Bucket": bucket()}})
    cloudformation.update_termination_protection(StackName="app", EnableTerminationProtection=True)

    with pytest.raises(Exception, match="cannot be deleted while TerminationProtection is enabled"):
        cloudformation.delete_stack(StackName="app")
    cloudformation.update_termination_protection(StackName="app", EnableTerminationProtection=False)
    cloudformation.delete_stack(StackName="app")
    assert cloudformation.describe_stacks()["Stacks"] == []
