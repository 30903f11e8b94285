"""The consumer against S3, SQS and SNS in memory, and a scripted runtime client."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from mme_cdk.async_invocations.handler.consumer import Consumer
from mme_cdk.async_invocations.handler.environment import ConsumerSettings
from mme_cdk.async_invocations.handler.invocation import Invoker

REGION = "us-east-1"
BUCKET = "exchange"
INPUT = f"s3://{BUCKET}/async/input/"


def aws_error(code: str, status: int = 400, message: str = "words", **members: Any) -> ClientError:
    """Return an error of `InvokeEndpoint`."""
    response: Any = {"Error": {"Code": code, "Message": message}, **members}
    return ClientError(response | {"ResponseMetadata": {"HTTPStatusCode": status}}, "InvokeEndpoint")


class Runtime:
    """A `sagemaker-runtime` client: raises or calls the steps of `script` first, then echoes."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.timeouts: list[int] = []
        self.script: list[Exception | Callable[[], None]] = []

    def client(self, timeout: int) -> Runtime:
        self.timeouts.append(timeout)
        return self

    def invoke_endpoint(self, **arguments: Any) -> dict[str, Any]:
        self.calls.append(arguments)
        if self.script:
            step = self.script.pop(0)
            if isinstance(step, Exception):
                raise step
            step()
        body = io.BytesIO(b"echo " + arguments["Body"])
        return {"Body": body, "ContentType": "text/plain", "CustomAttributes": "trace=1"}


@cache
def client(service: str) -> Any:
    """Created once: moto resets what is behind it, and a client costs more than a test."""
    return boto3.client(service, region_name=REGION)


class World:
    """Everything around the consumer."""

    def __init__(self) -> None:
        self.s3, self.sqs, self.sns = map(client, ("s3", "sqs", "sns"))
        self.s3.create_bucket(Bucket=BUCKET)
        queues = ("main", "dead", "notifications")
        self.urls = {name: self.sqs.create_queue(QueueName=name)["QueueUrl"] for name in queues}
        topics = [self.sns.create_topic(Name=name)["TopicArn"] for name in ("succeeded", "failed")]
        for topic in topics:
            queue = f"arn:aws:sqs:{REGION}:123456789012:notifications"
            self.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
        self.runtime = Runtime()
        self.sleeps: list[float] = []
        self.moment = 0.0
        self.environment = ConsumerSettings.load(
            {
                "MME_ENDPOINT_NAME": "ep",
                "MME_QUEUE_URL": self.urls["main"],
                "MME_DEAD_LETTER_QUEUE_URL": self.urls["dead"],
                "MME_SUCCESS_TOPIC_ARN": topics[0],
                "MME_ERROR_TOPIC_ARN": topics[1],
                "MME_INPUT_LOCATION": INPUT,
                "MME_OUTPUT_LOCATION": f"s3://{BUCKET}/async/output/",
                "MME_FAILURE_LOCATION": f"s3://{BUCKET}/async/failure/",
                "MME_OUTCOME_LOCATION": f"s3://{BUCKET}/async/outcome/",
                "MME_MAX_ATTEMPTS": "3",
                "MME_LOAD_SECONDS": "360",
                "AWS_REGION": REGION,
            }
        )
        invoker = Invoker("ep", 360, self.runtime.client, clock=lambda: self.moment, sleep=self._sleep)
        self.consumer = Consumer(self.environment, self.s3, self.sqs, self.sns, invoker)

    def _sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.moment += seconds

    def put(self, name: str = "x", body: bytes = b"hello") -> str:
        """Write an input; return its URL."""
        self.s3.put_object(Bucket=BUCKET, Key=f"async/input/{name}", Body=body)
        return f"{INPUT}{name}"

    def message(
        self,
        body: str | None = None,
        *,
        id: str = "m1",
        handle: str = "handle",
        receives: int = 1,
        age: float = 0,
        **members: Any,
    ) -> Any:
        """A message as Lambda delivers it; without a body, a valid request with these members."""
        if body is None:
            request = {"InferenceId": "id-1", "TargetModel": "a.tar.gz", "InputLocation": self.put()}
            body = json.dumps(request | members)
        return {
            "messageId": id,
            "receiptHandle": handle,
            "body": body,
            "attributes": {
                "ApproximateReceiveCount": str(receives),
                "SentTimestamp": str(round((time.time() - age) * 1000)),
            },
        }

    def handle(self, message: Any, *, seconds_left: float = 450) -> bool:
        return self.consumer.handle(message, lambda: seconds_left)

    def objects(self) -> dict[str, bytes]:
        """Outputs and failures by key."""
        found = self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        keys = [one["Key"] for one in found if not one["Key"].startswith(("async/input", "async/outcome"))]
        return {key: self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def outcome(self) -> dict[str, str]:
        """The metadata of the stored outcome."""
        found = self.s3.head_object(Bucket=BUCKET, Key="async/outcome/id-1")
        metadata: dict[str, str] = found["Metadata"]
        return metadata

    def _receive(self, queue: str) -> Iterator[Any]:
        """Every message of a queue, deleted."""
        url = self.urls[queue]
        while found := self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for one in found:
                yield one
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])

    def notifications(self) -> list[dict[str, Any]]:
        return [json.loads(json.loads(one["Body"])["Message"]) for one in self._receive("notifications")]

    def dead_letters(self) -> list[dict[str, str]]:
        """The attributes of the messages in the dead-letter queue."""
        return [
            {name: value["StringValue"] for name, value in one.get("MessageAttributes", {}).items()}
            for one in self._receive("dead")
        ]


@pytest.fixture
def world() -> Iterator[World]:
    with mock_aws():
        yield World()
