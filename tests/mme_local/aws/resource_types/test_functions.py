"""Lambda functions, event source mappings and queue policies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mme_local.aws.functions import deployed

QUEUE_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "tls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": "*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ],
}


def template(code: str = "code.zip", batch: int = 5, marked: bool = True, **function: Any) -> dict[str, Any]:
    resources = {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 60}},
        "Policy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {"Queues": [{"Ref": "Queue"}], "PolicyDocument": QUEUE_POLICY},
        },
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Handler": "index.handler",
                "Runtime": "python3.13",
                "Code": {"S3Bucket": "assets", "S3Key": code},
                "Timeout": 30,
                "Environment": {"Variables": {"MME_CONSUMER": "x"} if marked else {"A": "b"}},
                **function,
            },
        },
        "Feed": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "FunctionName": {"Ref": "Function"},
                "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]},
                "BatchSize": batch,
                "ScalingConfig": {"MaximumConcurrency": 3},
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
            },
        },
    }
    return {"Resources": resources}


@pytest.fixture
def assets(aws: Any) -> None:
    aws("s3").create_bucket(Bucket="assets")
    for name in ("code", "newer"):
        aws("s3").put_object(Bucket="assets", Key=f"{name}.zip", Body=name.encode())


def test_a_function_and_its_event_source_are_recorded(
    assets: None, deploy: Any, resource_id: Any, cloudformation: Any, aws: Any
) -> None:
    assert deploy(template())["StackStatus"] == "CREATE_COMPLETE"
    name = resource_id("Function")
    function = deployed.get("123456789012", "us-east-1", name)
    assert function is not None
    assert (function.code, function.handler, function.timeout) == (b"code", "index.handler", 30)
    (source,) = deployed.sources()
    assert (source.function_name, source.batch_size, source.concurrency) == (name, 5, 3)
    assert source.reports_failures
    assert source.enabled
    url = resource_id("Queue")
    attributes = aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert source.queue_arn == attributes["QueueArn"]
    assert json.loads(attributes["Policy"]) == QUEUE_POLICY

    assert deploy(template(code="newer.zip", batch=1, MemorySize=256))["StackStatus"] == "UPDATE_COMPLETE"
    newer = deployed.get("123456789012", "us-east-1", name)
    assert newer is not None
    assert (newer.code, newer.memory) == (b"newer", 256)
    assert newer.revision != function.revision
    (changed,) = deployed.sources()
    assert (changed.id, changed.batch_size) == (source.id, 1)

    cloudformation.delete_stack(StackName="app")
    assert deployed.sources() == ()
    assert deployed.get("123456789012", "us-east-1", name) is None


def test_a_queue_policy_is_deleted_without_its_queue(
    assets: None, deploy: Any, resource_id: Any, aws: Any
) -> None:
    deploy(template())
    url = resource_id("Queue")
    without = template()
    del without["Resources"]["Policy"]
    assert deploy(without)["StackStatus"] == "UPDATE_COMPLETE"
    attributes = aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert not attributes.get("Policy")


@pytest.mark.parametrize(
    "change", [{"marked": False}, {"Code": {"ZipFile": "def handler(event, context): ..."}}]
)
def test_functions_that_cannot_run_here_are_refused(
    assets: None, deploy: Any, events: Any, change: dict[str, Any]
) -> None:
    assert deploy(template(**change))["StackStatus"] == "ROLLBACK_COMPLETE"
    reasons = [reason for _, status, reason in events() if status == "CREATE_FAILED"]
    assert any("runs no Lambda functions but the one of AsyncInvocations" in one for one in reasons)
    assert any("leave Function out of the environment" in one for one in reasons)


def test_an_event_source_other_than_sqs_is_refused(assets: None, deploy: Any, events: Any) -> None:
    other = template()
    stream = "arn:aws:kinesis:us-east-1:123456789012:stream/s"
    other["Resources"]["Feed"]["Properties"]["EventSourceArn"] = stream
    assert deploy(other)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert any("from SQS queues only" in reason for _, _, reason in events())
