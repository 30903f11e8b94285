"""Updates of a multi-model endpoint: no dangling reference, and a failure changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mme_local.aws import control_plane


def outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}


def test_a_replacement_is_created_before_the_old_resource_is_deleted(
    deploy: Any, endpoint_template: Any, events: Any, aws: Any
) -> None:
    before = outputs(deploy(endpoint_template(image="image:1")))
    stack = deploy(endpoint_template(image="image:2", count=2))
    after = outputs(stack)

    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert after["Arn"] == before["Arn"]
    assert after["Model"] != before["Model"]
    assert after["Config"] != before["Config"]
    sagemaker = aws("sagemaker")
    assert [one["ModelArn"] for one in sagemaker.list_models()["Models"]] == [after["Model"]]
    configs = sagemaker.list_endpoint_configs()["EndpointConfigs"]
    assert [one["EndpointConfigArn"] for one in configs] == [after["Config"]]
    endpoint = sagemaker.describe_endpoint(EndpointName="mme")
    assert endpoint["EndpointConfigName"] == after["Config"].rpartition("/")[2]
    assert endpoint["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    done = [(name, status) for name, status, _ in events() if status.endswith("_COMPLETE")]
    assert done[done.index(("app", "CREATE_COMPLETE")) + 1 :] == [
        ("Model", "UPDATE_COMPLETE"),
        ("Config", "UPDATE_COMPLETE"),
        ("Endpoint", "UPDATE_COMPLETE"),
        ("Config", "DELETE_COMPLETE"),
        ("Model", "DELETE_COMPLETE"),
        ("app", "UPDATE_COMPLETE"),
    ]


def test_a_failed_update_restores_the_old_resources(
    deploy: Any, endpoint_template: Any, events: Any, aws: Any
) -> None:
    before = outputs(deploy(endpoint_template(image="image:1")))
    stack = deploy(endpoint_template(image="image:2", instance_type="ml.imaginary.large"))

    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert outputs(stack) == before
    [(_, _, reason)] = [one for one in events() if one[1] == "UPDATE_FAILED"]
    assert "Value 'ml.imaginary.large' at 'productionVariants.1.member.instanceType'" in reason
    sagemaker = aws("sagemaker")
    assert [one["ModelArn"] for one in sagemaker.list_models()["Models"]] == [before["Model"]]
    endpoint = sagemaker.describe_endpoint(EndpointName="mme")
    assert endpoint["EndpointConfigName"] == before["Config"].rpartition("/")[2]
    assert deploy(endpoint_template(image="image:3"))["StackStatus"] == "UPDATE_COMPLETE"


def test_a_later_failure_rolls_back_an_update_in_place(deploy: Any, endpoint_template: Any, aws: Any) -> None:
    before = outputs(deploy(endpoint_template(image="image:1")))
    failing = endpoint_template(image="image:2")
    failing["Resources"]["Late"] = {
        "Type": "AWS::S3::Bucket",
        "DependsOn": "Endpoint",
        "Properties": {"BucketName": "ab"},
    }
    stack = deploy(failing)

    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    endpoint = aws("sagemaker").describe_endpoint(EndpointName="mme")
    assert endpoint["EndpointConfigName"] == before["Config"].rpartition("/")[2]
    deployed = control_plane.resolve_endpoint("mme")
    assert deployed is not None
    assert deployed.variants[0].containers[0].image == "image:1"
    assert len(aws("sagemaker").list_endpoint_configs()["EndpointConfigs"]) == 1


def test_a_failed_create_is_rolled_back(deploy: Any, endpoint_template: Any, aws: Any) -> None:
    stack = deploy(endpoint_template(instance_type="ml.imaginary.large"))

    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert aws("sagemaker").list_models()["Models"] == []
    with pytest.raises(Exception, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        deploy(endpoint_template())


def test_a_resource_with_a_fixed_name_cannot_be_replaced(
    deploy: Any, endpoint_template: Any, events: Any
) -> None:
    template = endpoint_template(image="image:1")
    template["Resources"]["Model"]["Properties"]["ModelName"] = "fixed"
    deploy(template)
    changed = endpoint_template(image="image:2")
    changed["Resources"]["Model"]["Properties"]["ModelName"] = "fixed"

    assert deploy(changed)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert any("Rename fixed and update the stack again" in reason for _, _, reason in events())


def test_a_resource_removed_from_the_template_is_deleted(
    deploy: Any, endpoint_template: Any, aws: Any
) -> None:
    deploy(endpoint_template())
    smaller = endpoint_template()
    del smaller["Resources"]["Endpoint"]
    for key in ("Arn", "Name"):
        del smaller["Outputs"][key]

    assert deploy(smaller)["StackStatus"] == "UPDATE_COMPLETE"
    assert aws("sagemaker").list_endpoints()["Endpoints"] == []
    assert control_plane.resolve_endpoint("mme") is None


def test_an_update_without_changes_is_refused(deploy: Any, endpoint_template: Any) -> None:
    deploy(endpoint_template())

    with pytest.raises(Exception, match="No updates are to be performed"):
        deploy(endpoint_template())


def test_an_output_without_a_value_rolls_back(deploy: Any, endpoint_template: Any, aws: Any) -> None:
    template = endpoint_template()
    template["Outputs"]["Odd"] = {"Value": {"Fn::Select": [9, ["only"]]}}

    stack = deploy(template)

    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert aws("sagemaker").list_endpoints()["Endpoints"] == []


def test_a_reference_to_a_resource_with_a_false_condition_fails(deploy: Any, events: Any) -> None:
    template = {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Resources": {
            "Left": {"Type": "AWS::S3::Bucket", "Condition": "Never"},
            "Kept": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Ref": "Left"}}},
        },
    }

    assert deploy(template)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert any("dependencies [Left]: its condition is false" in reason for _, _, reason in events())


def test_deletion_policies_of_a_failed_update_are_rolled_back(
    deploy: Any, resource_id: Any, cloudformation: Any, aws: Any
) -> None:
    deploy({"Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}}})
    failing = {
        "Resources": {
            "Bucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"},
            "Bad": {"Type": "AWS::S3::Bucket", "DependsOn": "Bucket", "Properties": {"BucketName": "ab"}},
        }
    }
    assert deploy(failing)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"

    cloudformation.delete_stack(StackName="app")

    assert aws("s3").list_buckets()["Buckets"] == []


@pytest.mark.parametrize("skipped", [[], ["Role"]])
def test_a_rollback_that_fails_can_be_continued(
    deploy: Any, cloudformation: Any, resource_id: Any, aws: Any, skipped: list[str]
) -> None:
    iam = aws("iam")
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    principal = {"Service": "sagemaker.amazonaws.com"}
    allowed = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    trust = {"Version": "2012-10-17", "Statement": [allowed]}
    policy = iam.create_policy(PolicyName="p", PolicyDocument=document)["Policy"]["Arn"]

    def template(arns: list[str], **more: Any) -> dict[str, Any]:
        role = {"AssumeRolePolicyDocument": trust, "ManagedPolicyArns": arns}
        return {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": role}, **more}}

    deploy(template([policy]))
    iam.detach_role_policy(RoleName=resource_id("Role"), PolicyArn=policy)
    iam.delete_policy(PolicyArn=policy)
    bad = {"Type": "AWS::S3::Bucket", "DependsOn": "Role", "Properties": {"BucketName": "ab"}}
    assert deploy(template([], Bad=bad))["StackStatus"] == "UPDATE_ROLLBACK_FAILED"
    with pytest.raises(Exception, match="is in UPDATE_ROLLBACK_FAILED state and can not be updated"):
        deploy(template([]))

    if not skipped:
        iam.create_policy(PolicyName="p", PolicyDocument=document)
    cloudformation.continue_update_rollback(StackName="app", ResourcesToSkip=skipped)

    [stack] = cloudformation.describe_stacks(StackName="app")["Stacks"]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    with pytest.raises(Exception, match="can not continue update rollback"):
        cloudformation.continue_update_rollback(StackName="app")
    assert deploy(template([], Good={"Type": "AWS::S3::Bucket"}))["StackStatus"] == "UPDATE_COMPLETE"
