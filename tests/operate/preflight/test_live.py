"""What AWS answers, as preflight takes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from mme.aws.settings import Settings
from mme.errors import MmeError
from mme.operate.preflight import Account, connect, inspect

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STACK_ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/serving/1"
RESOURCE = "endpoint/mme/variant/AllTraffic"


class Answers:
    """boto3 clients that answer what they are told, in that order, and nothing else."""

    def __init__(self) -> None:
        names = ("cloudformation", "sagemaker", "application-autoscaling", "sts", "logs")
        self.clients: dict[str, Any] = {
            name: boto3.client(  # type: ignore[call-overload]
                name, region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
            )
            for name in names
        }
        self.stubs = {name: Stubber(client) for name, client in self.clients.items()}
        for stub in self.stubs.values():
            stub.activate()

    def add(self, service: str, method: str, answer: dict[str, Any]) -> None:
        self.stubs[service].add_response(method, answer)

    def refuse(self, service: str, method: str, message: str, code: str = "ValidationException") -> None:
        self.stubs[service].add_client_error(method, code, message)

    def account(self) -> Account:
        return Account(
            cloudformation=self.clients["cloudformation"],
            sagemaker=self.clients["sagemaker"],
            scaling=self.clients["application-autoscaling"],
            sts=self.clients["sts"],
            logs=self.clients["logs"],
        )


@pytest.fixture
def answers() -> Iterator[Answers]:
    found = Answers()
    yield found
    for stub in found.stubs.values():
        stub.assert_no_pending_responses()


def describe_stack(answers: Answers, template: str, **more: Any) -> None:
    stack = {
        "StackName": "serving",
        "StackId": STACK_ID,
        "CreationTime": NOW,
        "StackStatus": "UPDATE_COMPLETE",
    }
    answers.add("cloudformation", "describe_stacks", {"Stacks": [stack | more]})
    answers.add("cloudformation", "get_template", {"TemplateBody": template})


def describe_endpoint(answers: Answers, **more: Any) -> None:
    variant = {"VariantName": "AllTraffic", "CurrentInstanceCount": 2, "DesiredInstanceCount": 4}
    facts = {
        "EndpointName": "mme",
        "EndpointArn": "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/mme",
        "EndpointConfigName": "config",
        "EndpointStatus": "InService",
        "CreationTime": NOW,
        "LastModifiedTime": NOW,
        "ProductionVariants": [variant],
    }
    answers.add("sagemaker", "describe_endpoint", facts | more)


def describe_config(answers: Answers) -> None:
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": "m",
        "InstanceType": "ml.g5.xlarge",
        "InitialInstanceCount": 2,
    }
    config = {
        "EndpointConfigName": "config",
        "EndpointConfigArn": "arn:aws:sagemaker:eu-west-1:123456789012:endpoint-config/config",
        "CreationTime": NOW,
        "ProductionVariants": [variant],
    }
    answers.add("sagemaker", "describe_endpoint_config", config)


def targets(*resource_ids: str) -> dict[str, Any]:
    return {
        "ScalableTargets": [
            {
                "ServiceNamespace": "sagemaker",
                "ResourceId": id,
                "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
                "MinCapacity": 1,
                "MaxCapacity": 4,
                "RoleARN": "arn:aws:iam::123456789012:role/scaling",
                "CreationTime": NOW,
            }
            for id in resource_ids
        ]
    }


def test_a_stack(answers: Answers) -> None:
    parameters = [
        {"ParameterKey": "Size", "ParameterValue": "ml.m5.xlarge"},
        {"ParameterKey": "Stored", "ParameterValue": "/path", "ResolvedValue": "value"},
    ]
    describe_stack(answers, json.dumps({"Resources": {}}), Parameters=parameters)
    found = answers.account().stack("serving")
    assert found is not None
    assert (found.account, found.status) == ("123456789012", "UPDATE_COMPLETE")
    assert found.template == {"Resources": {}}
    assert found.parameters == {"Size": "ml.m5.xlarge", "Stored": "value"}


def test_a_template_in_yaml_is_none_that_is_read(answers: Answers) -> None:
    describe_stack(answers, "Resources:\n  A: !Ref B\n")
    found = answers.account().stack("serving")
    assert found is not None
    assert found.template is None


def test_no_stack(answers: Answers) -> None:
    answers.refuse("cloudformation", "describe_stacks", "Stack with id serving does not exist")
    assert answers.account().stack("serving") is None


def test_a_refusal_is_not_taken_for_absence(answers: Answers) -> None:
    answers.refuse("cloudformation", "describe_stacks", "not authorized", "AccessDenied")
    with pytest.raises(ClientError, match="not authorized"):
        answers.account().stack("serving")
    answers.refuse("sagemaker", "describe_endpoint", "not authorized", "AccessDeniedException")
    with pytest.raises(ClientError, match="not authorized"):
        answers.account().endpoint("mme")


def test_an_endpoint(answers: Answers) -> None:
    describe_endpoint(answers)
    describe_config(answers)
    answers.add("application-autoscaling", "describe_scalable_targets", targets(RESOURCE))
    found = answers.account().endpoint("mme")
    assert found is not None
    variant = found.variants["AllTraffic"]
    # What it is meant to have, not what it has while it scales.
    assert (variant.instance_type, variant.instance_count, variant.registered) == ("ml.g5.xlarge", 4, True)


def test_an_endpoint_that_nobody_scales(answers: Answers) -> None:
    describe_endpoint(answers, EndpointStatus="Failed", FailureReason="no capacity")
    answers.refuse("sagemaker", "describe_endpoint_config", 'Could not find endpoint configuration "arn".')
    answers.add("application-autoscaling", "describe_scalable_targets", targets("endpoint/mine/variant/A"))
    found = answers.account().endpoint("mme")
    assert found is not None
    assert (found.status, found.failure) == ("Failed", "no capacity")
    variant = found.variants["AllTraffic"]
    assert (variant.instance_type, variant.registered) == (None, False)


def test_no_endpoint(answers: Answers) -> None:
    answers.refuse("sagemaker", "describe_endpoint", 'Could not find endpoint "arn:mme".')
    assert answers.account().endpoint("mme") is None


def test_a_name_that_cloudformation_made(answers: Answers) -> None:
    detail = {
        "LogicalResourceId": "Endpoint",
        "PhysicalResourceId": "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/made",
        "ResourceType": "AWS::SageMaker::Endpoint",
        "LastUpdatedTimestamp": NOW,
        "ResourceStatus": "CREATE_COMPLETE",
    }
    answers.add("cloudformation", "describe_stack_resource", {"StackResourceDetail": detail})
    assert answers.account().physical_name("serving", "Endpoint") == "made"


def test_a_log_group_by_its_whole_name(answers: Answers) -> None:
    groups = [{"logGroupName": "/aws/sagemaker/Endpoints/mme-2"}]
    answers.add("logs", "describe_log_groups", {"logGroups": groups})
    assert not answers.account().has_log_group("/aws/sagemaker/Endpoints/mme")
    groups.append({"logGroupName": "/aws/sagemaker/Endpoints/mme"})
    answers.add("logs", "describe_log_groups", {"logGroups": groups})
    assert answers.account().has_log_group("/aws/sagemaker/Endpoints/mme")


@pytest.fixture
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MME_REGION", "MME_ENDPOINT_URL", "AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")


@pytest.mark.usefixtures("_no_variables")
def test_the_region_is_the_assembly_s_unless_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert connect(Settings(env="dev"), None).region == "us-west-2"
    assert connect(Settings(env="dev"), "eu-west-1").region == "eu-west-1"
    assert connect(Settings(env="dev", region="eu-north-1"), "eu-west-1").region == "eu-north-1"


@pytest.mark.usefixtures("_no_variables")
def test_an_aws_that_does_not_answer_is_one_clear_line(assembly, document) -> None:
    settings = Settings(env="local", stack="mme-dev-serving", endpoint_url="http://localhost:9")
    with pytest.raises(MmeError, match="nothing answers at http://localhost:9"):
        inspect(settings, assembly(document()), connect)
