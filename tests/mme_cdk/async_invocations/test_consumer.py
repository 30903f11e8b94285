"""One message from the queue to its end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from tests.mme_cdk.async_invocations.conftest import BUCKET, World, aws_error

OUTPUT = "async/output/id-1.out"
FAILURE = "async/failure/id-1-error.out"


def outcome(world: World, id: str = "id-1") -> dict[str, str]:
    found: dict[str, str] = world.s3.head_object(Bucket=BUCKET, Key=f"async/outcome/{id}")["Metadata"]
    return found


def test_an_answer_is_put_where_sagemaker_would_and_told(world: World) -> None:
    assert world.handle(world.message(ContentType="text/csv", Accept="text/plain", CustomAttributes="a"))
    assert world.objects() == {OUTPUT: b"echo hello"}
    (call,) = world.runtime.calls
    assert call == {
        "EndpointName": "ep",
        "TargetModel": "a.tar.gz",
        "InferenceId": "id-1",
        "Body": b"hello",
        "ContentType": "text/csv",
        "Accept": "text/plain",
        "CustomAttributes": "a",
    }
    (told,) = world.told()
    assert told["requestParameters"] == {
        "accept": "text/plain",
        "contentType": "text/csv",
        "customAttributes": "a",
        "endpointName": "ep",
        "inputLocation": f"s3://{BUCKET}/async/input/x",
        "targetModel": "a.tar.gz",
    }
    assert told["responseParameters"] == {
        "contentType": "text/plain",
        "customAttributes": "trace=1",
        "outputLocation": f"s3://{BUCKET}/{OUTPUT}",
    }
    fixed = {name: told[name] for name in ("invocationStatus", "inferenceId", "eventVersion", "eventSource")}
    assert fixed == {
        "invocationStatus": "Completed",
        "inferenceId": "id-1",
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
    }
    assert (told["eventName"], told["awsRegion"]) == ("InferenceResult", "us-east-1")
    assert told["receivedTime"].endswith("Z")
    assert "failureReason" not in told


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
def test_poison_is_a_dead_letter_with_its_reason_and_leaves_the_queue(
    world: World, body: str, reason: str
) -> None:
    assert world.handle(world.message(body))
    (letter,) = world.letters()
    assert letter["Reason"].startswith(reason)
    assert not world.objects()
    assert not world.runtime.calls


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"TargetModel": ""}, "TargetModel is missing"),
        ({"TargetModel": "s3://b/a.tar.gz"}, "is not relative to the endpoint's prefix"),
        ({"TargetModel": "/a.tar.gz"}, "is not relative to the endpoint's prefix"),
        ({"TargetModel": "a\nb"}, "printable ASCII"),
        ({"InputLocation": "s3://other/async/input/x"}, "is not under s3://exchange/async/input/"),
        ({"InputLocation": "s3://exchange/models/x"}, "is not under s3://exchange/async/input/"),
        ({"InputLocation": "s3://exchange/async/input/"}, "is not under s3://exchange/async/input/"),
        ({"InputLocation": "s3://exchange/async/input/never"}, "never does not exist"),
        ({"EndpointName": "other"}, "EndpointName is other, but this queue belongs to ep"),
        ({"InvocationTimeoutSeconds": 900}, "InvocationTimeoutSeconds is 900; it must be from 1 to 60"),
        ({"RequestTTLSeconds": 1}, "RequestTTLSeconds is 1; it must be from 60 to 21600"),
        ({"RequestTTLSeconds": True}, "RequestTTLSeconds is True"),
        ({"Accept": 3}, "Accept is not a string"),
        ({"S3OutputPathExtension": "x"}, "S3OutputPathExtension is not supported"),
    ],
)
def test_a_request_that_cannot_be_is_a_failure_with_one_clear_reason(
    world: World, change: dict[str, Any], reason: str
) -> None:
    fields = {"InferenceId": "id-1", "TargetModel": "a.tar.gz", "InputLocation": world.put()} | change
    assert world.handle(world.message(fields))
    (told,) = world.told()
    assert told["invocationStatus"] == "Failed"
    assert told["failureReason"].startswith("ClientError: ")
    assert reason in told["failureReason"]
    assert list(world.objects()) == [FAILURE]
    assert not world.runtime.calls


def test_a_request_too_old_is_a_failure(world: World) -> None:
    assert world.handle(world.message(RequestTTLSeconds=60, age=90))
    (told,) = world.told()
    assert told["failureReason"].startswith("ClientError: the request expired; it is 90 s old")


def test_an_input_too_large_is_a_failure(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mme_cdk.async_invocations.handler.consumer.PAYLOAD_MAX_BYTES", 4)
    assert world.handle(world.message())
    assert "a multi-model endpoint takes" in world.told()[0]["failureReason"]


def test_the_containers_own_words_are_the_failure(world: World) -> None:
    words = '{"error": "unexpected shape"}'
    world.runtime.script = [aws_error("ModelError", 424, OriginalStatusCode=400, OriginalMessage=words)]
    assert world.handle(world.message())
    assert world.objects() == {FAILURE: words.encode()}
    told = world.told()[0]
    assert told["failureReason"] == f"ClientError: Received client error (400) from model: {words}"
    assert told["responseParameters"]["outputLocation"] == f"s3://{BUCKET}/{FAILURE}"


def test_a_missing_model_is_a_failure(world: World) -> None:
    world.runtime.script = [aws_error("ValidationError", 400, "Failed to download model data")]
    assert world.handle(world.message())
    assert world.told()[0]["failureReason"] == "ClientError: ValidationError: Failed to download model data"


def test_a_model_that_loads_is_waited_for(world: World) -> None:
    world.runtime.script = [aws_error("ModelNotReadyException", 429)] * 6
    assert world.handle(world.message())
    assert len(world.runtime.calls) == 7
    assert world.sleeps == sorted(world.sleeps) or max(world.sleeps) <= 15
    assert OUTPUT in world.objects()


def test_the_wait_ends_with_the_time_of_the_function_and_the_request_stays(world: World) -> None:
    world.runtime.script = [aws_error("ModelNotReadyException", 429)] * 9
    assert not world.handle(world.message(), seconds_left=60)
    assert len(world.runtime.calls) == 1
    assert not world.objects()


def test_a_model_that_never_loads_is_a_dead_letter_after_its_attempts(world: World) -> None:
    world.runtime.script = [aws_error("ModelNotReadyException", 429)] * 500
    assert not world.handle(world.message())
    assert not world.handle(world.message(receives=2))
    assert world.handle(world.message(receives=3))
    (letter,) = world.letters()
    assert letter["Reason"].startswith("ModelNotReady: a.tar.gz was still loading after 3")
    assert letter["InferenceId"] == "id-1"
    assert not world.objects()
    assert world.told()[0]["failureReason"].endswith("(the request is in the dead-letter queue)")


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
def test_what_is_around_the_model_is_tried_again_and_then_a_dead_letter(
    world: World, error: Exception
) -> None:
    world.runtime.script = [error, error]
    assert not world.handle(world.message(receives=1))
    assert world.handle(world.message(receives=3))
    assert world.letters()[0]["Reason"].startswith("InternalServerError: ")


@pytest.mark.parametrize(
    "error",
    [
        aws_error("ServiceUnavailable", 503, "no capacity"),
        aws_error("ThrottlingException", 400, "no capacity"),
    ],
)
def test_an_endpoint_that_is_busy_is_waited_for_and_costs_no_attempt(world: World, error: Exception) -> None:
    world.runtime.script = [error] * 6
    assert world.handle(world.message())
    assert len(world.runtime.calls) == 7
    assert OUTPUT in world.objects()


def test_an_endpoint_that_stays_busy_is_a_dead_letter_with_its_words(world: World) -> None:
    world.runtime.script = [aws_error("ThrottlingException", 400, "no capacity")] * 500
    assert world.handle(world.message(receives=3))
    reason = world.letters()[0]["Reason"]
    assert reason.startswith("InternalServerError: ThrottlingException for 3")
    assert reason.endswith("s: no capacity")


@pytest.mark.parametrize(
    "error",
    [
        aws_error("ModelError", 424, OriginalStatusCode=507, OriginalMessage="out of memory"),
        aws_error("ModelError", 424, OriginalStatusCode=0, OriginalMessage="the container ended"),
        ReadTimeoutError(endpoint_url="u"),
    ],
)
def test_a_model_that_gives_no_answer_is_tried_again_and_then_a_failure(
    world: World, error: Exception
) -> None:
    world.runtime.script = [error, error]
    assert not world.handle(world.message(receives=1))
    assert world.handle(world.message(receives=3))
    assert list(world.objects()) == [FAILURE]
    assert not world.letters()


def test_the_requests_own_time_limit(world: World) -> None:
    world.runtime.script = [ReadTimeoutError(endpoint_url="u")]
    assert world.handle(world.message(InvocationTimeoutSeconds=7))
    assert world.runtime.timeouts == [7]
    assert "no answer within 7 s, which is InvocationTimeoutSeconds" in world.told()[0]["failureReason"]


def test_a_message_that_ends_the_consumer_each_time_is_a_dead_letter_unread(world: World) -> None:
    assert world.handle(world.message(receives=4))
    assert not world.runtime.calls
    assert world.letters()[0]["Reason"] == (
        "InternalServerError: the consumer died 3 times before it had an outcome"
    )


def test_a_repetition_runs_nothing_and_is_told_again(world: World) -> None:
    message = world.message()
    assert world.handle(message)
    assert world.handle(world.message(id="m2"))
    assert len(world.runtime.calls) == 1
    assert [one["invocationStatus"] for one in world.told()] == ["Completed", "Completed"]


def test_another_request_under_a_used_id_is_its_own_failure(world: World) -> None:
    assert world.handle(world.message())
    assert world.handle(world.message(id="m2", Accept="text/csv"))
    objects = world.objects()
    assert objects.pop(OUTPUT) == b"echo hello"
    ((key, body),) = objects.items()
    assert key.startswith("async/failure/id-1-duplicate-")
    assert b"belongs to another request" in body
    assert [one["invocationStatus"] for one in world.told()] == ["Completed", "Failed"]
    assert len(world.runtime.calls) == 1


def test_a_consumer_that_died_before_it_published_is_followed_up(world: World) -> None:
    assert world.handle(world.message())
    world.s3.delete_object(Bucket=BUCKET, Key=OUTPUT)
    world.told()
    assert world.handle(world.message(receives=2))
    assert world.objects() == {OUTPUT: b"echo hello"}
    assert len(world.told()) == 1
    assert len(world.runtime.calls) == 1


def test_of_two_consumers_at_once_the_first_decides(world: World) -> None:
    """The slow one's model even fails, after the quick one's has answered."""
    message = world.message()
    quick = world.another_consumer()
    world.runtime.script = [
        lambda: quick.handle(message, lambda: 450) or pytest.fail("not handled"),
    ]
    assert world.handle(message)
    assert len(world.runtime.calls) == 2
    assert world.objects() == {OUTPUT: b"echo hello"}
    assert outcome(world)["mme-status"] == "Completed"


def test_a_late_answer_to_a_dead_letter_is_no_second_outcome(world: World) -> None:
    parking = world.another_consumer()
    world.runtime.script = [
        lambda: parking.handle(world.message(receives=4), lambda: 450) or pytest.fail("not parked"),
    ]
    assert not world.handle(world.message(receives=3)), "the message is the other's to delete"
    assert not world.objects()
    assert len(world.letters()) == 1
    assert outcome(world)["mme-status"] == "DeadLettered"


def test_a_dead_letter_sent_anew_may_succeed(world: World) -> None:
    assert world.handle(world.message(receives=4))
    assert world.handle(world.message(id="m2"))
    assert world.objects() == {OUTPUT: b"echo hello"}
    assert outcome(world)["mme-status"] == "Completed"


def test_a_dead_letter_sent_anew_may_die_again(world: World) -> None:
    assert world.handle(world.message(receives=4))
    assert world.handle(world.message(id="m2", receives=4))
    assert len(world.letters()) == 2
    assert outcome(world)["mme-message"] == "m2"


def test_a_letter_that_was_settled_and_not_sent_is_sent(world: World) -> None:
    assert world.handle(world.message(receives=4))
    world.letters()
    assert world.handle(world.message(receives=5))
    assert len(world.letters()) == 1


def test_an_id_that_would_make_folders_does_not(world: World) -> None:
    fields = {"InferenceId": "../a b/ü".replace("ü", "u"), "TargetModel": "a", "InputLocation": world.put()}
    assert world.handle(world.message(fields))
    assert list(world.objects()) == ["async/output/..%2Fa%20b%2Fu.out"]
