"""Deployments are found by the outputs of their stacks; AWS's errors are explained."""

from __future__ import annotations

import json
from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    DataNotFoundError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
    ProxyConnectionError,
    SSOTokenLoadError,
)
from botocore.parsers import ResponseParserError
from botocore.stub import Stubber
from moto import mock_aws

from mme.errors import MmeError
from mme.operate.aws_errors import explain_aws_error
from mme.operate.discovery import Deployment, discover

OUTPUTS = {"EndpointName": "mme-dev", "ModelBucketName": "models", "ModelPrefix": "models/"}


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield boto3.client("cloudformation", region_name="us-east-1")


def deploy(cloudformation, outputs: dict[str, str]) -> None:
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    cloudformation.create_stack(StackName="mme-dev-serving", TemplateBody=json.dumps(template))


def test_outputs(cloudformation) -> None:
    deploy(cloudformation, OUTPUTS)
    assert discover(cloudformation, "mme-dev-serving", "dev") == Deployment(
        "mme-dev-serving", "mme-dev", "models", "models/"
    )


def test_no_such_stack(cloudformation) -> None:
    with pytest.raises(MmeError) as caught:
        discover(cloudformation, "mme-dev-serving", "dev")
    assert "the stack mme-dev-serving does not exist in us-east-1" in caught.value.message
    assert str(caught.value.hint).startswith("deploy it: cdk deploy -c env=dev 'dev/*'; ")


def test_a_misspelled_environment(cloudformation) -> None:
    with pytest.raises(MmeError) as caught:
        discover(cloudformation, "mme-prd-serving", "prd")
    assert caught.value.hint == "did you mean --env prod? or name the stack with --stack"


def test_an_unknown_environment(cloudformation) -> None:
    with pytest.raises(MmeError) as caught:
        discover(cloudformation, "mme-nosuch-serving", "nosuch")
    assert caught.value.hint == (
        "this project has the environments local, dev, staging, prod; or name the stack with --stack"
    )


def test_another_environment_at_the_local_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    url = "http://localhost:4747"
    local = boto3.client("cloudformation", region_name="us-east-1", endpoint_url=url)
    with Stubber(local) as answers:
        answers.add_client_error("describe_stacks", "ValidationError", "Stack mme-dev-serving does not exist")
        with pytest.raises(MmeError) as caught:
            discover(local, "mme-dev-serving", "dev")
    assert str(caught.value.hint).endswith(f"; or unset AWS_ENDPOINT_URL, which is {url}, to use AWS")


def test_a_fresh_local_runtime_is_to_be_bootstrapped_first(cloudformation) -> None:
    with pytest.raises(MmeError) as caught:
        discover(cloudformation, "mme-local-serving", "local")
    first = "deploy it: cdk bootstrap -c env=local && cdk deploy -c env=local 'local/*'; "
    assert str(caught.value.hint).startswith(first)


def test_some_other_stack(cloudformation) -> None:
    deploy(cloudformation, {"EndpointName": "x"})
    with pytest.raises(MmeError, match="has no output ModelBucketName, ModelPrefix") as caught:
        discover(cloudformation, "mme-dev-serving", "dev")
    assert "add CfnOutputs EndpointName, ModelBucketName, ModelPrefix" in str(caught.value.hint)


def test_stack_under_way(monkeypatch: pytest.MonkeyPatch, cloudformation) -> None:
    stacks = {"Stacks": [{"StackStatus": "CREATE_IN_PROGRESS"}]}
    monkeypatch.setattr(cloudformation, "describe_stacks", lambda **_: stacks)
    with pytest.raises(MmeError) as caught:
        discover(cloudformation, "mme-dev-serving", "dev")
    assert "wait until its deployment is done" in str(caught.value.hint)
    assert "CfnOutputs" not in str(caught.value.hint)


