"""Valid and invalid templates and parameters."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mme_local.aws.cloudformation.errors import CloudFormationRequestError
from mme_local.aws.cloudformation.parameters import resolve_parameters
from mme_local.aws.cloudformation.responses import template_location
from mme_local.aws.cloudformation.template import Template


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("{", "Template format error"),
        ("[]", "unsupported structure"),
        ('{"Resources": {}}', "At least one Resources member"),
        ('{"Resources": {"A": {}}}', "must contain a Type"),
        (
            '{"Resources": {"A": {"Type": "T", "Properties": {"X": {"Ref": "B"}}}}}',
            r"Unresolved resource dependencies \[B\] in the Resources block",
        ),
        (
            '{"Resources": {"A": {"Type": "T", "DependsOn": "B"}, "B": {"Type": "T", "DependsOn": "A"}}}',
            r"Circular dependency between resources: \[A, B\]",
        ),
    ],
)
def test_an_invalid_template_is_refused(template: str, fault: str) -> None:
    with pytest.raises(CloudFormationRequestError, match=fault):
        Template.parse(template)


def test_yaml_with_short_forms() -> None:
    template = Template.parse(
        """
        AWSTemplateFormatVersion: 2010-09-09
        Conditions: {Always: !Equals [a, a]}
        Resources:
          A: {Type: "AWS::S3::Bucket"}
          B:
            Type: AWS::S3::Bucket
            Properties:
              X: !GetAtt A.Arn
              Y: !Sub "${A}-x"
              Z: !If [Always, !Ref A, !Ref "AWS::NoValue"]
        """
    )

    assert template.document["AWSTemplateFormatVersion"] == "2010-09-09"
    assert template.resources["B"]["Properties"] == {
        "X": {"Fn::GetAtt": ["A", "Arn"]},
        "Y": {"Fn::Sub": "${A}-x"},
        "Z": {"Fn::If": ["Always", {"Ref": "A"}, {"Ref": "AWS::NoValue"}]},
    }
    assert template.order(template.resources) == ["A", "B"]


def declare(**slots: Any) -> Template:
    return Template.parse(json.dumps({"Resources": {"A": {"Type": "T"}}, "Parameters": slots}))


def test_parameters() -> None:
    template = declare(
        Text={"Type": "String", "Default": "x"},
        Items={"Type": "CommaDelimitedList"},
        Count={"Type": "Number", "Default": 3},
        Stored={"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/path"},
    )

    assert resolve_parameters(template, {"Items": "a, b"}, lambda name: f"at {name}") == {
        "Text": "x",
        "Items": ["a", "b"],
        "Count": "3",
        "Stored": "at /path",
    }


@pytest.mark.parametrize(
    ("slot", "given", "fault"),
    [
        ({"Type": "String"}, {}, r"Parameters: \[P\] must have values"),
        ({"Type": "String", "Default": ""}, {"Q": "1"}, r"Parameters: \[Q\] do not exist"),
        ({"Type": "Number"}, {"P": "x"}, "must be a number"),
        ({"Type": "String", "AllowedValues": ["a"]}, {"P": "b"}, "must be one of AllowedValues"),
        ({"Type": "String", "AllowedPattern": "a+"}, {"P": "b"}, r"must match pattern a\+"),
        ({"Type": "String", "MinLength": 2}, {"P": "b"}, "at least 2"),
        ({"Type": "String", "MaxLength": 2}, {"P": "bbb"}, "at most 2"),
    ],
)
def test_an_invalid_parameter_is_refused(slot: dict[str, Any], given: dict[str, str], fault: str) -> None:
    with pytest.raises(CloudFormationRequestError, match=fault):
        resolve_parameters(declare(P=slot), given, str)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:4747/assets/a/b.json",
        "http://assets.localhost:4747/a/b.json",
        "https://s3.us-east-1.amazonaws.com/assets/a/b.json",
        "https://assets.s3.us-east-1.amazonaws.com/a/b.json",
        "https://assets.s3.amazonaws.com/a/b.json",
    ],
)
def test_the_location_of_a_template(url: str) -> None:
    assert template_location(url) == ("assets", "a/b.json")


@pytest.mark.parametrize(
    "type_name", ["AWS::Batch::JobQueue", "Custom::S3AutoDeleteObjects", "AWS::Fancy::Thing"]
)
def test_a_type_that_embedded_aws_lacks_is_refused_by_name(
    deploy: Any, cloudformation: Any, type_name: str
) -> None:
    with pytest.raises(Exception, match=rf"Unrecognized resource types: \[{type_name}\]"):
        deploy({"Resources": {"A": {"Type": type_name}, "B": {"Type": "AWS::S3::Bucket"}}})
    assert cloudformation.describe_stacks()["Stacks"] == []


def test_cdk_metadata_has_no_effect(deploy: Any) -> None:
    stack = deploy(
        {"Resources": {"CDKMetadata": {"Type": "AWS::CDK::Metadata", "Properties": {"Analytics": "v2"}}}}
    )

    assert stack["StackStatus"] == "CREATE_COMPLETE"


def test_get_template_returns_the_template_as_sent(deploy: Any, cloudformation: Any) -> None:
    template = {"Description": "two lines", "Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}}}
    deploy(template)

    assert cloudformation.get_template(StackName="app")["TemplateBody"] == template
    summary = cloudformation.get_template_summary(StackName="app")
    assert (summary["Description"], summary["ResourceTypes"]) == ("two lines", ["AWS::S3::Bucket"])


def test_an_option_against_rollback_is_refused(cloudformation: Any) -> None:
    body = json.dumps({"Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}}})

    with pytest.raises(Exception, match="always rolls back; leave out OnFailure"):
        cloudformation.create_stack(StackName="app", TemplateBody=body, OnFailure="DO_NOTHING")
