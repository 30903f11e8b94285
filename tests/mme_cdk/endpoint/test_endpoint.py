from __future__ import annotations

import re

import pytest
from aws_cdk import Stack, Token, aws_iam

from mme_cdk import Endpoint, EndpointConfig, ModelStore, MultiModel, PropsError, ServingImage

ENDPOINT = "AWS::SageMaker::Endpoint"


@pytest.fixture
def config(stack: Stack, models: ModelStore) -> EndpointConfig:
    model = MultiModel(stack, "Model", image=ServingImage.triton("26.05"), models=models)
    return EndpointConfig(stack, "Config", model=model, instance_type="ml.g5.xlarge")


@pytest.fixture
def role(stack: Stack) -> aws_iam.Role:
    return aws_iam.Role(stack, "Caller", assumed_by=aws_iam.AccountRootPrincipal())


def test_the_name_is_fixed_at_synth(stack: Stack, config: EndpointConfig, synth) -> None:
    endpoint = Endpoint(stack, "Endpoint", config=config)
    assert re.fullmatch(r"[a-z0-9](-*[a-z0-9]){0,62}", endpoint.endpoint_name)
    properties = synth(stack).one(ENDPOINT)
    assert properties["EndpointName"] == endpoint.endpoint_name
    assert "EndpointConfigName" in properties["EndpointConfigName"]["Fn::GetAtt"]
    assert "RetainAllVariantProperties" not in properties


def test_a_long_path_still_makes_a_valid_name(stack: Stack, config: EndpointConfig) -> None:
    endpoint = Endpoint(stack, "E" * 200, config=config)
    assert len(endpoint.endpoint_name) <= 63


@pytest.mark.parametrize("name", ["-x", "x-", "a_b", "x" * 64, "a b"])
def test_names_that_sagemaker_does_not_take(stack: Stack, config: EndpointConfig, name: str) -> None:
    with pytest.raises(PropsError, match=rf"endpoint_name {re.escape(name)} is not valid: use at most 63"):
        Endpoint(stack, "Endpoint", config=config, endpoint_name=name)


@pytest.mark.parametrize("second", ["Fraud", "FRAUD"])
def test_two_endpoints_of_one_name(stack: Stack, config: EndpointConfig, second: str) -> None:
    Endpoint(stack, "One", config=config, endpoint_name="Fraud")
    with pytest.raises(PropsError, match=rf"^Test/Two: endpoint_name {second} is already .* of Test/One"):
        Endpoint(stack, "Two", config=config, endpoint_name=second)


def test_a_name_known_only_at_deployment(stack: Stack, config: EndpointConfig, synth) -> None:
    endpoint = Endpoint(stack, "Endpoint", config=config, endpoint_name=Token.as_string({"Ref": "Name"}))
    assert stack.resolve(endpoint.endpoint_arn)["Fn::Join"][1][-1] == {"Ref": "Name"}
    assert synth(stack).one(ENDPOINT)["EndpointName"] == {"Ref": "Name"}


def test_arns_are_in_lower_case(stack: Stack, config: EndpointConfig) -> None:
    endpoint = Endpoint(stack, "Endpoint", config=config, endpoint_name="MyEndpoint")
    assert stack.resolve(endpoint.endpoint_arn)["Fn::Join"][1][-1] == ":endpoint/myendpoint"


def test_grant_invoke(stack: Stack, config: EndpointConfig, role: aws_iam.Role, synth) -> None:
    Endpoint(stack, "Endpoint", config=config, endpoint_name="mine").grant_invoke(role)
    (statement,) = synth(stack).allowing("sagemaker:InvokeEndpoint")
    assert statement["Action"] == "sagemaker:InvokeEndpoint"
    assert statement["Resource"]["Fn::Join"][1][-1] == ":endpoint/mine"
    assert "Condition" not in statement


def test_grant_invoke_model(stack: Stack, config: EndpointConfig, role: aws_iam.Role, synth) -> None:
    Endpoint(stack, "Endpoint", config=config).grant_invoke_model(role, "tenant-a/*", "shared.tar.gz")
    (statement,) = synth(stack).allowing("sagemaker:InvokeEndpoint")
    assert statement["Condition"] == {
        "StringLike": {"sagemaker:TargetModel": ["tenant-a/*", "shared.tar.gz"]}
    }


@pytest.mark.parametrize(
    ("patterns", "fault"),
    [
        ((), r"no pattern was given: name at least one, such as tenant-a/\*, or use grant_invoke"),
        (("/tenant/*",), r"/tenant/\* matches no model: write it relative"),
        (("s3://bucket/x",), r"relative to the models' prefix"),
        (("",), r"pattern has 0 characters"),
        (("x" * 1025, "/y"), r"1025 characters.*/y matches no model"),
    ],
)
def test_patterns_that_match_nothing(
    stack: Stack, config: EndpointConfig, role: aws_iam.Role, patterns: tuple[str, ...], fault: str
) -> None:
    with pytest.raises(PropsError, match=fault):
        Endpoint(stack, "Endpoint", config=config).grant_invoke_model(role, *patterns)