def refusal(code: str, status: int = 400) -> ClientError:
    response = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "DescribeStacks")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ProfileNotFound(profile="x"), "there is no AWS profile 'x'"),
        (NoRegionError(), "no AWS region"),
        (NoCredentialsError(), "no AWS credentials"),
        (SSOTokenLoadError(error_msg="x"), "credentials are not available"),
        (EndpointConnectionError(endpoint_url="https://sts.amazonaws.com/"), "can't be reached"),
        (ProxyConnectionError(proxy_url="http://p:9"), "the proxy http://p:9 can't be reached"),
        (
            HTTPClientError(error=ValueError("b'token\\n'")),
            "a header has characters that HTTP does not allow",
        ),
        (refusal("ExpiredToken"), "have expired"),
        (refusal("InvalidClientTokenId"), "does not know these credentials"),
        (refusal("AccessDenied"), "DescribeStacks is denied"),
        (refusal("Throttling"), "DescribeStacks was throttled with Throttling, also when tried again: m"),
        (refusal("TooManyRequestsException"), "was throttled with TooManyRequestsException"),
        (refusal("SlowDown", 503), "was throttled with SlowDown"),
        (refusal("429", 429), "was throttled with 429"),
        (refusal("EC2ThrottledException"), "was throttled with EC2ThrottledException"),
        (refusal("LimitExceededException"), "AWS refused DescribeStacks with LimitExceededException"),
        (DataNotFoundError(data_path="x"), "the call to AWS failed: Unable to load data for: x"),
        (ResponseParserError("no xml"), "the endpoint URL does not answer like AWS"),
        (refusal("InternalError", 500), "AWS failed at DescribeStacks"),
        (refusal("ValidationError"), "AWS refused DescribeStacks with ValidationError: m"),
        (refusal("NoSuchBucket"), "the bucket of DescribeStacks does not exist"),
    ],
)
def test_errors_of_boto3_are_explained(error: Exception, words: str) -> None:
    explained = explain_aws_error(error)
    assert explained is not None
    assert words in explained.message


def test_a_wrong_setting_has_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULTS_MODE", "x")
    with pytest.raises(BotoCoreError) as caught:
        boto3.client("s3", region_name="us-east-1")
    explained = explain_aws_error(caught.value)
    assert explained is not None
    assert "AWS_* variables" in str(explained.hint)


@pytest.mark.parametrize(
    "proxy", ["http://proxy:80a", "http://u:[secret@proxy:80", "http://u:sécret@proxy:80"]
)
def test_a_proxy_s_url_that_is_not_valid(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    sts = boto3.client("sts", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    with pytest.raises(HTTPClientError) as caught:
        sts.get_caller_identity()
    explained = explain_aws_error(caught.value)
    assert explained is not None
    assert explained.message == "the URL of the proxy is not valid"
    assert explained.hint == (
        "check HTTP_PROXY and HTTPS_PROXY: http://HOST:PORT; percent-encode the password"
    )


def test_a_proxy_s_password_is_not_shown() -> None:
    explained = explain_aws_error(ProxyConnectionError(proxy_url="http://u:p@ss#w@proxy:80"))
    assert explained is not None
    assert explained.message == "the proxy proxy:80 can't be reached"


@pytest.mark.parametrize(
    ("url", "words", "outages"),
    [
        ("https://sts.us-east-1.amazonaws.com", "AWS failed at GetCallerIdentity", True),
        ("http://localhost:4747", "the local endpoint failed at GetCallerIdentity", False),
    ],
)
def test_outages_are_of_aws(url: str, words: str, outages: bool) -> None:
    sts = boto3.client("sts", "us-east-1", endpoint_url=url, aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(sts) as answers:
        answers.add_client_error("get_caller_identity", "InternalError", http_status_code=500)
        with pytest.raises(ClientError) as caught:
            sts.get_caller_identity()
    explained = explain_aws_error(caught.value)
    assert explained is not None
    assert words in explained.message
    assert ("health.aws.amazon.com" in str(explained.hint)) is outages
