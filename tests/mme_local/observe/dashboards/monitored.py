"""An endpoint with the constructs' own alarms and dashboard, and traffic that they are about."""

from __future__ import annotations

import json
import random
from functools import partial
from typing import Any

from aws_cdk import (
    App,
    DefaultStackSynthesizer,
    Environment,
    RemovalPolicy,
    Stack,
    aws_cloudwatch,
    aws_cloudwatch_actions,
    aws_sns,
)
from aws_cdk.assertions import Template

from mme_cdk import ModelBucket, ModelStore, MultiModelEndpoint, ServingImage
from mme_local.aws.account import DEFAULT_ACCOUNT
from mme_local.aws.clients import clients_of
from mme_local.aws.cloudwatch.alarms import evaluate_all
from mme_local.endpoint import errors as outcome
from mme_local.endpoint.call import Call
from mme_local.observe.instance_use import InstanceUse
from mme_local.observe.measurements import Measurements
from mme_local.observe.observed import SeenRequest
from mme_local.observe.publisher import publish, publish_use
from mme_local.trace import Step, Trace

ENDPOINT = "mme-dev"
REGION = "us-east-1"
PLACE = outcome.Place(ENDPOINT, REGION, DEFAULT_ACCOUNT)


def deploy_monitored(outdir: str) -> None:
    """Deploys endpoint, alarms that tell the topic ``pager``, one composite alarm and the dashboard."""
    stack = Stack(
        App(outdir=outdir, analytics_reporting=False),
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
    action = aws_cloudwatch_actions.SnsAction(pager)
    monitoring = endpoint.add_monitoring(actions={"critical": [action]})
    aws_cloudwatch.CompositeAlarm(
        stack,
        "Any",
        composite_alarm_name="any-critical",
        alarm_rule=aws_cloudwatch.AlarmRule.any_of(*monitoring.alarms_of("critical")),
    )
    template = json.dumps(Template.from_stack(stack).to_json())
    cloudformation = client("cloudformation")
    cloudformation.create_stack(
        StackName="monitored", TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    (made,) = cloudformation.describe_stacks(StackName="monitored")["Stacks"]
    assert made["StackStatus"] == "CREATE_COMPLETE", made


def client(service: str) -> Any:
    return clients_of(DEFAULT_ACCOUNT, REGION).client(service)


def serve_minutes(last: int, minutes: int, *, failing: float = 0.0) -> None:
    """Traffic of so many minutes up to a moment (seconds since the epoch), published and evaluated."""
    chance = random.Random(7)  # noqa: S311 - no secret
    endpoints = [
        {"name": ENDPOINT, "region": REGION, "variant": "AllTraffic", "instances": [{"id": "a"}, {"id": "b"}]}
    ]
    for minute in range(last - 60 * minutes, last, 60):
        measurements = Measurements(partial(float, minute))
        requests = []
        for number in range(chance.randint(25, 60)):
            hit = chance.random() > 0.08
            took = chance.uniform(0.004, 0.04)
            waited = 0.0 if hit else chance.uniform(0.3, 2.5)
            error = outcome.timed_out(PLACE) if chance.random() < failing else None
            trace = Trace("AllTraffic", "mme-dev/AllTraffic/0", 2, hit, waited, took)
            call = Call(ENDPOINT, f"m{number % 12}.tar.gz", b"")
            requests.append(SeenRequest.of(minute + number, call, trace, waited + took + 0.001, error))
            if not hit:
                measurements.stepped(REGION, ENDPOINT, "AllTraffic", Step.LOAD, waited * 0.8)
                measurements.stepped(REGION, ENDPOINT, "AllTraffic", Step.DOWNLOAD, waited * 0.2)
        if chance.random() < 0.4:
            measurements.stepped(REGION, ENDPOINT, "AllTraffic", Step.UNLOAD, 2.0)
        measurements.count(requests)
        publish(measurements.take())
        uses = {
            name: InstanceUse(chance.randint(9, 12), chance.uniform(60, 190), chance.uniform(38, 44), 12.0)
            for name in ("a", "b")
        }
        publish_use(endpoints, uses, None, minute)
        evaluate_all(minute + 60.0)
