"""Operations by which moto starts Docker containers, of images and with mounts that a caller chooses."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import docker
import pytest
from botocore.exceptions import ClientError

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
PRIVILEGED = {
    "image": "busybox",
    "command": ["id"],
    "vcpus": 1,
    "memory": 128,
    "privileged": True,
    "volumes": [{"name": "root", "host": {"sourcePath": "/"}}],
    "mountPoints": [{"sourceVolume": "root", "containerPath": "/host", "readOnly": False}],
}


@pytest.fixture(autouse=True)
def _no_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    def connected(*_: Any, **__: Any) -> None:
        raise AssertionError("embedded AWS connected to Docker")

    monkeypatch.setattr(docker, "from_env", connected)


@pytest.fixture
def function(aws: Callable[[str], Any]) -> str:
    """Create a Lambda function by its API."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("f.py", "def handler(event, context): return 1")
    role = aws("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    aws("lambda").create_function(
        FunctionName="f",
        Runtime="python3.11",
        Role=role,
        Handler="f.handler",
        Code={"ZipFile": package.getvalue()},
    )
    return FUNCTION


def refused(call: Callable[[], Any]) -> None:
    with pytest.raises(ClientError, match=r"ValidationError.*starts a Docker container, and embedded AWS"):
        call()


@pytest.mark.parametrize("kind", ["RequestResponse", "Event"])
def test_no_function_is_invoked(aws: Any, function: str, kind: str) -> None:
    refused(lambda: aws("lambda").invoke(FunctionName=function, InvocationType=kind, Payload=b"{}"))


def test_no_function_is_invoked_by_a_queue(aws: Any, function: str) -> None:
    sqs = aws("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws("lambda").create_event_source_mapping(FunctionName=function, EventSourceArn=arn)
    refused(lambda: sqs.send_message(QueueUrl=url, MessageBody="x"))


def test_no_function_is_invoked_by_a_topic(aws: Any, function: str) -> None:
    topic = aws("sns").create_topic(Name="t")["TopicArn"]
    aws("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    refused(lambda: aws("sns").publish(TopicArn=topic, Message="x"))


def test_no_function_is_invoked_by_a_secret(aws: Any, function: str) -> None:
    secrets = aws("secretsmanager")
    secrets.create_secret(Name="s", SecretString="x")
    refused(lambda: secrets.rotate_secret(SecretId="s", RotationLambdaARN=function))


def test_no_batch_job_is_submitted(aws: Any) -> None:
    batch = aws("batch")
    batch.register_job_definition(jobDefinitionName="job", type="container", containerProperties=PRIVILEGED)
    refused(lambda: batch.submit_job(jobName="j", jobQueue="q", jobDefinition="job"))
