"""Queries, contributor rules and the log group of a monitored endpoint."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import RemovalPolicy, Stack, aws_logs
from aws_cdk.assertions import Annotations, Match

from mme_cdk import (
    EndpointBase,
    EndpointMonitoring,
    ModelStore,
    MultiModelEndpoint,
    PropsError,
    ServingImage,
    TritonLogLevel,
    TritonSettings,
)

LOG_GROUP = "AWS::Logs::LogGroup"
RULE = "AWS::CloudWatch::InsightRule"


def endpoint_of(stack: Stack, models: ModelStore, **props: Any) -> MultiModelEndpoint:
    return MultiModelEndpoint(
        stack,
        "Endpoint",
        image=ServingImage.triton("26.05"),
        models=models,
        instance_type="ml.g5.xlarge",
        endpoint_name="mine",
        **props,
    )


def test_saved_queries(stack: Stack, models: ModelStore, synth) -> None:
    monitoring = endpoint_of(stack, models).add_monitoring(name_prefix="team")
    found = synth(stack)
    queries = [one["Properties"] for one in found.all("AWS::Logs::QueryDefinition")]
    names = ("top-models", "loads-and-unloads", "load-times", "failed-loads", "errors")
    assert {query["Name"] for query in queries} == {f"team/{name}" for name in names}
    assert all(query["LogGroupNames"] == ["/aws/sagemaker/Endpoints/mine"] for query in queries)
    assert monitoring.log_group is None
    assert not found.all(RULE), "contributor rules are opt-in"
    assert not found.all(LOG_GROUP), "the log group is opt-in"


def test_contributor_rules(stack: Stack, models: ModelStore, synth) -> None:
    endpoint_of(stack, models).add_monitoring(contributor_insights=True)
    rules = [one["Properties"] for one in synth(stack).all(RULE)]
    names = ("mine-unverified-models-by-calls", "mine-unverified-models-by-calls-quoted")
    assert {rule["RuleName"] for rule in rules} == set(names)
    for rule in rules:
        assert rule["RuleState"] == "ENABLED"
        assert json.loads(rule["RuleBody"])["LogGroupNames"] == ["/aws/sagemaker/Endpoints/mine"]


@pytest.mark.parametrize(
    ("props", "policy"), [({}, "Delete"), ({"log_removal_policy": RemovalPolicy.RETAIN}, "Retain")]
)
def test_log_retention(stack: Stack, models: ModelStore, synth, props: dict[str, Any], policy: str) -> None:
    endpoint = endpoint_of(stack, models)
    endpoint.add_monitoring(log_retention=aws_logs.RetentionDays.TWO_WEEKS, **props)
    found = synth(stack)
    (group,) = found.all(LOG_GROUP)
    assert group["Properties"] == {"LogGroupName": "/aws/sagemaker/Endpoints/mine", "RetentionInDays": 14}
    assert group["DeletionPolicy"] == policy
    # Otherwise the first container would create the group before the stack does.
    (resource,) = found.all("AWS::SageMaker::Endpoint")
    assert found.id_of(LOG_GROUP) in resource["DependsOn"]


def test_an_imported_endpoint_takes_no_log_retention(placed: Stack) -> None:
    imported = EndpointBase.from_endpoint_name(placed, "Imported", "theirs")
    with pytest.raises(PropsError, match=r"does not delete it.*aws logs put-retention-policy .*/theirs "):
        EndpointMonitoring(
            placed, "Monitoring", endpoint=imported, log_retention=aws_logs.RetentionDays.ONE_WEEK
        )


QUIET = {"triton": TritonSettings(log_level=TritonLogLevel.WARNING)}


@pytest.mark.parametrize(
    ("props", "monitoring", "warned"),
    [
        (QUIET, {}, True),
        ({"environment": {"SAGEMAKER_TRITON_LOG_INFO": "False"}}, {}, True),
        (QUIET, {"log_queries": False}, False),
        (QUIET, {"log_queries": False, "contributor_insights": True}, True),
        ({"triton": TritonSettings(log_level=TritonLogLevel.INFO)}, {}, False),
        ({}, {"contributor_insights": True}, False),
    ],
)
def test_a_log_without_models_warns(
    stack: Stack, models: ModelStore, props: dict[str, Any], monitoring: dict[str, Any], warned: bool
) -> None:
    endpoint_of(stack, models, **props).add_monitoring(**monitoring)
    found = Annotations.from_stack(stack).find_warning(
        "/Test/Endpoint/Monitoring", Match.string_like_regexp("below INFO.*ack: mme:logLevel")
    )
    assert bool(found) is warned
