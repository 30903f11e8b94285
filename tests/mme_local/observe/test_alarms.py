"""The constructs' own alarms, deployed to embedded CloudWatch, on metrics as the runtime publishes them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import (
    App,
    DefaultStackSynthesizer,
    Environment,
    RemovalPolicy,
    Stack,
    aws_cloudwatch_actions,
    aws_sns,
)
from aws_cdk.assertions import Template

from mme_cdk import ModelBucket, ModelStore, MultiModelEndpoint, ServingImage
from mme_local import aws
from mme_local.aws import clients_of
from mme_local.aws.account import DEFAULT_ACCOUNT
from mme_local.aws.cloudwatch.alarms import evaluate_all
from mme_local.endpoint import errors
from mme_local.endpoint.call import InvokeCall
from mme_local.endpoint.trace import Trace
from mme_local.observe.alarms import deployed_alarms
from mme_local.observe.metrics import Measurements, publish
from mme_local.observe.observed import ObservedRequest

pytestmark = pytest.mark.slow

ENDPOINT = "mme-dev"
REGION = "us-east-1"


def client(service: str) -> Any:
    return clients_of(DEFAULT_ACCOUNT, REGION).client(service)


@pytest.fixture
def _monitored(tmp_path: Path) -> Iterator[None]:
    """An endpoint whose critical alarms publish to the topic ``pager``."""
    aws.reset()
    stack = Stack(
        App(outdir=str(tmp_path), analytics_reporting=False),
        "Monitored",
        env=Environment(account=DEFAULT_ACCOUNT, region=REGION),
        synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
    )
    models = ModelBucket(stack, "Models", access_logs=False, removal_policy=RemovalPolicy.DESTROY)
    endpoint = MultiModelEndpoint(
        stack,
        "Endpoint",
        endpoint_name=ENDPOINT,
        image=ServingImage.triton("26.05"),
        models=ModelStore.from_bucket(models),
        instance_type="ml.g5.xlarge",
    )
    pager = aws_sns.Topic(stack, "Pager", topic_name="pager")
    endpoint.add_monitoring(actions={"critical": [aws_cloudwatch_actions.SnsAction(pager)]})
    cloudformation = client("cloudformation")
    cloudformation.create_stack(
        StackName="monitored",
        TemplateBody=json.dumps(Template.from_stack(stack).to_json()),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    (created,) = cloudformation.describe_stacks(StackName="monitored")["Stacks"]
    assert created["StackStatus"] == "CREATE_COMPLETE", created
    yield
    aws.reset()


def serve_minutes(last: int, minutes: int, *, failing: bool = False) -> None:
    """Publish and evaluate traffic up to a moment (seconds since the epoch); every other request may fail."""
    place = errors.EndpointId(ENDPOINT, REGION, DEFAULT_ACCOUNT)
    for minute in range(last - 60 * minutes, last, 60):
        measurements = Measurements(partial(float, minute))
        for number in range(40):
            error = errors.timed_out(place) if failing and number % 2 else None
            trace = Trace("AllTraffic", "mme-dev/AllTraffic/0", 2, True, 0.0, 0.01)
            call = InvokeCall(ENDPOINT, f"m{number % 12}.tar.gz", b"")
            measurements.count([ObservedRequest.of(minute + number, call, trace, 0.011, error)])
        publish(measurements.take())
        evaluate_all(minute + 60.0)


@pytest.mark.usefixtures("_monitored")
def test_critical_alarms_publish_to_their_topic_and_recover() -> None:
    sqs, sns = client("sqs"), client("sns")
    queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    (topic,) = sns.list_topics()["Topics"]
    arn = f"arn:aws:sqs:{REGION}:123456789012:inbox"
    sns.subscribe(TopicArn=topic["TopicArn"], Protocol="sqs", Endpoint=arn)

    def subjects() -> set[str]:
        received = set()
        while found := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for one in found:
                received.add(json.loads(one["Body"])["Subject"].split(" in ")[0])
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
        return received

    now = int(time.time()) // 60 * 60
    serve_minutes(now, 5)
    subjects()  # each alarm's first OK
    assert {alarm.state for alarm in deployed_alarms()} == {"OK"}
    serve_minutes(now + 300, 5, failing=True)
    names = {"mme-dev-server-errors-critical", "mme-dev-model-errors-critical"}
    assert subjects() == {f'ALARM: "{name}"' for name in names}
    firing, *others = deployed_alarms()
    assert (firing.state, others[-1].state) == ("ALARM", "OK")
    serve_minutes(now + 900, 10)
    assert subjects() == {f'OK: "{name}"' for name in names}
