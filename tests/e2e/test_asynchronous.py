"""Asynchronous requests on the local endpoint: the deployed consumer, real Triton, and failures."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

import boto3
import numpy as np
import psutil
import pytest
import requests
from botocore.config import Config

from mme.client import MultiModelClient
from mme.client.asynchronous import AsyncFailedError, AsyncLocations, AsyncQueue, DeadLetters, State
from tests.e2e.conftest import Machine
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.triton, pytest.mark.timeout(900)]

MODELS = 30
GOOD, WITHOUT_MODEL, WITHOUT_INPUT, POISON = 450, 20, 20, 10
VISIBILITY_SECONDS = 20
LIMIT_SECONDS = 420
INPUTS = {"INPUT0": np.arange(4, dtype=np.float32), "INPUT1": np.ones(4, dtype=np.float32)}


class Deployed:
    """The local environment with its queue, and what a test does to it."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.outputs = machine.outputs()
        self.locations = AsyncLocations.from_outputs(self.outputs, "mme-local-serving")
        self.s3 = boto3.client(
            "s3",
            endpoint_url=machine.state.url,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(s3={"addressing_style": "path"}, max_pool_connections=20),
        )
        self.sqs = machine.client("sqs")
        self.queue = AsyncQueue(self.locations, self.s3, self.sqs)
        self.dead_letters = DeadLetters(self.locations, self.sqs)

    def keys(self, prefix: str) -> list[str]:
        """The names under a prefix of the exchange's bucket."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.locations.outcomes.bucket, Prefix=prefix
        )
        return [one["Key"].removeprefix(prefix) for page in pages for one in page.get("Contents", [])]

    def settled(self) -> int:
        """How many requests have an outcome."""
        return len(self.keys(self.locations.outcomes.prefix))

    def kill_consumer(self) -> None:
        """Kill a process of the consumer that is at work."""

        def busy() -> list[int]:
            status = requests.get(f"{self.machine.state.url}/_mme/status", timeout=30).json()
            return [pid for one in status["functions"] if one["busy"] for pid in one["pids"][: one["busy"]]]

        os.kill(wait_for(busy)[0], signal.SIGKILL)

    def kill_triton(self) -> None:
        """Kill Triton itself; its stubs go with it."""
        runtime = psutil.Process(self.machine.state.pid)
        servers = [one for one in runtime.children(recursive=True) if one.name() == "tritonserver"]
        assert servers
        servers[0].kill()

    def publish_copies(self, source: str, count: int) -> list[str]:
        """The same model under many names."""
        bucket, prefix = self.outputs["ModelBucketName"], self.outputs["ModelPrefix"]
        archive = self.s3.get_object(Bucket=bucket, Key=f"{prefix}{source}")["Body"].read()
        names = [f"copy{number:02}_v0.tar.gz" for number in range(count)]
        for name in names:
            self.s3.put_object(Bucket=bucket, Key=f"{prefix}{name}", Body=archive)
        return names


@pytest.fixture(scope="module")
def there(machine: Machine) -> Deployed:
    machine.cdk("bootstrap")
    machine.cdk("deploy", "local/*", "--require-approval", "never", asynchronous=True)
    machine.run("mme", "models", "add", "model_registry/add_sub")
    return Deployed(machine)


@pytest.fixture
def notifications(there: Deployed) -> Callable[[], list[dict[str, Any]]]:
    """All notifications of the topics so far."""
    sns = there.machine.client("sns")
    url = there.sqs.create_queue(QueueName=f"notifications-{time.monotonic_ns()}")["QueueUrl"]
    arn = there.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for topic in sns.list_topics()["Topics"]:
        if "Async" in topic["TopicArn"]:
            sns.subscribe(TopicArn=topic["TopicArn"], Protocol="sqs", Endpoint=arn)
    messages: list[dict[str, Any]] = []

    def read() -> list[dict[str, Any]]:
        while found := there.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for one in found:
                messages.append(json.loads(json.loads(one["Body"])["Message"]))
            received = [
                {"Id": str(number), "ReceiptHandle": one["ReceiptHandle"]} for number, one in enumerate(found)
            ]
            there.sqs.delete_message_batch(QueueUrl=url, Entries=received)
        return messages

    return read


def test_commands(there: Deployed, notifications: Callable[[], list[dict[str, Any]]]) -> None:
    machine = there.machine
    tensors = ("--input", "INPUT0=1,2,3,4", "--input", "INPUT1=10,20,30,40")
    sent = json.loads(
        machine.run(
            "mme", "invoke", "add_sub_v0.tar.gz", *tensors, "--async", "--json", "--inference-id", "a/1"
        )
    )
    assert sent["OutputLocation"] == f"{there.outputs['AsyncOutputLocation']}a%2F1.out"
    answer = json.loads(machine.run("mme", "async", "result", "a/1", "--wait", "120", "--json"))
    assert answer["outputs"]["OUTPUT0"]["data"] == [11, 22, 33, 44]
    assert json.loads(machine.run("mme", "async", "status", "a/1", "--json"))["state"] == "completed"
    other = ("--input", "INPUT0=9,9,9,9", "--input", "INPUT1=9,9,9,9")
    again = machine.run(
        "mme", "invoke", "add_sub_v0.tar.gz", *other, "--async", "--inference-id", "a/1", status=2
    )
    assert "belongs to another request" in again
    machine.run("mme", "invoke", "nope_v0.tar.gz", *tensors, "--async", "--inference-id", "gone")
    failed = machine.run("mme", "async", "result", "gone", "--wait", "120", status=2)
    assert "ended as a failure: ClientError: ValidationError: Failed to download model data" in failed
    (completed,) = [one for one in notifications() if one["inferenceId"] == "a/1"]
    assert completed["invocationStatus"] == "Completed"
    assert completed["responseParameters"]["outputLocation"] == sent["OutputLocation"]
    assert completed["requestParameters"]["targetModel"] == "add_sub_v0.tar.gz"
    (failure,) = [one for one in notifications() if one["inferenceId"] == "gone"]
    assert failure["invocationStatus"] == "Failed"
    assert failure["failureReason"].startswith("ClientError: ValidationError")


def test_client(there: Deployed) -> None:
    client = MultiModelClient("mme-local", there.machine.client("sagemaker-runtime"), queue=there.queue)
    sent = client.submit("add_sub_v0.tar.gz", INPUTS)
    outputs = client.collect(sent.inference_id, wait_seconds=120)
    np.testing.assert_array_equal(outputs["OUTPUT0"], INPUTS["INPUT0"] + INPUTS["INPUT1"])
    lost = there.queue.invoke_endpoint_async(
        TargetModel="add_sub_v0.tar.gz", InputLocation=f"{there.outputs['AsyncInputLocation']}never-put"
    )
    with pytest.raises(AsyncFailedError, match=r"never-put does not exist"):
        there.queue.result(lost["InferenceId"], wait_seconds=120)


@pytest.mark.nightly
def test_each_of_500_requests_ends_once_whatever_is_killed(
    there: Deployed, notifications: Callable[[], list[dict[str, Any]]]
) -> None:
    before = there.settled()
    there.sqs.set_queue_attributes(
        QueueUrl=there.locations.queue_url, Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)}
    )
    models = there.publish_copies("add_sub_v0.tar.gz", MODELS)
    client = MultiModelClient("mme-local", there.machine.client("sagemaker-runtime"), queue=there.queue)

    def send(number: int) -> str:
        if number < GOOD:
            return client.submit(models[number % MODELS], INPUTS, inference_id=f"good-{number}").inference_id
        if number < GOOD + WITHOUT_MODEL:
            return client.submit("nope_v0.tar.gz", INPUTS, inference_id=f"model-{number}").inference_id
        if number < GOOD + WITHOUT_MODEL + WITHOUT_INPUT:
            location = f"{there.outputs['AsyncInputLocation']}nothing-{number}"
            return there.queue.invoke_endpoint_async(
                TargetModel=models[0], InputLocation=location, InferenceId=f"input-{number}"
            )["InferenceId"]
        there.sqs.send_message(QueueUrl=there.locations.queue_url, MessageBody=f"poison {number}")
        return ""

    total = GOOD + WITHOUT_MODEL + WITHOUT_INPUT + POISON
    assert total == 500
    with ThreadPoolExecutor(8) as threads:
        ids = [id for id in threads.map(send, range(total)) if id]

    wait_for(lambda: there.settled() >= before + 40, LIMIT_SECONDS)
    there.kill_consumer()
    wait_for(lambda: there.settled() >= before + 120, LIMIT_SECONDS)
    there.kill_triton()
    wait_for(lambda: there.settled() >= before + 250, LIMIT_SECONDS)
    there.kill_consumer()
    wait_for(lambda: there.settled() >= before + len(ids), LIMIT_SECONDS)
    wait_for(lambda: sum(there.queue.depths()[one] for one in ("waiting", "running")) == 0, LIMIT_SECONDS)

    places = there.locations
    outputs = {unquote(name.removesuffix(".out")) for name in there.keys(places.outputs.prefix)} & set(ids)
    failures = {
        unquote(name.removesuffix("-error.out")) for name in there.keys(places.failures.prefix)
    } & set(ids)
    dead_messages = there.dead_letters.peek(1000)
    dead = {message.inference_id for message in dead_messages if message.inference_id} & set(ids)
    # A consumer may be killed between sending a dead letter and deleting its message: then there are two.
    poison = {message.body: message for message in dead_messages if message.body.startswith("poison")}

    ends = Counter([*outputs, *failures, *dead])
    assert set(ends) == set(ids), "every request has an end"
    assert set(ends.values()) == {1}, "and only one"
    assert len(poison) == POISON
    assert all(message.reason.startswith("the message is not JSON") for message in poison.values())
    assert len(ends) + len(poison) == total
    assert {id for id in ids if not id.startswith("good")} == failures - {
        id for id in failures if id.startswith("good")
    }
    states = Counter(there.queue.status(id).state for id in ids)
    assert states[State.COMPLETED] == len(outputs)
    # Killing Triton may use up the attempts of a few; most must have their answers.
    assert len(outputs) >= GOOD * 0.9, states
    wait_for(lambda: {one["inferenceId"] for one in notifications()} >= set(ids), LIMIT_SECONDS)
    sample = client.collect("good-7")
    np.testing.assert_array_equal(sample["OUTPUT1"], INPUTS["INPUT0"] - INPUTS["INPUT1"])


def test_a_dead_letter_is_redriven(there: Deployed) -> None:
    location = there.locations.inputs
    there.s3.put_object(Bucket=location.bucket, Key=location.key("again"), Body=b"{}")
    message = json.dumps(
        {
            "InferenceId": "again",
            "TargetModel": "nope_v0.tar.gz",
            "InputLocation": location.url(location.key("again")),
        }
    )
    there.sqs.send_message(
        QueueUrl=there.locations.dead_letter_queue_url,
        MessageBody=message,
        MessageAttributes={"Reason": {"DataType": "String", "StringValue": "the endpoint was away"}},
    )
    listed = there.machine.run("mme", "async", "status")
    assert "the endpoint was away" in listed
    assert "again" in there.machine.run("mme", "async", "redrive", "--id", "again")
    wait_for(lambda: there.queue.status("again").state is State.FAILED, 120)
    absent = there.machine.run("mme", "async", "redrive", "--id", "again", status=2)
    assert "no dead letter has inference id again" in absent
