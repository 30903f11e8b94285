"""`mme invoke --async` and `mme async`, with the real consumer between the queue and the endpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from mme.registry.aliases import AliasStore
from mme_cdk.async_invocations.handler.consumer import Consumer
from mme_cdk.async_invocations.handler.environment import ConsumerSettings
from mme_cdk.async_invocations.handler.invocation import Invoker
from tests.cli.conftest import OUTPUTS

REGISTRY = Path(__file__).parents[2] / "model_registry"
TENSORS = ("--input", "INPUT0=1,2,3,4", "--input", "INPUT1=10,20,30,40")


@dataclass
class Queued:
    """The stack `queued`: one with a queue, whose consumer runs when a test says so."""

    s3: Any
    sqs: Any
    consumer: Consumer
    environment: ConsumerSettings

    def work(self) -> list[bool]:
        """Handle every message that is seen; whether each may leave the queue."""
        url = self.environment.queue_url
        done = []
        while found := self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=1, AttributeNames=["All"]
        ).get("Messages"):
            (message,) = found
            record = {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
            }
            done.append(self.consumer.handle(record, lambda: 450))
            if done[-1]:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return done


@pytest.fixture
def queued(aws: Any, monkeypatch: pytest.MonkeyPatch) -> Queued:
    url = aws.meta.endpoint_url
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")
    sqs, sns = (session.client(name, endpoint_url=url) for name in ("sqs", "sns"))
    queues = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("main", "dead")}
    topics = {name: sns.create_topic(Name=name)["TopicArn"] for name in ("yes", "no")}
    places = {
        f"Async{name}Location": f"s3://models/async/{name.lower()}/"
        for name in ("Input", "Output", "Failure", "Outcome")
    }
    outputs = OUTPUTS | places | {"AsyncQueueUrl": queues["main"], "AsyncDeadLetterQueueUrl": queues["dead"]}
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    session.client("cloudformation", endpoint_url=url).create_stack(
        StackName="queued", TemplateBody=json.dumps(template)
    )
    monkeypatch.setenv("MME_STACK", "queued")
    environment = ConsumerSettings.load(
        {
            "MME_ENDPOINT_NAME": "mme-local",
            "MME_QUEUE_URL": queues["main"],
            "MME_DEAD_LETTER_QUEUE_URL": queues["dead"],
            "MME_SUCCESS_TOPIC_ARN": topics["yes"],
            "MME_ERROR_TOPIC_ARN": topics["no"],
            "MME_MAX_ATTEMPTS": "1",
            "MME_LOAD_SECONDS": "1",
            "AWS_REGION": "us-east-1",
            **{f"MME_{name[5:-8].upper()}_LOCATION": place for name, place in places.items()},
        }
    )
    runtime = session.client("sagemaker-runtime", endpoint_url=url)
    invoker = Invoker("mme-local", 1, client=lambda _: runtime)
    return Queued(aws, sqs, Consumer(environment, s3=aws, sqs=sqs, sns=sns, invoker=invoker), environment)


def test_tensors_go_and_come_back(queued: Queued, mme) -> None:
    assert mme("models", "add", REGISTRY / "add_sub").status == 0
    sent = mme("invoke", "add_sub_v0.tar.gz", *TENSORS, "--async")
    assert sent.status == 0
    id = sent.out.strip()
    assert f"print the answer: mme async result {id} --wait 600" in sent.err
    assert mme("async", "status", id, "--json").json["state"] == "waiting"
    assert queued.work() == [True]
    shown = mme("async", "result", id)
    assert any(row.startswith("OUTPUT0 FP32 [4] 11, 22, 33, 44") for row in shown.rows)
    assert mme("async", "result", id, "--json").json["outputs"]["OUTPUT1"]["data"] == [-9, -18, -27, -36]
    found = mme("async", "status", id, "--json").json
    assert (found["state"], found["location"]) == ("completed", f"s3://models/async/output/{id}.out")
    assert any(
        row.startswith(f"{id} completed s3://models/async/output/") for row in mme("async", "status", id).rows
    )


def test_the_next_command_has_the_flags_of_this_one(queued: Queued, mme) -> None:
    assert mme("models", "add", REGISTRY / "add_sub").status == 0
    sent = mme("--stack", "queued", "invoke", "add_sub_v0.tar.gz", *TENSORS, "--async")
    assert f"print the answer: mme --stack queued async result {sent.out.strip()} --wait 600" in sent.err


def test_bytes_go_and_come_back_as_they_are(queued: Queued, mme, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("1,2\n3,4\n")
    sent = mme("invoke", "xgb_v0.tar.gz", "--body", rows, "--async", "--inference-id", "a/1", "--json").json
    assert sent == {
        "InferenceId": "a/1",
        "InputLocation": "s3://models/async/input/a%2F1",
        "OutputLocation": "s3://models/async/output/a%2F1.out",
        "FailureLocation": "s3://models/async/failure/a%2F1-error.out",
    }
    queued.work()
    assert mme("async", "result", "a/1").out == "1,2\n3,4\n"
    saved = mme("async", "result", "a/1", "--output", tmp_path / "answer.csv")
    assert saved.status == 0
    assert (tmp_path / "answer.csv").read_text() == "1,2\n3,4\n"
    assert mme("async", "result", "a/1", "--json").json["body"] == "1,2\n3,4\n"


def test_the_same_again_is_run_once_and_another_is_refused(queued: Queued, mme, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("1\n")
    call = ("invoke", "xgb_v0.tar.gz", "--body", rows, "--async", "--inference-id", "i")
    assert [mme(*call).status, mme(*call).status] == [0, 0]
    assert queued.work() == [True, True]
    rows.write_text("2\n")
    refused = mme(*call)
    assert refused.status == 2
    assert "inference id i belongs to another request" in refused.err
    assert queued.work() == []
    assert mme("async", "result", "i").out == "1\n"


def test_an_alias_is_resolved_when_it_is_sent(queued: Queued, mme, tmp_path: Path) -> None:
    AliasStore(queued.s3, "models", "models/").point("xgb@prod", "xgb_v0.tar.gz")
    rows = tmp_path / "rows.csv"
    rows.write_text("1\n")
    assert mme("invoke", "xgb@prod", "--body", rows, "--async", "--inference-id", "i").status == 0
    (message,) = queued.sqs.receive_message(QueueUrl=queued.environment.queue_url)["Messages"]
    assert json.loads(message["Body"])["TargetModel"] == "xgb_v0.tar.gz"


def test_a_missing_model_is_a_failure_with_its_reason(queued: Queued, mme) -> None:
    mme("invoke", "nope_v0.tar.gz", *TENSORS, "--async", "--inference-id", "gone")
    queued.work()
    shown = mme("async", "result", "gone")
    assert shown.status == 2
    assert (
        "the request gone ended as a failure: ClientError: ValidationError: Failed to download" in shown.err
    )
    found = mme("async", "status", "gone", "--json").json
    assert (found["state"], found["location"]) == ("failed", "s3://models/async/failure/gone-error.out")


def test_no_answer_yet_hints_at_waiting(queued: Queued, mme) -> None:
    mme("invoke", "add_sub_v0.tar.gz", *TENSORS, "--async", "--inference-id", "i")
    pending = mme("async", "result", "i")
    assert pending.status == 2
    assert "the request i has no outcome yet" in pending.err
    assert "mme async result i --wait 600" in pending.err
    assert "the request j is unknown" in mme("async", "result", "j").err


def test_dead_letters_are_listed_and_redriven(queued: Queued, mme) -> None:
    assert "0 waiting, 0 running, 0 dead" in mme("async", "status").err
    assert "there are no dead letters" in mme("async", "redrive").err
    mme("invoke", "add_sub_v0.tar.gz", *TENSORS, "--async", "--inference-id", "i")
    url, dead = queued.environment.queue_url, queued.environment.dead_letter_queue_url
    (message,) = queued.sqs.receive_message(QueueUrl=url)["Messages"]
    queued.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    reason = {"DataType": "String", "StringValue": "the endpoint [a] was away"}
    queued.sqs.send_message(QueueUrl=dead, MessageBody=message["Body"], MessageAttributes={"Reason": reason})
    queued.sqs.send_message(QueueUrl=url, MessageBody="poison")
    queued.work()
    listed = mme("async", "status", "--json").json
    assert (listed["waiting"], listed["dead"]) == (0, 2)
    told = {letter["inference_id"]: letter["reason"] for letter in listed["dead_letters"]}
    assert told["i"] == "the endpoint [a] was away"
    assert told[""].startswith("the message is not JSON")
    assert any("the endpoint [a] was away" in row for row in mme("async", "status").rows)
    absent = mme("async", "redrive", "--id", "j")
    assert absent.status == 2
    assert "no dead letter has inference id j" in absent.err
    assert mme("async", "redrive", "--id", "i").status == 0
    assert queued.work() == [True]
    assert mme("async", "status", "i", "--json").json["state"] == "completed"
    assert [letter["body"] for letter in mme("async", "redrive", "--json").json] == ["poison"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--async", "--output", "x.json"), "--output can't be given with --async"),
        (("--inference-id", "i"), "--inference-id is for queued requests"),
        (("--async", "--inference-id", "ü"), "is not a valid inference id"),
    ],
)
def test_options_that_do_not_go_together(queued: Queued, mme, arguments: tuple[str, ...], words: str) -> None:
    ran = mme("invoke", "add_sub_v0.tar.gz", *TENSORS, *arguments)
    assert ran.status == 2
    assert words in ran.err
    assert queued.work() == []


def test_a_deployment_without_a_queue_has_a_hint(aws, mme) -> None:
    for command in (("async", "status"), ("async", "redrive"), ("async", "result", "i")):
        ran = mme(*command)
        assert ran.status == 2
        assert "the stack mme-local-serving has no queue for asynchronous requests" in ran.err
        assert "asynchronous=True" in ran.err
