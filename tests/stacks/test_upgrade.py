"""From the previous release to this version: no resource with state is replaced, deleted or left unprotected.

`previous_release/` holds the snapshots of the release before; `make release-snapshots` renews them.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mme_local import aws as cloud
from mme_local.aws import clients_of
from tests.stacks.upgrade_losses import losses

PREVIOUS = Path(__file__).parent / "previous_release"
STACKS = sorted(file.stem for file in PREVIOUS.glob("*.json"))
ENVIRONMENTS = sorted({stack.partition("-")[0] for stack in STACKS})


def previous(stack: str) -> dict[str, Any]:
    template: dict[str, Any] = json.loads((PREVIOUS / f"{stack}.json").read_text("utf-8"))
    return template


def test_each_environment_of_the_previous_release_has_both_stacks() -> None:
    assert sorted(f"{name}-{stack}" for name in ENVIRONMENTS for stack in ("ModelStore", "Serving")) == STACKS
    assert {"dev", "local", "prod", "staging"} <= set(ENVIRONMENTS)


@pytest.mark.parametrize("stack", STACKS)
def test_an_update_loses_nothing(stack: str, assembly) -> None:
    assert losses(previous(stack), assembly.template(*stack.split("-"))) == []


def renamed(template: dict[str, Any], kind: str) -> str:
    """Give the first resource of a type another logical id, as moving a construct does; answer the old."""
    resources = template["Resources"]
    name = next(name for name, found in resources.items() if found["Type"] == kind)
    resources[f"Moved{name}"] = resources.pop(name)
    return str(name)


@pytest.mark.parametrize("kind", ["AWS::S3::Bucket", "AWS::S3::BucketPolicy"])
def test_a_moved_resource_is_found(kind: str) -> None:
    before = previous("prod-ModelStore")
    after = copy.deepcopy(before)
    name = renamed(after, kind)
    assert losses(before, after) == [f"{name} ({kind}) is deleted"]


def test_a_replacement_is_found() -> None:
    before = previous("prod-Serving")
    after = copy.deepcopy(before)
    (endpoint,) = (one for one in after["Resources"].values() if one["Type"] == "AWS::SageMaker::Endpoint")
    endpoint["Properties"]["EndpointName"] = "another"
    (target,) = (one for one in after["Resources"].values() if "ScalableTarget" in one["Type"])
    target["Properties"]["ResourceId"] = "another"
    target["Properties"]["MaxCapacity"] = 99
    assert [line.split("(")[1] for line in losses(before, after)] == [
        "AWS::SageMaker::Endpoint) is replaced: /properties/EndpointName changed",
        "AWS::ApplicationAutoScaling::ScalableTarget) is replaced: /properties/ResourceId changed",
    ]


def test_a_bucket_no_longer_retained_and_a_lost_export_are_found() -> None:
    before = previous("prod-ModelStore")
    after = copy.deepcopy(before)
    for resource in after["Resources"].values():
        if resource["Type"] == "AWS::S3::Bucket":
            resource["DeletionPolicy"] = "Delete"
    exported = next(name for name, output in after["Outputs"].items() if "Export" in output)
    export = after["Outputs"].pop(exported)["Export"]["Name"]
    found = losses(before, after)
    assert f"export {export} is gone" in found
    assert sum("is no longer retained: DeletionPolicy is Delete" in line for line in found) == 2


@pytest.fixture
def aws() -> Iterator[Any]:
    """Embedded AWS, bootstrapped; it lets no test see what another deployed."""
    cloud.reset()
    client = clients_of("123456789012", "us-east-1").client
    client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String")
    yield client
    cloud.reset()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_deployed_release_is_updated_in_place(environment: str, aws: Any, assembly) -> None:
    stacks = {"model-store": f"{environment}-ModelStore", "serving": f"{environment}-Serving"}
    cloudformation, s3, sagemaker = aws("cloudformation"), aws("s3"), aws("sagemaker")

    def physical_ids(stack: str) -> dict[str, tuple[str, str]]:
        listed = cloudformation.describe_stack_resources(StackName=f"mme-{environment}-{stack}")
        return {
            one["LogicalResourceId"]: (one["ResourceType"], one["PhysicalResourceId"])
            for one in listed["StackResources"]
        }

    for name, file in stacks.items():
        cloudformation.create_stack(
            StackName=f"mme-{environment}-{name}",
            TemplateBody=json.dumps(previous(file)),
            Capabilities=["CAPABILITY_IAM"],
        )
    before = {name: physical_ids(name) for name in stacks}
    (models,) = (
        physical
        for logical, (kind, physical) in before["model-store"].items()
        if kind == "AWS::S3::Bucket" and "AccessLogs" not in logical
    )
    s3.put_object(Bucket=models, Key="models/add_sub_v0.tar.gz", Body=b"an archive")
    endpoint = sagemaker.describe_endpoint(EndpointName=f"mme-{environment}")

    for name, file in stacks.items():
        cloudformation.update_stack(
            StackName=f"mme-{environment}-{name}",
            # One more tag, so that there is an update even where this version changes nothing.
            TemplateBody=json.dumps(assembly.template(*file.split("-"))),
            Tags=[{"Key": "version", "Value": "this"}],
            Capabilities=["CAPABILITY_IAM"],
        )

    for name in stacks:
        (stack,) = cloudformation.describe_stacks(StackName=f"mme-{environment}-{name}")["Stacks"]
        assert stack["StackStatus"] == "UPDATE_COMPLETE", stack
        after = physical_ids(name)
        for logical, (kind, physical) in before[name].items():
            if kind not in {"AWS::SageMaker::Model", "AWS::SageMaker::EndpointConfig", "AWS::IAM::Policy"}:
                assert after[logical] == (kind, physical), logical
    body = s3.get_object(Bucket=models, Key="models/add_sub_v0.tar.gz")["Body"].read()
    assert body == b"an archive"
    updated = sagemaker.describe_endpoint(EndpointName=f"mme-{environment}")
    assert (updated["EndpointArn"], updated["CreationTime"], updated["EndpointStatus"]) == (
        endpoint["EndpointArn"],
        endpoint["CreationTime"],
        "InService",
    )
    assert len(sagemaker.list_endpoints()["Endpoints"]) == 1
