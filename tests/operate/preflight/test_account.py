"""What preflight reads from an account."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from mme.aws.clients import AwsClients
from mme.aws.settings import Settings
from mme.operate.preflight import Account, connect
from tests.operate.deployment import deny
from tools.sample_deployment import ENDPOINT, STACK, deploy, serving_template


def test_a_stack_and_its_endpoint(clients: AwsClients) -> None:
    template = json.loads(serving_template())
    template["Parameters"] = {"Size": {"Type": "String", "Default": "ml.m5.xlarge"}}
    deploy(clients, json.dumps(template))
    account = Account(clients)
    stack, endpoint = account.stack(STACK), account.endpoint(ENDPOINT)
    assert stack is not None
    assert (stack.account, stack.status) == ("123456789012", "CREATE_COMPLETE")
    assert (account.template(STACK), stack.parameters) == (template, {"Size": "ml.m5.xlarge"})
    assert endpoint is not None
    assert account.registered(endpoint) == {"AllTraffic"}
    assert account.physical_name(STACK, "Endpoint") == ENDPOINT
    assert account.instance_types(endpoint.config) == {"AllTraffic": "ml.m5.xlarge"}
    clients.sagemaker.delete_endpoint_config(EndpointConfigName=endpoint.config)
    assert account.instance_types(endpoint.config) == {}
    assert (account.stack("other"), account.endpoint("other")) == (None, None)
    clients.logs.create_log_group(logGroupName="/aws/sagemaker/Endpoints/mme-2")
    assert not account.has_log_group("/aws/sagemaker/Endpoints/mme")
    deploy(clients, "Resources:\n  Bucket: {Type: AWS::S3::Bucket}\n", "yaml")
    assert account.template("yaml") is None


def test_a_refused_call_is_not_an_absent_resource(clients: AwsClients) -> None:
    deny(clients.cloudformation, "DescribeStacks")
    deny(clients.sagemaker, "DescribeEndpoint")
    for read in (Account(clients).stack, Account(clients).endpoint):
        with pytest.raises(ClientError, match="AccessDenied"):
            read(ENDPOINT)


def test_the_region_is_the_assemblys_unless_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    for given, region in ((None, "us-west-2"), ("eu-west-1", "eu-west-1")):
        assert connect(Settings(env="dev"), given).region == region
    assert connect(Settings(env="dev", region="eu-north-1"), "eu-west-1").region == "eu-north-1"
