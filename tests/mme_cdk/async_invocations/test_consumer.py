"""One message from the queue to its outcome."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from mme_cdk.async_invocations.handler.request import parse
from tests.mme_cdk.async_invocations.conftest import BUCKET, World, aws_error

OUTPUT = "async/output/id-1.out"
FAILURE = "async/failure/id-1-error.out"
LOADING = aws_error("ModelNotReadyException", 429)
BUSY = aws_error("ThrottlingException", 400, "no capacity")


def test_an_answer_is_stored_and_announced_as_sagemaker_does(world: World) -> None:
    assert world.handle(world.message(ContentType="text/csv", Accept="text/plain", CustomAttributes="a"))
    assert world.objects() == {OUTPUT: b"echo hello"}
    assert world.runtime.calls == [
        {
            "EndpointName": "ep",
            "TargetModel": "a.tar.gz",
            "InferenceId": "id-1",
            "Body": b"hello",
            "ContentType": "text/csv",
            "Accept": "text/plain",
            "CustomAttributes": "a",
        }
    ]
    (sent,) = world.notifications()
    assert sent.pop("eventTime").endswith("Z")
    assert sent.pop("receivedTime").endswith("Z")
    assert sent == {
        "awsRegion": "us-east-1",
        "invocationStatus": "Completed",
        "requestParameters": {
            "accept": "text/plain",
            "contentType": "text/csv",
            "customAttributes": "a",
            "endpointName": "ep",
            "inputLocation": f"s3://{BUCKET}/async/input/x",
            "targetModel": "a.tar.gz",
        },
        "responseParameters": {
            "contentType": "text/plain",
            "customAttributes": "trace=1",
            "outputLocation": f"s3://{BUCKET}/{OUTPUT}",
        },
        "inferenceId": "id-1",
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("no json", "the message is not JSON"),
        ("[" * 100_000, "the message is nested too deeply"),
        ("[1]", "the message is not a JSON object"),
        ('{"TargetModel": "a"}', "the message has no InferenceId"),
        ('{"InferenceId": 3}', "the message has no InferenceId"),
        (json.dumps({"InferenceId": "x" * 65}), "the message has no InferenceId"),
        (json.dumps({"InferenceId": "naïve"}), "the message has no InferenceId"),
    ],
)
def test_a_poison_message_is_a_dead_letter_at_once(world: World, body: str, reason: str) -> None:
    assert world.handle(world.message(body))
    (dead,) = world.dead_letters()
    assert dead["Reason"].startswith(reason)
    assert not world.objects()
    assert not world.runtime.calls


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"age": 90, "RequestTTLSeconds": 60}, "the request expired; it is 90 s old"),
        ({"TargetModel": ""}, "TargetModel is missing"),
        ({"TargetModel": "s3://b/a.tar.gz"}, "is not relative to the endpoint's prefix"),
        ({"TargetModel": "/a.tar.gz"}, "is not relative to the endpoint's prefix"),
        ({"TargetModel": "a\nb"}, "printable ASCII"),
        ({"InputLocation": "s3://other/async/input/x"}, "is not under s3://exchange/async/input/"),
        ({"InputLocation": "s3://exchange/models/x"}, "is not under s3://exchange/async/input/"),
        ({"InputLocation": "s3://exchange/async/input/"}, "is not under s3://exchange/async/input/"),
        ({"InputLocation": "s3://exchange/async/input/never"}, "never does not exist"),
        ({"EndpointName": "other"}, "EndpointName is other, but this queue belongs to ep"),
        ({"InvocationTimeoutSeconds": 900}, "InvocationTimeoutSeconds is 900; must be from 1 to 60"),
        ({"RequestTTLSeconds": 1}, "RequestTTLSeconds is 1; must be from 60 to 21600"),
        ({"RequestTTLSeconds": True}, "RequestTTLSeconds is True"),
        ({"Accept": 3}, "Accept is not a string"),
        ({"S3OutputPathExtension": "x"}, "S3OutputPathExtension is not supported"),
    ],
)
def test_an_invalid_request_is_a_failure_at_once(world: World, members: Any, reason: str) -> None:
    assert world.handle(world.message(**members))
    (sent,) = world.notifications()
    assert sent["invocationStatus"] == "Failed"
    assert sent["failureReason"].startswith("ClientError: ")
    assert reason in sent["failureReason"]
    assert list(world.objects()) == [FAILURE]
    assert not world.runtime.calls


def test_a_large_input_is_a_failure(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mme_cdk.async_invocations.handler.consumer.PAYLOAD_MAX_BYTES", 4)
    assert world.handle(world.message())
    assert "a multi-model endpoint takes" in world.notifications()[0]["failureReason"]


@pytest.mark.parametrize(
    ("error", "reason", "body"),
    [
        (
            aws_error("ModelError", 424, OriginalStatusCode=400, OriginalMessage="unexpected shape"),
            "ClientError: Received client error (400) from model: unexpected shape",
            b"unexpected shape",
        ),
        (
            aws_error("ValidationError", 400, "Failed to download model data"),
            "ClientError: ValidationError: Failed to download model data",
            b"ClientError: ValidationError: Failed to download model data",
        ),
    ],
)
def test_a_permanent_error_is_a_failure_at_once(
    world: World, error: Exception, reason: str, body: bytes
) -> None:
    world.runtime.script = [error]
    assert world.handle(world.message())
    assert world.objects() == {FAILURE: body}
    (sent,) = world.notifications()
    assert sent["failureReason"] == reason
    assert sent["responseParameters"]["outputLocation"] == f"s3://{BUCKET}/{FAILURE}"


@pytest.mark.parametrize("error", [LOADING, BUSY, aws_error("ServiceUnavailable", 503)])
def test_a_loading_model_and_a_busy_endpoint_are_retried_with_backoff(world: World, error: Exception) -> None:
    world.runtime.script = [error] * 7
    assert world.handle(world.message())
    assert list(world.objects()) == [OUTPUT]
    bounds = [0.5, 1, 2, 4, 8, 15, 15]
    assert all(bound / 2 <= slept <= bound for slept, bound in zip(world.sleeps, bounds, strict=True))


def test_the_wait_ends_before_the_function_times_out(world: World) -> None:
    world.runtime.script = [LOADING] * 9
    assert not world.handle(world.message(), seconds_left=60)
    assert len(world.runtime.calls) == 1
    assert not world.objects()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (LOADING, "ModelNotReady: a.tar.gz was still loading after 3"),
        (BUSY, "InternalServerError: ThrottlingException for 3"),
    ],
)
def test_a_model_that_never_answers_is_a_dead_letter(world: World, error: Exception, reason: str) -> None:
    world.runtime.script = [error] * 500
    assert not world.handle(world.message(receives=2))
    assert world.handle(world.message(receives=3))
    (dead,) = world.dead_letters()
    assert dead["Reason"].startswith(reason)
    assert (dead["InferenceId"], dead["MessageId"]) == ("id-1", "m1")
    assert not world.objects()
    (sent,) = world.notifications()
    assert sent["failureReason"].endswith("(the request is in the dead-letter queue)")


@pytest.mark.parametrize(
    "error",
    [
        aws_error("InternalFailure", 500),
        aws_error("InternalDependencyException", 530),
        aws_error("AccessDeniedException", 403),
        aws_error("ValidationError", 400, "Endpoint ep of account 123456789012 not found."),
        ConnectTimeoutError(endpoint_url="u"),
    ],
)
def test_a_fault_around_the_model_is_retried_then_a_dead_letter(world: World, error: Exception) -> None:
    world.runtime.script = [error, error]
    assert not world.handle(world.message(receives=1))
    assert world.handle(world.message(receives=3))
    assert world.dead_letters()[0]["Reason"].startswith("InternalServerError: ")


@pytest.mark.parametrize(
    "error",
    [
        aws_error("ModelError", 424, OriginalStatusCode=507, OriginalMessage="out of memory"),
        aws_error("ModelError", 424, OriginalStatusCode=0, OriginalMessage="the container ended"),
        ReadTimeoutError(endpoint_url="u"),
    ],
)
def test_a_fault_of_the_model_is_retried_then_a_failure(world: World, error: Exception) -> None:
    world.runtime.script = [error, error]
    assert not world.handle(world.message(receives=1))
    assert world.handle(world.message(receives=3))
    assert list(world.objects()) == [FAILURE]
    assert not world.dead_letters()


def test_a_returned_message_becomes_visible_after_a_backoff(world: World) -> None:
    world.sqs.send_message(QueueUrl=world.urls["main"], MessageBody="{}")
    (received,) = world.sqs.receive_message(QueueUrl=world.urls["main"], VisibilityTimeout=9000)["Messages"]
    timeouts: list[int] = []
    world.sqs.meta.events.register(
        "provide-client-params.sqs.ChangeMessageVisibility",
        lambda params, **_: timeouts.append(params["VisibilityTimeout"]),
    )
    world.consumer = replace(world.consumer, environment=replace(world.environment, max_attempts=10))
    for receives, bound in ((1, 5), (2, 10), (9, 300)):
        world.runtime.script = [aws_error("InternalFailure", 500)]
        assert not world.handle(world.message(receives=receives, handle=received["ReceiptHandle"]))
        assert bound / 2 - 1 <= timeouts[-1] <= bound


def test_the_requests_own_timeout(world: World) -> None:
    world.runtime.script = [ReadTimeoutError(endpoint_url="u")]
    assert world.handle(world.message(InvocationTimeoutSeconds=7))
    assert world.runtime.timeouts == [7]
    (sent,) = world.notifications()
    assert "no answer within 7 s, which is InvocationTimeoutSeconds" in sent["failureReason"]


def test_a_message_that_kills_the_consumer_is_a_dead_letter(world: World) -> None:
    assert world.handle(world.message(receives=4))
    assert not world.runtime.calls
    (dead,) = world.dead_letters()
    assert dead["Reason"] == "InternalServerError: the consumer died 3 times before it had an outcome"


def test_a_repetition_is_announced_and_not_run(world: World) -> None:
    assert world.handle(world.message())
    assert world.handle(world.message(id="m2"))
    assert len(world.runtime.calls) == 1
    assert [one["invocationStatus"] for one in world.notifications()] == ["Completed", "Completed"]


def test_another_request_with_the_same_id_is_a_separate_failure(world: World) -> None:
    assert world.handle(world.message())
    assert world.handle(world.message(id="m2", Accept="text/csv"))
    objects = world.objects()
    assert objects.pop(OUTPUT) == b"echo hello"
    ((key, body),) = objects.items()
    assert key.startswith("async/failure/id-1-duplicate-")
    assert b"belongs to another request" in body
    assert [one["invocationStatus"] for one in world.notifications()] == ["Completed", "Failed"]
    assert len(world.runtime.calls) == 1


@pytest.mark.parametrize("first", ["owner", "other"])
def test_an_id_belongs_to_the_request_that_its_input_names(world: World, first: str) -> None:
    mine, other = world.message(id="m1"), world.message(id="m2", Accept="text/csv")
    if first == "other":
        assert world.handle(other)
    world.s3.put_object(
        Bucket=BUCKET,
        Key="async/input/id-1",
        Body=b"mine",
        Metadata={"mme-members": parse(mine["body"]).digest},
    )
    for message in (mine, other) if first == "owner" else (mine, mine):
        assert world.handle(message)
    assert world.outcome()["mme-request"] == parse(mine["body"]).digest
    assert (
        world.s3.head_object(Bucket=BUCKET, Key=OUTPUT)["Metadata"]["mme-request"]
        == world.outcome()["mme-request"]
    )
    duplicates = [key for key in world.objects() if "-duplicate-" in key]
    assert len(duplicates) == (1 if first == "owner" else 0)


def test_a_consumer_that_died_before_it_published_is_completed(world: World) -> None:
    assert world.handle(world.message())
    world.s3.delete_object(Bucket=BUCKET, Key=OUTPUT)
    world.notifications()
    assert world.handle(world.message(receives=2))
    assert world.objects() == {OUTPUT: b"echo hello"}
    assert len(world.notifications()) == 1
    assert len(world.runtime.calls) == 1


def test_the_first_of_two_consumers_decides(world: World) -> None:
    message = world.message()
    world.runtime.script = [lambda: world.handle(message) or pytest.fail("not handled")]
    assert world.handle(message)
    assert len(world.runtime.calls) == 2
    assert world.objects() == {OUTPUT: b"echo hello"}
    assert world.outcome()["mme-status"] == "Completed"


def test_a_late_answer_does_not_replace_a_dead_letter(world: World) -> None:
    world.runtime.script = [lambda: world.handle(world.message(receives=4)) or pytest.fail("not handled")]
    assert not world.handle(world.message(receives=3)), "the other consumer deletes the message"
    assert not world.objects()
    assert len(world.dead_letters()) == 1
    assert world.outcome()["mme-status"] == "DeadLettered"


@pytest.mark.parametrize(
    ("receives", "status", "dead"), [(1, "Completed", 1), (4, "DeadLettered", 2)], ids=["answers", "dies"]
)
def test_a_dead_letter_sent_again_has_a_new_outcome(
    world: World, receives: int, status: str, dead: int
) -> None:
    assert world.handle(world.message(receives=4))
    assert world.handle(world.message(id="m2", receives=receives))
    assert (world.outcome()["mme-status"], world.outcome()["mme-message"]) == (status, "m2")
    assert len(world.dead_letters()) == dead


def test_a_dead_letter_that_was_stored_and_not_sent_is_sent(world: World) -> None:
    assert world.handle(world.message(receives=4))
    world.dead_letters()
    assert world.handle(world.message(receives=5))
    assert len(world.dead_letters()) == 1


def test_an_inference_id_makes_no_folders(world: World) -> None:
    assert world.handle(world.message(InferenceId="../a b/u"))
    assert list(world.objects()) == ["async/output/..%2Fa%20b%2Fu.out"]
