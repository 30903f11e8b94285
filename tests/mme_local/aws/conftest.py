"""The embedded AWS on a free localhost port, and plain boto3 clients of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from werkzeug.serving import make_server

from mme_local import aws as embedded_aws

ClientOf = Callable[[str], Any]


@pytest.fixture(scope="session")
def endpoint_url() -> Iterator[str]:
    """The embedded AWS's URL, for the whole test session."""
    server = make_server("localhost", 0, embedded_aws.application(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join(timeout=10)


@pytest.fixture(autouse=True)
def _empty_aws() -> Iterator[None]:
    """Every test starts with nothing deployed, whatever this process ran before."""
    embedded_aws.reset()
    yield
    embedded_aws.reset()


@pytest.fixture(scope="session")
def aws_environment(endpoint_url: str) -> dict[str, str]:
    """Environment variables of a user of the embedded AWS: URL, region and dummy credentials."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


@pytest.fixture(scope="session")
def aws(aws_environment: dict[str, str]) -> ClientOf:
    """A boto3 client of a service, one for all tests."""

    @cache
    def client(service: str) -> Any:
        make: Any = boto3.client
        with pytest.MonkeyPatch.context() as patch:
            for name, value in aws_environment.items():
                patch.setenv(name, value)
            # a match of 5 s of CPU time takes minutes on a busy machine
            return make(service, config=Config(read_timeout=330, retries={"total_max_attempts": 1}))

    return client


@pytest.fixture
def cloudformation(aws: ClientOf) -> Any:
    """boto3's CloudFormation client."""
    return aws("cloudformation")


@pytest.fixture
def deploy(cloudformation: Any) -> Callable[..., dict[str, Any]]:
    """Create or update a stack from a template given as a document; returns DescribeStacks' member.

    `deploy(document, name="app", **more)`; `more` goes to the API call.
    """

    def create_or_update(template: dict[str, Any], name: str = "app", **more: Any) -> dict[str, Any]:
        request = {"StackName": name, "TemplateBody": json.dumps(template), **more}
        try:
            cloudformation.update_stack(**request)
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            cloudformation.create_stack(**request)
        described: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        return described

    return create_or_update


@pytest.fixture
def resource_id(cloudformation: Any) -> Callable[..., str]:
    """The physical id of a stack's resource: `resource_id("Bucket", name="app")`."""

    def physical(logical_id: str, name: str = "app") -> str:
        detail = cloudformation.describe_stack_resource(StackName=name, LogicalResourceId=logical_id)
        return str(detail["StackResourceDetail"]["PhysicalResourceId"])

    return physical


@pytest.fixture
def events(cloudformation: Any) -> Callable[..., list[tuple[str, str, str]]]:
    """A stack's history, oldest first, as (logical id, status, reason)."""

    def history(name: str = "app") -> list[tuple[str, str, str]]:
        answer = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        return [
            (one["LogicalResourceId"], one["ResourceStatus"], one.get("ResourceStatusReason", ""))
            for one in reversed(answer)
        ]

    return history


@pytest.fixture
def endpoint_template() -> Callable[..., dict[str, Any]]:
    """A multi-model endpoint as a template; further keyword arguments are the endpoint's properties."""

    def template(
        image: str = "image:1",
        count: int = 1,
        instance_type: str = "ml.g5.xlarge",
        environment: dict[str, str] | None = None,
        **endpoint: Any,
    ) -> dict[str, Any]:
        container = {
            "Image": image,
            "Mode": "MultiModel",
            "ModelDataUrl": "s3://models/all/",
            "MultiModelConfig": {"ModelCacheSetting": "Disabled"},
            "Environment": environment or {},
        }
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
            "InstanceType": instance_type,
            "InitialInstanceCount": count,
            "InitialVariantWeight": 1,
        }
        return {
            "Resources": {
                "Model": {
                    "Type": "AWS::SageMaker::Model",
                    "Properties": {
                        "ExecutionRoleArn": "arn:aws:iam::123456789012:role/serving",
                        "Containers": [container],
                    },
                },
                "Config": {
                    "Type": "AWS::SageMaker::EndpointConfig",
                    "Properties": {"ProductionVariants": [variant]},
                },
                "Endpoint": {
                    "Type": "AWS::SageMaker::Endpoint",
                    "Properties": {
                        "EndpointName": "mme",
                        "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]},
                        **endpoint,
                    },
                },
            },
            "Outputs": {
                "Arn": {"Value": {"Ref": "Endpoint"}},
                "Name": {"Value": {"Fn::GetAtt": ["Endpoint", "EndpointName"]}},
                "Config": {"Value": {"Ref": "Config"}},
                "Model": {"Value": {"Ref": "Model"}},
                "ModelName": {"Value": {"Fn::GetAtt": ["Model", "ModelName"]}},
            },
        }

    return template
