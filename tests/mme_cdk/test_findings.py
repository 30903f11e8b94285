"""AwsSolutions finds nothing in what the constructs define and grant, and still finds what an app adds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack, aws_ec2, aws_events_targets, aws_iam, aws_kms, aws_sqs

from mme_cdk import DataCapture, ModelBucket, ModelStore, PipelineContainer
from tests.mme_cdk.building import (
    CPU,
    XGBOOST,
    bucket_in,
    cpu_endpoint_in,
    endpoint_in,
    isolated_vpc,
    role_in,
)


def two_scaled(scope: Stack) -> None:
    for id in ("One", "Two"):
        scaling = endpoint_in(scope, id).auto_scale_instance_count(min_capacity=2, max_capacity=4)
        scaling.scale_on_invocations("Load", max_requests_per_second=10)


def of_another_stack(scope: Any) -> None:
    store = Stack(scope.node.root, "Store")
    endpoint_in(scope, models=ModelStore.from_bucket(ModelBucket(store, "Models", access_logs=False)))


def captured(scope: Stack) -> None:
    key = aws_kms.Key(scope, "CaptureKey", enable_key_rotation=True)
    bucket = bucket_in(scope, "captured")
    capture = DataCapture(bucket=bucket, sampling_percentage=5, encryption_key=key)
    endpoint_in(scope, data_capture=capture)


def captured_next_to_the_models(scope: Stack) -> None:
    endpoint_in(scope, data_capture=DataCapture(bucket=bucket_in(scope), sampling_percentage=5))


def locked_down(scope: Stack) -> None:
    vpc = isolated_vpc(scope)
    vpc.add_gateway_endpoint("S3", service=aws_ec2.GatewayVpcEndpointAwsService.S3)
    vpc.add_flow_log("Flow")
    endpoint_in(scope, vpc=vpc, network_isolation=True)


def piped(scope: Stack) -> None:
    scaler = PipelineContainer(image=XGBOOST, bucket=bucket_in(scope, "features"), key="scaler.tar.gz")
    endpoint_in(scope, image=XGBOOST, instance_type=CPU, containers_before=[scaler])


def granted(scope: Stack) -> None:
    role, endpoint = role_in(scope), endpoint_in(scope)
    endpoint.grant_invoke_model(role, "tenant-a/*")
    endpoint.grant_publish_models(role, prefix="tenant-a/")
    endpoint.grant_resolve_aliases(role, prefix="tenant-a/")
    endpoint.grant_read_models(role)


def watched(scope: Stack) -> None:
    key = aws_kms.Key(scope, "QueueKey", enable_key_rotation=True)
    dead = aws_sqs.Queue(scope, "Dead", enforce_ssl=True, encryption_master_key=key)
    dead_letter_queue = aws_sqs.DeadLetterQueue(queue=dead, max_receive_count=3)
    queue = aws_sqs.Queue(
        scope, "Queue", enforce_ssl=True, encryption_master_key=key, dead_letter_queue=dead_letter_queue
    )
    endpoint_in(scope).on_deployment_state_change("Moved", target=aws_events_targets.SqsQueue(queue))


CLEAN: tuple[Callable[[Stack], object], ...] = (
    endpoint_in,
    cpu_endpoint_in,
    two_scaled,
    of_another_stack,
    captured,
    captured_next_to_the_models,
    locked_down,
    piped,
    granted,
    watched,
)


def test_nothing_is_found(app: App, findings: Callable[[], list[str]]) -> None:
    for build in CLEAN:
        build(Stack(app, build.__name__.replace("_", "-")))
    assert findings() == []


def test_an_unacknowledged_wildcard_is_found(stack: Stack, findings: Callable[[], list[str]]) -> None:
    objects = "arn:aws:s3:::other/*"
    aws_iam.Grant.add_to_principal(
        grantee=endpoint_in(stack).role, actions=["s3:GetObject"], resource_arns=[objects]
    )
    assert findings() == [f"AwsSolutions-IAM5[Resource::{objects}]"]


@pytest.mark.parametrize("mode", ["weak", "strong", "both"])
def test_whatever_references_to_other_stacks_become(mode: str, app: App, findings: Callable) -> None:
    app.node.set_context("@aws-cdk/core:defaultCrossStackReferences", mode)
    of_another_stack(Stack(app, "Serving"))
    assert findings() == []


def test_an_app_without_any_feature_flag(tmp_path: Path, findings_of: Callable) -> None:
    app = App(outdir=str(tmp_path))
    of_another_stack(Stack(app, "Serving"))
    assert findings_of(app) == []
