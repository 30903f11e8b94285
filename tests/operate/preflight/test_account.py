"""Facts that preflight reads from an account."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from mme.aws.clients import AwsClients
from mme.aws.settings import Settings
from mme.errors import MmeError
from mme.operate.preflight import Account, connect, inspect
from tests.operate.deployment import deny
from tools.sample_deployment import ENDPOINT, STACK, deploy, serving_template


def test_a_stack(clients: AwsClients) -> None:
    template = json.loads(serving_template())
    template["Parameters"] = {"Size": {"Type": "String", "Default": "ml.m5.xlarge"}}
    deploy(clients, json.dumps(template))
    found = Account(clients).stack(STACK)
    assert found is not None
    assert (found.account, found.status) == ("123456789012", "CREATE_COMPLETE")
    assert found.template == template
    assert found.parameters == {"Size": "ml.m5.xlarge"}
    assert Account(clients).stack("other") is None


def test_a_template_in_yaml_is_not_read(clients: AwsClients) -> None:
    deploy(clients, "Resources:\n  Bucket: {Type: AWS::S3::Bucket}\n")
    found = Account(clients).stack(STACK)
    assert found is not None
    assert found.template is None


def test_a_refused_call_is_not_an_absent_resource(clients: AwsClients) -> None:
    deploy(clients, serving_template())
    deny(clients.cloudformation, "DescribeStacks")
    deny(clients.sagemaker, "DescribeEndpoint")
    for read in (Account(clients).stack, Account(clients).endpoint):
        with pytest.raises(ClientError, match="AccessDenied"):
            read(ENDPOINT)


def test_an_endpoint(clients: AwsClients) -> None:
    deploy(clients, serving_template())
    account = Account(clients)
    found = account.endpoint(ENDPOINT)
    assert found is not None
    assert found.status == "InService"
    variant = found.variants["AllTraffic"]
    assert (variant.instance_type, variant.instance_count, variant.registered) == ("ml.m5.xlarge", 1, True)
    assert account.physical_name(STACK, "Endpoint") == ENDPOINT
    config = clients.sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"]
    assert account.instance_types(config) == {"AllTraffic": "ml.m5.xlarge"}
    clients.sagemaker.delete_endpoint_config(EndpointConfigName=config)
    assert account.instance_types(config) == {}
    found = account.endpoint(ENDPOINT)
    assert found is not None
    assert found.variants["AllTraffic"].instance_type is None
    assert account.endpoint("other") is None


def test_an_endpoint_without_scaling(clients: AwsClients) -> None:
    deploy(clients, serving_template(scaling=False))
    found = Account(clients).endpoint(ENDPOINT)
    assert found is not None
    assert not found.variants["AllTraffic"].registered


def test_a_log_group_by_its_full_name(clients: AwsClients) -> None:
    clients.logs.create_log_group(logGroupName="/aws/sagemaker/Endpoints/mme-2")
    assert not Account(clients).has_log_group("/aws/sagemaker/Endpoints/mme")
    assert Account(clients).has_log_group("/aws/sagemaker/Endpoints/mme-2")


@pytest.fixture
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MME_REGION", "MME_ENDPOINT_URL", "AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")


@pytest.mark.usefixtures("_no_variables")
def test_the_region_is_the_assemblys_unless_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert connect(Settings(env="dev"), None).region == "us-west-2"
    assert connect(Settings(env="dev"), "eu-west-1").region == "eu-west-1"
    assert connect(Settings(env="dev", region="eu-north-1"), "eu-west-1").region == "eu-north-1"


@pytest.mark.usefixtures("_no_variables")
def test_an_aws_that_does_not_answer_is_one_line(assembly: Any, document: Any) -> None:
    settings = Settings(env="local", stack="mme-dev-serving", endpoint_url="http://localhost:9")
    with pytest.raises(MmeError, match="nothing answers at http://localhost:9"):
        inspect(settings, assembly(document()), connect)
