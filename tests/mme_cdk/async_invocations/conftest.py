"""The consumer against S3, SQS and SNS in memory, and a runtime client that answers as told."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from mme_cdk.async_invocations.handler.consumer import Consumer
from mme_cdk.async_invocations.handler.environment import Environment
from mme_cdk.async_invocations.handler.invocation import Invoker

REGION = "us-east-1"
BUCKET = "exchange"
INPUT = f"s3://{BUCKET}/async/input/"


def aws_error(code: str, status: int = 400, message: str = "words", **members: Any) -> ClientError:
    """An error of `InvokeEndpoint`."""
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status},  # type: ignore[typeddict-item]
            **members,
        },
        "InvokeEndpoint",
    )


class Runtime:
    """A `sagemaker-runtime` client: echoes, or does what `script` says first."""

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
        return {
            "Body": io.BytesIO(b"echo " + arguments["Body"]),
            "ContentType": "text/plain",
            "CustomAttributes": "trace=1",
            "InvokedProductionVariant": "AllTraffic",
        }


class World:
    """Everything around the consumer."""

    def __init__(self) -> None:
        self.s3 = boto3.client("s3", region_name=REGION)
        self.sqs = boto3.client("sqs", region_name=REGION)
        self.sns = boto3.client("sns", region_name=REGION)
        self.s3.create_bucket(Bucket=BUCKET)
        url = {name: self.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("main", "dead", "told")}
        topics = {name: self.sns.create_topic(Name=name)["TopicArn"] for name in ("yes", "no")}
        for topic in topics.values():
            arn = f"arn:aws:sqs:{REGION}:123456789012:told"
            self.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        self.urls = url
        self.runtime = Runtime()
        self.sleeps: list[float] = []
        self.moment = 0.0
        self.environment = Environment.load(
            {
                "MME_ENDPOINT_NAME": "ep",
                "MME_QUEUE_URL": url["main"],
                "MME_DEAD_LETTER_QUEUE_URL": url["dead"],
                "MME_SUCCESS_TOPIC_ARN": topics["yes"],
                "MME_ERROR_TOPIC_ARN": topics["no"],
                "MME_INPUT_LOCATION": INPUT,
                "MME_OUTPUT_LOCATION": f"s3://{BUCKET}/async/output/",
                "MME_FAILURE_LOCATION": f"s3://{BUCKET}/async/failure/",
                "MME_OUTCOME_LOCATION": f"s3://{BUCKET}/async/outcome/",
                "MME_MAX_ATTEMPTS": "3",
                "MME_LOAD_SECONDS": "360",
                "AWS_REGION": REGION,
            }
        )
        self.consumer = self.another_consumer()

    def another_consumer(self) -> Consumer:
        invoker = Invoker("ep", 360, client=self.runtime.client, clock=lambda: self.moment, sleep=self._sleep)
        return Consumer(self.environment, s3=self.s3, sqs=self.sqs, sns=self.sns, invoker=invoker)

    def _sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.moment += seconds

    def put(self, name: str = "x", body: bytes = b"hello") -> str:
        """An input; returns its url."""
        self.s3.put_object(Bucket=BUCKET, Key=f"async/input/{name}", Body=body)
        return f"{INPUT}{name}"

    def message(
        self, fields: Any = None, *, id: str = "m1", receives: int = 1, age: float = 0, **more: Any
    ) -> Any:
        """A message as Lambda hands it over; without fields, one that succeeds."""
        if fields is None:
            fields = {"InferenceId": "id-1", "TargetModel": "a.tar.gz", "InputLocation": self.put(), **more}
        return {
            "messageId": id,
            "receiptHandle": "handle",
            "body": fields if isinstance(fields, str) else json.dumps(fields),
            "attributes": {
                "ApproximateReceiveCount": str(receives),
                "SentTimestamp": str(round((time.time() - age) * 1000)),
            },
        }

    def handle(self, message: Any, *, seconds_left: float = 450) -> bool:
        return self.consumer.handle(message, lambda: seconds_left)

    def objects(self) -> dict[str, bytes]:
        """Outputs and failures, by their keys."""
        found = self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        keys = [one["Key"] for one in found if not one["Key"].startswith(("async/input", "async/outcome"))]
        return {key: self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def read(self, queue: str) -> list[Any]:
        """Every message of a queue; they leave it."""
        read = []
        while found := self.sqs.receive_message(
            QueueUrl=self.urls[queue], MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for one in found:
                read.append(one)
                self.sqs.delete_message(QueueUrl=self.urls[queue], ReceiptHandle=one["ReceiptHandle"])
        return read

    def told(self) -> list[dict[str, Any]]:
        """What the topics told."""
        return [json.loads(json.loads(one["Body"])["Message"]) for one in self.read("told")]

    def letters(self) -> list[dict[str, str]]:
        """The dead letters' attributes."""
        return [
            {name: value["StringValue"] for name, value in one.get("MessageAttributes", {}).items()}
            for one in self.read("dead")
        ]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield World()
