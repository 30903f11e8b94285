"""Sending requests, following them, and redriving dead letters: against S3 and SQS in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from mme.client import InvalidRequestError, MultiModelClient, encode_request, runtime_client
from mme.client.asynchronous import (
    AsyncFailedError,
    AsyncLocations,
    AsyncPendingError,
    AsyncQueue,
    DeadLetters,
    Location,
    State,
)
from mme.errors import MmeError
from mme_cdk.async_invocations.handler.request import parse

OUTPUTS = {
    "AsyncInputLocation": "s3://box/async/input/",
    "AsyncOutputLocation": "s3://box/async/output/",
    "AsyncFailureLocation": "s3://box/async/failure/",
    "AsyncOutcomeLocation": "s3://box/async/outcome/",
}


class World:
    def __init__(self) -> None:
        self.s3 = boto3.client("s3", region_name="us-east-1")
        self.sqs = boto3.client("sqs", region_name="us-east-1")
        self.s3.create_bucket(Bucket="box")
        urls = {
            "AsyncQueueUrl": self.sqs.create_queue(QueueName="main")["QueueUrl"],
            "AsyncDeadLetterQueueUrl": self.sqs.create_queue(QueueName="dead")["QueueUrl"],
        }
        self.locations = AsyncLocations.from_outputs(OUTPUTS | urls, "s")
        self.moment = 0.0
        self.digests: dict[str, str] = {}
        self.during_sleep: list[Any] = []
        self.queue = AsyncQueue(
            self.locations, self.s3, self.sqs, clock=lambda: self.moment, sleep=self._sleep
        )
        self.letters = DeadLetters(self.locations, self.sqs)

    def _sleep(self, seconds: float) -> None:
        self.moment += seconds
        if self.during_sleep:
            self.during_sleep.pop(0)()

    def settle(
        self, id: str, status: str, body: bytes = b"answer", reason: str = "", digest: str = ""
    ) -> None:
        """What the consumer writes."""
        place = self.locations.outcomes
        self.sent()
        self.s3.put_object(
            Bucket="box",
            Key=place.key(id),
            Body=body,
            ContentType="text/plain",
            Metadata={
                "mme-status": status,
                "mme-request": digest or self.digests.get(id, "d"),
                "mme-message": "m",
                "mme-reason": json.dumps(reason),
                "mme-attributes": json.dumps("trace=1"),
            },
        )

    def sent(self) -> list[dict[str, Any]]:
        """Receive the requests, and note their digests as the consumer computes them."""
        found = self.sqs.receive_message(QueueUrl=self.locations.queue_url, MaxNumberOfMessages=10)
        requests = [parse(one["Body"]) for one in found.get("Messages", [])]
        self.digests |= {request.inference_id: request.digest for request in requests}
        return [request.members for request in requests]

    def die(self, body: str, reason: str | None = "the endpoint was away", id: str = "") -> None:
        told = {"Reason": reason, "InferenceId": id}
        self.sqs.send_message(
            QueueUrl=self.locations.dead_letter_queue_url,
            MessageBody=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in told.items() if value
            },
        )


@pytest.fixture
def world() -> Iterator[World]:
    with mock_aws():
        yield World()


def test_a_request_has_the_members_of_invoke_endpoint_async(world: World) -> None:
    sent = world.queue.submit(
        "a.tar.gz",
        b"1,2",
        content_type="text/csv",
        accept="application/json",
        custom_attributes="c",
        inference_id="i/1",
        ttl_seconds=600,
        timeout_seconds=30,
    )
    assert sent.input_location == "s3://box/async/input/i%2F1"
    assert sent.output_location == "s3://box/async/output/i%2F1.out"
    assert sent.failure_location == "s3://box/async/failure/i%2F1-error.out"
    assert world.sent() == [
        {
            "Accept": "application/json",
            "ContentType": "text/csv",
            "CustomAttributes": "c",
            "InferenceId": "i/1",
            "InputLocation": "s3://box/async/input/i%2F1",
            "InvocationTimeoutSeconds": 30,
            "RequestTTLSeconds": 600,
            "TargetModel": "a.tar.gz",
        }
    ]
    assert world.s3.get_object(Bucket="box", Key="async/input/i%2F1")["Body"].read() == b"1,2"


@pytest.mark.parametrize(("target", "body"), [("a", b"y"), ("other", b"x")])
def test_an_id_belongs_to_one_request(world: World, target: str, body: bytes) -> None:
    first = world.queue.submit("a", b"x", inference_id="i")
    assert world.queue.submit("a", b"x", inference_id="i") == first
    assert len({json.dumps(one) for one in world.sent()}) == 1
    with pytest.raises(MmeError, match="inference id i belongs to another request"):
        world.queue.submit(target, body, inference_id="i")
    assert world.sent() == []


@pytest.mark.parametrize(
    ("props", "fault"),
    [
        ({"inference_id": ""}, "is not a valid inference id"),
        ({"inference_id": "x" * 65}, "is not a valid inference id"),
        ({"inference_id": "ü"}, "is not a valid inference id"),
        ({"target_model": ""}, "the model's name is empty"),
        ({"timeout_seconds": 61}, "InvocationTimeoutSeconds is 61 s; it must be from 1 to 60 s"),
        ({"ttl_seconds": 59}, "RequestTTLSeconds is 59 s; it must be from 60 to 21600 s"),
        ({"body": bytes(25_000_001)}, "a multi-model endpoint accepts 25 MB, also asynchronously"),
    ],
)
def test_invalid_submissions(world: World, props: dict[str, Any], fault: str) -> None:
    with pytest.raises(MmeError, match=fault):
        world.queue.submit(**({"target_model": "a", "body": b""} | props))
    assert "Contents" not in world.s3.list_objects_v2(Bucket="box")
    assert not world.sent()


def test_a_program_that_calls_invoke_endpoint_async_needs_only_this_client(world: World) -> None:
    answer = world.queue.invoke_endpoint_async(
        EndpointName="ep", TargetModel="a", InputLocation="s3://box/async/input/mine", ContentType="text/csv"
    )
    (message,) = world.sent()
    assert message["InferenceId"] == answer["InferenceId"]
    assert answer["OutputLocation"] == f"s3://box/async/output/{answer['InferenceId']}.out"
    assert answer["FailureLocation"] == f"s3://box/async/failure/{answer['InferenceId']}-error.out"


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"InputLocation": "s3://box/models/x"}, "is not under s3://box/async/input/"),
        ({"InputLocation": "s3://box/async/input/"}, "is not under s3://box/async/input/"),
        ({"InputLocation": None}, "needs either Body or InputLocation"),
        ({"Body": b"1,2"}, "needs either Body or InputLocation"),
        ({"Filename": "x.out"}, "Filename is not supported for multi-model endpoints"),
    ],
)
def test_invalid_members(world: World, members: dict[str, Any], fault: str) -> None:
    given = {"TargetModel": "a", "InputLocation": "s3://box/async/input/x"} | members
    with pytest.raises(MmeError, match=fault):
        world.queue.invoke_endpoint_async(**given)
    assert "Contents" not in world.s3.list_objects_v2(Bucket="box")
    assert not world.sent()


def test_a_body_is_stored_under_the_input_prefix(world: World) -> None:
    given = {"TargetModel": "a", "Body": b"1,2", "ContentType": "text/csv", "InferenceId": "i/1"}
    for _ in range(2):
        world.queue.invoke_endpoint_async(**given)
    found = world.s3.get_object(Bucket="box", Key="async/input/i%2F1")
    assert (found["Body"].read(), found["ContentType"]) == (b"1,2", "text/csv")
    messages = world.sent()
    assert [message["InputLocation"] for message in messages] == ["s3://box/async/input/i%2F1"] * 2
    assert "Body" not in messages[0]


def test_states(world: World) -> None:
    assert world.queue.status("i").state is State.UNKNOWN
    world.queue.submit("a", b"", inference_id="i")
    assert world.queue.status("i").state is State.WAITING
    world.settle("i", "Completed")
    found = world.queue.status("i")
    assert (found.state, found.location) == (State.COMPLETED, "s3://box/async/output/i.out")
    assert found.settled is not None
    world.settle("f", "Failed", reason="ClientError: nö")
    failed = world.queue.status("f")
    assert (failed.state, failed.reason) == (State.FAILED, "ClientError: nö")
    assert failed.location == "s3://box/async/failure/f-error.out"
    world.settle("d", "DeadLettered", reason="away")
    assert world.queue.status("d").state is State.DEAD_LETTER


def test_the_outcome_of_another_request_is_not_an_answer(world: World) -> None:
    world.settle("i", "Completed", b"of another request", digest="other")
    world.queue.submit("a", b"", inference_id="i")
    with pytest.raises(AsyncPendingError):
        world.queue.result("i")
    world.settle("i", "Completed", b"mine")
    assert world.queue.result("i").body == b"mine"


def test_a_result_is_waited_for(world: World) -> None:
    world.queue.submit("a", b"", inference_id="i")
    world.during_sleep = [lambda: None, lambda: world.settle("i", "Completed")]
    found = world.queue.result("i", wait_seconds=60)
    assert (found.body, found.content_type, found.custom_attributes) == (b"answer", "text/plain", "trace=1")


def test_no_result_yet(world: World) -> None:
    with pytest.raises(AsyncPendingError, match="the request i is unknown"):
        world.queue.result("i")
    world.queue.submit("a", b"", inference_id="i")
    with pytest.raises(AsyncPendingError, match="the request i has no outcome yet"):
        world.queue.result("i", wait_seconds=3)
    assert world.moment == pytest.approx(3)


def test_no_result_ever(world: World) -> None:
    world.settle("f", "Failed", b"the whole traceback", "ClientError: why")
    with pytest.raises(AsyncFailedError, match="ended as a failure: ClientError: why") as raised:
        world.queue.result("f")
    assert raised.value.original == "the whole traceback"
    world.settle("d", "DeadLettered", reason="away")
    with pytest.raises(AsyncFailedError, match="ended as a dead letter: away") as raised:
        world.queue.result("d")
    assert raised.value.hint is not None
    assert "mme async redrive --id d" in raised.value.hint


class Aliases:
    def resolve(self, alias: str) -> str:
        return alias.replace("@prod", "_v7.tar.gz")


def test_tensors_are_submitted_and_collected(world: World) -> None:
    runtime = runtime_client(region_name="us-east-1")
    client = MultiModelClient("ep", runtime, aliases=Aliases(), queue=world.queue)
    inputs = {"X": np.arange(3, dtype=np.float32)}
    sent = client.submit("x@prod", inputs, outputs=["Y"], parameters={"top": 3})
    expected = encode_request(inputs, outputs=["Y"], parameters={"top": 3})
    (message,) = world.sent()
    assert (message["TargetModel"], message["ContentType"]) == ("x_v7.tar.gz", expected.content_type)
    key = sent.input_location.removeprefix("s3://box/")
    assert world.s3.get_object(Bucket="box", Key=key)["Body"].read() == expected.body
    answer = b'{"outputs":[{"name":"Y","datatype":"INT8","shape":[1],"data":[7]}]}'
    world.settle(sent.inference_id, "Completed", answer)
    assert client.collect(sent.inference_id, wait_seconds=5)["Y"].tolist() == [7]


def test_a_client_without_a_queue() -> None:
    client = MultiModelClient("ep", runtime_client(region_name="us-east-1"))
    with pytest.raises(InvalidRequestError, match="this client has no queue for endpoint ep") as raised:
        client.submit("x_v0.tar.gz", {"X": np.zeros(1)})
    assert "queue=AsyncQueue.of_stack" in (raised.value.hint or "")


def test_depths(world: World) -> None:
    world.queue.submit("a", b"")
    world.die("{}")
    assert world.queue.depths() == {"waiting": 1, "running": 0, "dead": 1}


def test_peeking_does_not_remove_dead_letters(world: World) -> None:
    world.die(json.dumps({"InferenceId": "one", "TargetModel": "a"}), id="one")
    world.die("poison", "the message is no JSON")
    world.die(json.dumps({"InferenceId": "two"}), None)
    for _ in range(2):
        letters = {letter.inference_id: letter for letter in world.letters.peek()}
        assert set(letters) == {"one", "", "two"}
        assert (letters["one"].target_model, letters["one"].reason) == ("a", "the endpoint was away")
        assert letters["two"].reason == "the consumer crashed each time it processed this message"
    assert world.queue.depths()["dead"] == 3


def test_dead_letters_are_redriven(world: World) -> None:
    for id in ("one", "two", "three"):
        world.die(json.dumps({"InferenceId": id}), id=id)
    assert [letter.inference_id for letter in world.letters.redrive({"two"})] == ["two"]
    assert world.sent() == [{"InferenceId": "two"}]
    assert world.queue.depths()["dead"] == 2
    assert {letter.inference_id for letter in world.letters.redrive()} == {"one", "three"}
    assert world.queue.depths()["dead"] == 0


def test_a_stack_without_a_queue() -> None:
    with pytest.raises(MmeError, match="the stack s has no queue for asynchronous requests") as raised:
        AsyncLocations.from_outputs({"EndpointName": "e"}, "s")
    assert "asynchronous=True" in str(raised.value)


def test_the_queue_of_a_stack(world: World) -> None:
    locations = world.queue.locations
    names = OUTPUTS | {
        "AsyncQueueUrl": locations.queue_url,
        "AsyncDeadLetterQueueUrl": locations.dead_letter_queue_url,
    }
    template = {
        "Resources": {"Some": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in names.items()},
    }
    session = boto3.Session(region_name="us-east-1")
    session.client("cloudformation").create_stack(StackName="s", TemplateBody=json.dumps(template))
    queue = AsyncQueue.of_stack("s", session)
    assert queue.locations == locations
    queue.submit("a.tar.gz", b"x", inference_id="i")
    assert world.queue.status("i").state is State.WAITING


def test_the_queue_of_a_missing_stack(world: World) -> None:
    with pytest.raises(MmeError, match="the stack nope does not exist in eu-west-1"):
        AsyncQueue.of_stack("nope", boto3.Session(region_name="eu-west-1"))


@pytest.mark.parametrize("url", ["", "https://b/x", "s3://"])
def test_invalid_locations(url: str) -> None:
    with pytest.raises(MmeError, match="is not an S3 location"):
        Location.parse(url)


@given(st.text(min_size=1, max_size=64), st.text(min_size=1, max_size=64))
def test_keys_tell_ids_apart_and_make_no_folders(one: str, other: str) -> None:
    place = Location("b", "p/")
    assert "/" not in place.key(one).removeprefix("p/")
    assert (place.key(one) == place.key(other)) == (one == other)
