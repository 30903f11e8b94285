"""Saved queries and the log group of a monitored endpoint."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import RemovalPolicy, Stack, aws_logs

from tests.mme_cdk.building import endpoint_in

LOG_GROUP = "AWS::Logs::LogGroup"


def test_saved_queries(stack: Stack, synth) -> None:
    monitoring = endpoint_in(stack, endpoint_name="mine").add_monitoring(name_prefix="team")
    found = synth(stack)
    queries = [one["Properties"] for one in found.all("AWS::Logs::QueryDefinition")]
    names = ("top-models", "loads-and-unloads", "load-times", "failed-loads", "errors")
    assert {query["Name"] for query in queries} == {f"team/{name}" for name in names}
    assert all(query["LogGroupNames"] == ["/aws/sagemaker/Endpoints/mine"] for query in queries)
    assert monitoring.log_group is None
    assert not found.all(LOG_GROUP), "the log group is opt-in"


@pytest.mark.parametrize(
    ("props", "policy"), [({}, "Delete"), ({"log_removal_policy": RemovalPolicy.RETAIN}, "Retain")]
)
def test_log_retention(stack: Stack, synth, props: dict[str, Any], policy: str) -> None:
    endpoint = endpoint_in(stack, endpoint_name="mine")
    endpoint.add_monitoring(log_retention=aws_logs.RetentionDays.TWO_WEEKS, **props)
    found = synth(stack)
    (group,) = found.all(LOG_GROUP)
    assert group["Properties"] == {"LogGroupName": "/aws/sagemaker/Endpoints/mine", "RetentionInDays": 14}
    assert group["DeletionPolicy"] == policy
    # Otherwise the first container would create the group before the stack does.
    (resource,) = found.all("AWS::SageMaker::Endpoint")
    assert found.id_of(LOG_GROUP) in resource["DependsOn"]
