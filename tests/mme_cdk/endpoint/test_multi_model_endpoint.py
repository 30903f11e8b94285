from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack, aws_iam, aws_sagemaker

from mme_cdk import ModelBucket, ModelStore, MultiModelEndpoint, PropsError, ServingImage

TRITON = ServingImage.triton("26.05")


def endpoint_in(scope: Stack, id: str, models: ModelStore, **props: Any) -> MultiModelEndpoint:
    return MultiModelEndpoint(
        scope, id, **{"image": TRITON, "models": models, "instance_type": "ml.g5.xlarge", **props}
    )


def caller(scope: Stack) -> aws_iam.Role:
    return aws_iam.Role(scope, "Caller", assumed_by=aws_iam.AccountRootPrincipal())


def test_three_props_are_enough(stack: Stack, models: ModelStore, synth, findings: Callable) -> None:
    endpoint = endpoint_in(stack, "Endpoint", models)
    assert isinstance(endpoint.node.default_child, aws_sagemaker.CfnEndpoint)
    template = synth(stack)
    assert template.one("AWS::SageMaker::Endpoint")["EndpointName"] == endpoint.endpoint_name
    (logs,) = template.allowing("logs:PutLogEvents")
    assert f"/aws/sagemaker/Endpoints/{endpoint.endpoint_name}" in str(logs)
    assert findings() == []


def test_two_endpoints_in_one_stack(stack: Stack, models: ModelStore, synth, findings: Callable) -> None:
    for id in ("One", "Two"):
        endpoint_in(stack, id, models).auto_scale_instance_count(
            min_capacity=2, max_capacity=4
        ).scale_on_invocations("Load", max_requests_per_second=10)
    template = synth(stack)
    names = {found["Properties"]["EndpointName"] for found in template.all("AWS::SageMaker::Endpoint")}
    targets = {
        found["Properties"]["ResourceId"]
        for found in template.all("AWS::ApplicationAutoScaling::ScalableTarget")
    }
    assert len(names) == 2
    assert targets == {f"endpoint/{name}/variant/AllTraffic" for name in names}
    assert findings() == []


def test_the_models_of_another_stack(app: App, stack: Stack, synth, findings: Callable) -> None:
    store = ModelStore.from_bucket(ModelBucket(Stack(app, "Store"), "Models", access_logs=False))
    endpoint_in(stack, "Endpoint", store)
    (read,) = synth(stack).allowing("s3:GetObject")
    assert read["Resource"]["Fn::Join"][1][0]["Fn::ImportValue"].startswith("Store:ExportsOutput")
    assert findings() == []


@pytest.mark.parametrize("mode", ["weak", "strong", "both"])
def test_acknowledgements_fit_whatever_cross_stack_references_become(
    context: dict[str, Any], mode: str, app: App, findings: Callable
) -> None:
    app.node.set_context("@aws-cdk/core:defaultCrossStackReferences", mode)
    store = ModelStore.from_bucket(ModelBucket(Stack(app, "Store"), "Models", access_logs=False))
    endpoint_in(Stack(app, "Serving"), "Endpoint", store)
    assert findings() == []


def test_an_app_without_any_feature_flag(tmp_path: Path, findings_of: Callable) -> None:
    app = App(outdir=str(tmp_path))
    store = ModelStore.from_bucket(ModelBucket(Stack(app, "Store"), "Models"))
    endpoint = endpoint_in(Stack(app, "Serving"), "Endpoint", store)
    endpoint.auto_scale_instance_count(max_capacity=2)
    assert findings_of(app) == []


def test_grants_are_acknowledged_on_the_role_that_got_them(
    stack: Stack, models: ModelStore, synth, findings: Callable
) -> None:
    role = caller(stack)
    endpoint = endpoint_in(stack, "Endpoint", models)
    endpoint.grant_invoke_model(role, "tenant-a/*")
    endpoint.grant_publish_models(role, prefix="tenant-a/")
    (write,) = synth(stack).allowing("s3:DeleteObject")
    assert write["Resource"]["Fn::Join"][1][-1] == "/models/tenant-a/*"
    assert findings() == []


def test_an_unacknowledged_wildcard_is_found(stack: Stack, models: ModelStore, findings: Callable) -> None:
    endpoint = endpoint_in(stack, "Endpoint", models)
    aws_iam.Grant.add_to_principal(
        grantee=endpoint.role, actions=["s3:GetObject"], resource_arns=["arn:aws:s3:::other/*"]
    )
    assert findings() == ["AwsSolutions-IAM5[Resource::arn:aws:s3:::other/*]"]


def test_a_role_of_the_users(stack: Stack, models: ModelStore, synth) -> None:
    role = aws_iam.Role(stack, "Mine", assumed_by=aws_iam.ServicePrincipal("sagemaker.amazonaws.com"))
    endpoint = endpoint_in(stack, "Endpoint", models, role=role)
    assert endpoint.role is role
    assert len(synth(stack).all("AWS::IAM::Role")) == 1


def test_all_children_are_its_own(stack: Stack, models: ModelStore) -> None:
    before = {child.node.id for child in stack.node.children}
    endpoint_in(stack, "Endpoint", models).auto_scale_instance_count(max_capacity=2)
    # One mapping for all endpoints of a stack is meant.
    assert {child.node.id for child in stack.node.children} - before == {"Endpoint", "Triton2605Accounts"}


@pytest.mark.parametrize(
    ("props", "fault"),
    [
        ({"instance_type": "ml.g5.48xlarge"}, r"^Test/Endpoint/Config: ml\.g5\.48xlarge has 8 GPUs"),
        ({"endpoint_name": "no_good"}, r"^Test/Endpoint: endpoint_name no_good is not valid"),
        ({"initial_instance_count": 0}, r"^Test/Endpoint/Config: initial_instance_count is 0"),
    ],
)
def test_faults_name_the_construct_and_the_value(
    stack: Stack, models: ModelStore, props: dict[str, Any], fault: str
) -> None:
    with pytest.raises(PropsError, match=fault) as raised:
        endpoint_in(stack, "Endpoint", models, **props)
    assert not re.search(r"\.$", str(raised.value))
