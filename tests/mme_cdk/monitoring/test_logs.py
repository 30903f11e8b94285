"""What monitoring makes of the endpoint's log: queries, rankings, a group of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import RemovalPolicy, Stack, aws_logs
from aws_cdk.assertions import Annotations, Match

from mme_cdk import (
    EndpointBase,
    ModelStore,
    MultiModelEndpoint,
    PropsError,
    ServingImage,
    TritonLogLevel,
    TritonSettings,
)
from mme_cdk.monitoring import EndpointMonitoring

QUERY = "AWS::Logs::QueryDefinition"
RULE = "AWS::CloudWatch::InsightRule"
LOG_GROUP = "AWS::Logs::LogGroup"


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


@pytest.fixture
def endpoint(stack: Stack, models: ModelStore) -> MultiModelEndpoint:
    return endpoint_of(stack, models)


def test_saved_queries(stack: Stack, endpoint: MultiModelEndpoint, synth) -> None:
    endpoint.add_monitoring(name_prefix="team")
    queries = [one["Properties"] for one in synth(stack).all(QUERY)]
    assert {query["Name"] for query in queries} == {
        "team/top-models",
        "team/loads-and-unloads",
        "team/load-times",
        "team/failed-loads",
        "team/errors",
    }
    assert all(query["LogGroupNames"] == ["/aws/sagemaker/Endpoints/mine"] for query in queries)


def test_what_is_opt_in_is_left_out(stack: Stack, endpoint: MultiModelEndpoint, synth) -> None:
    monitoring = endpoint.add_monitoring()
    found = synth(stack)
    assert monitoring.log_group is None
    assert not found.all(RULE)
    assert not found.all(LOG_GROUP)


def test_contributor_rules_say_that_they_are_unverified(
    stack: Stack, endpoint: MultiModelEndpoint, synth
) -> None:
    endpoint.add_monitoring(contributor_insights=True)
    rules = [one["Properties"] for one in synth(stack).all(RULE)]
    assert {rule["RuleName"] for rule in rules} == {
        "mine-unverified-models-by-calls",
        "mine-unverified-models-by-calls-quoted",
    }
    for rule in rules:
        assert rule["RuleState"] == "ENABLED"
        assert json.loads(rule["RuleBody"])["LogGroupNames"] == ["/aws/sagemaker/Endpoints/mine"]
    assert "not verified against a live endpoint" in " ".join(
        (MultiModelEndpoint.add_monitoring.__doc__ or "").split()
    )


@pytest.mark.parametrize(
    ("props", "policy"), [({}, "Delete"), ({"log_removal_policy": RemovalPolicy.RETAIN}, "Retain")]
)
def test_log_retention(
    stack: Stack, endpoint: MultiModelEndpoint, synth, props: dict[str, Any], policy: str
) -> None:
    monitoring = endpoint.add_monitoring(log_retention=aws_logs.RetentionDays.TWO_WEEKS, **props)
    assert monitoring.log_group is not None
    found = synth(stack)
    (group,) = found.all(LOG_GROUP)
    assert group["Properties"] == {"LogGroupName": "/aws/sagemaker/Endpoints/mine", "RetentionInDays": 14}
    assert group["DeletionPolicy"] == policy
    # Or the first container would make the group before the stack does.
    (resource,) = found.all("AWS::SageMaker::Endpoint")
    assert stack.get_logical_id(monitoring.log_group.node.default_child) in resource["DependsOn"]  # type: ignore[arg-type]


def test_the_log_of_an_imported_endpoint_is_there_already(placed: Stack) -> None:
    imported = EndpointBase.from_endpoint_name(placed, "Imported", "theirs")
    with pytest.raises(PropsError, match=r"does not delete it.*aws logs put-retention-policy .*/theirs "):
        EndpointMonitoring(
            placed, "Monitoring", endpoint=imported, log_retention=aws_logs.RetentionDays.ONE_WEEK
        )


QUIET_TRITON = {"triton": TritonSettings(log_level=TritonLogLevel.WARNING)}


@pytest.mark.parametrize(
    ("props", "watched", "warned"),
    [
        (QUIET_TRITON, {}, True),
        ({"triton": TritonSettings(log_level=TritonLogLevel.ERROR)}, {}, True),
        ({"environment": {"SAGEMAKER_TRITON_LOG_INFO": "False"}}, {}, True),
        (QUIET_TRITON, {"log_queries": False}, False),
        (QUIET_TRITON, {"log_queries": False, "contributor_insights": True}, True),
        ({"triton": TritonSettings(log_level=TritonLogLevel.INFO)}, {}, False),
        ({"environment": {"SAGEMAKER_TRITON_LOG_INFO": "true"}}, {}, False),
        ({}, {"contributor_insights": True}, False),
    ],
)
def test_queries_of_a_log_without_models_are_warned_of(
    stack: Stack, models: ModelStore, props: dict[str, Any], watched: dict[str, Any], warned: bool
) -> None:
    endpoint_of(stack, models, **props).add_monitoring(**watched)
    found = Annotations.from_stack(stack).find_warning(
        "/Test/Endpoint/Monitoring", Match.string_like_regexp("below INFO.*ack: mme:logLevel")
    )
    assert bool(found) is warned
