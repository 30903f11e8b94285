"""Exports and imports."""

from __future__ import annotations

from typing import Any

import pytest


def exporter(**properties: Any) -> dict[str, Any]:
    return {
        "Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties}},
        "Outputs": {"Name": {"Value": {"Ref": "Bucket"}, "Export": {"Name": "store:Bucket"}}},
    }


IMPORTER: dict[str, Any] = {
    "Resources": {
        "Parameter": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Name": "/bucket", "Type": "String", "Value": {"Fn::ImportValue": "store:Bucket"}},
        }
    }
}


def test_an_export_is_imported_by_another_stack(
    deploy: Any, resource_id: Any, cloudformation: Any, aws: Any
) -> None:
    deploy(exporter(), "store")
    deploy(IMPORTER, "serving")

    name = resource_id("Bucket", "store")
    assert aws("ssm").get_parameter(Name="/bucket")["Parameter"]["Value"] == name
    [export] = cloudformation.list_exports()["Exports"]
    assert (export["Name"], export["Value"]) == ("store:Bucket", name)
    assert cloudformation.list_imports(ExportName="store:Bucket")["Imports"] == ["serving"]


def test_deleting_an_exporter_in_use_is_cancelled(deploy: Any, cloudformation: Any, aws: Any) -> None:
    deploy(exporter(), "store")
    deploy(IMPORTER, "serving")

    cloudformation.delete_stack(StackName="store")

    [stack] = cloudformation.describe_stacks(StackName="store")["Stacks"]
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert stack["StackStatusReason"] == (
        "Delete canceled. Cannot delete export store:Bucket as it is in use by serving."
    )
    assert len(aws("s3").list_buckets()["Buckets"]) == 1
    cloudformation.delete_stack(StackName="serving")
    cloudformation.delete_stack(StackName="store")
    assert cloudformation.describe_stacks()["Stacks"] == []


def test_changing_an_export_in_use_rolls_back(deploy: Any, events: Any) -> None:
    deploy(exporter(), "store")
    deploy(IMPORTER, "serving")
    without = exporter()
    del without["Outputs"]

    assert deploy(without, "store")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert any(
        "Cannot delete export store:Bucket as it is in use by serving" in one[2] for one in events("store")
    )
    renamed = exporter(BucketName="another-bucket")
    assert deploy(renamed, "store")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert any(
        "Cannot update export store:Bucket as it is in use by serving" in one[2] for one in events("store")
    )


def test_a_missing_export_fails_the_stack(deploy: Any, cloudformation: Any) -> None:
    deploy(IMPORTER, "serving")

    [stack] = cloudformation.describe_stacks(StackName="serving")["Stacks"]
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    answer = cloudformation.describe_stack_events(StackName="serving")["StackEvents"]
    assert any(one.get("ResourceStatusReason") == "No export named store:Bucket found" for one in answer)


def test_one_name_is_exported_once(deploy: Any, events: Any) -> None:
    deploy(exporter(), "store")

    assert deploy(exporter(), "second")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert any(
        "Export with name store:Bucket is already exported by stack store" in one[2]
        for one in events("second")
    )


def test_an_export_that_is_not_imported_can_be_deleted(deploy: Any, cloudformation: Any) -> None:
    deploy(exporter(), "store")
    with pytest.raises(Exception, match="is not imported by any stack"):
        cloudformation.list_imports(ExportName="store:Bucket")

    cloudformation.delete_stack(StackName="store")

    assert cloudformation.list_exports()["Exports"] == []
