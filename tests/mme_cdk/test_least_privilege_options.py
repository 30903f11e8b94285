"""Permissions that a network and data capture add to the execution role; the bucket policy adds none."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, aws_ec2, aws_s3
from aws_cdk.assertions import Template

from mme_cdk import DataCapture, ModelBucket, ModelStore, MultiModelEndpoint, ServingImage
from tests.mme_cdk.role_policies import RolePolicies

EC2 = "arn:aws:ec2:eu-west-1:111122223333"
CAPTURED = "arn:aws:s3:::captured"
CREATE = "ec2:CreateNetworkInterface"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    app = App(outdir=str(tmp_path_factory.mktemp("out")), analytics_reporting=False)
    stack = Stack(app, "Test", env=Environment(account="111122223333", region="eu-west-1"))
    vpc = aws_ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-1",
        availability_zones=["eu-west-1a", "eu-west-1b"],
        private_subnet_ids=["subnet-1", "subnet-2"],
    )
    MultiModelEndpoint(
        stack,
        "Endpoint",
        image=ServingImage.triton("26.05"),
        models=ModelStore.from_bucket(ModelBucket(stack, "Models", access_logs=False)),
        instance_type="ml.g5.xlarge",
        vpc=vpc,
        security_groups=[aws_ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-1")],
        data_capture=DataCapture(
            bucket=aws_s3.Bucket.from_bucket_name(stack, "Captured", "captured"), sampling_percentage=1
        ),
    )
    rendered: dict[str, Any] = Template.from_stack(stack).to_json()
    return rendered


@pytest.fixture(scope="module")
def role(template: dict[str, Any]) -> RolePolicies:
    resources = template["Resources"]
    (name,) = (id for id, found in resources.items() if found["Type"] == "AWS::IAM::Role")
    (bucket,) = (id for id, found in resources.items() if found["Type"] == "AWS::S3::Bucket")
    return RolePolicies(template, name, {"AWS::Partition": "aws", f"{bucket}.Arn": "arn:aws:s3:::the-models"})


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        (CREATE, f"{EC2}:subnet/subnet-1"),
        (CREATE, f"{EC2}:subnet/subnet-2"),
        (CREATE, f"{EC2}:security-group/sg-1"),
        (CREATE, f"{EC2}:network-interface/eni-1"),
        ("ec2:DescribeSubnets", "*"),
        ("s3:PutObject", f"{CAPTURED}/data-capture/mine/AllTraffic/1.jsonl"),
    ],
)
def test_it_may(action: str, resource: str, role: RolePolicies) -> None:
    assert role.allow(action, resource)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        (CREATE, f"{EC2}:subnet/subnet-3"),
        (CREATE, f"{EC2}:security-group/sg-2"),
        (CREATE, f"{EC2.replace('eu-west-1', 'us-east-1')}:subnet/subnet-1"),
        ("ec2:RunInstances", f"{EC2}:subnet/subnet-1"),
        ("ec2:AuthorizeSecurityGroupIngress", f"{EC2}:security-group/sg-1"),
        ("ec2:ModifyVpcAttribute", f"{EC2}:vpc/vpc-1"),
        ("s3:GetObject", f"{CAPTURED}/data-capture/mine/AllTraffic/1.jsonl"),
        ("s3:DeleteObject", f"{CAPTURED}/data-capture/mine/AllTraffic/1.jsonl"),
        ("s3:PutObject", f"{CAPTURED}/other/1.jsonl"),
        ("s3:PutObject", "arn:aws:s3:::the-models/models/x.tar.gz"),
        ("s3:PutObject", "arn:aws:s3:::the-models/data-capture/x.jsonl"),
    ],
)
def test_it_may_not(action: str, resource: str, role: RolePolicies) -> None:
    assert not role.allow(action, resource)


def test_the_bucket_policy_allows_nothing(template: dict[str, Any]) -> None:
    statements = [
        statement
        for found in template["Resources"].values()
        if found["Type"] == "AWS::S3::BucketPolicy"
        for statement in found["Properties"]["PolicyDocument"]["Statement"]
    ]
    assert statements
    assert {statement["Effect"] for statement in statements} == {"Deny"}
