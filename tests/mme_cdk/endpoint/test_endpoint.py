"""What endpoints offer across stacks, regions and accounts; tests/mme_cdk/test_accepted.py has the rest."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from aws_cdk import App, Environment, Stack, aws_cloudwatch, aws_iam, aws_sagemaker, aws_ssm

from mme_cdk import DataCapture, EndpointBase, ModelBucket, ModelStore, ServingImage
from tests.mme_cdk.building import ARN, GPU, bare_endpoint_in, bucket_in, endpoint_in, imported, role_in

ENDPOINT = "AWS::SageMaker::Endpoint"


def test_the_name_is_fixed_at_synth(stack: Stack, synth) -> None:
    endpoint = endpoint_in(stack)
    assert isinstance(endpoint.node.default_child, aws_sagemaker.CfnEndpoint)
    assert re.fullmatch(r"[a-z0-9](-*[a-z0-9]){0,62}", endpoint.endpoint_name)
    assert synth(stack).one(ENDPOINT)["EndpointName"] == endpoint.endpoint_name


def test_a_long_path_still_makes_a_valid_name(probe_stack: Stack) -> None:
    assert len(bare_endpoint_in(probe_stack, "E" * 200).endpoint_name) <= 63


def test_all_children_are_its_own(stack: Stack) -> None:
    endpoint_in(stack, models=ModelStore.from_bucket(bucket_in(stack))).auto_scale_instance_count(
        max_capacity=2
    )
    # One mapping for all endpoints of a stack is meant.
    assert {child.node.id for child in stack.node.children} == {
        "the-bucket",
        "Endpoint",
        "Triton2605Accounts",
    }


def test_every_variants_role_may_write_captured_data(stack: Stack, synth) -> None:
    capture = DataCapture(bucket=bucket_in(stack), sampling_percentage=5)
    config, other = endpoint_in(stack, data_capture=capture).config, endpoint_in(stack, "Other")
    config.add_variant("second", model=other.model, instance_type=GPU)
    assert len(synth(stack).allowing("s3:PutObject")) == 2


def test_the_model_waits_for_the_policy_of_its_role(stack: Stack, synth) -> None:
    endpoint_in(stack)
    template = synth(stack)
    (model,) = template.all("AWS::SageMaker::Model")
    assert template.id_of("AWS::IAM::ManagedPolicy") in model["DependsOn"]


def test_the_model_waits_for_the_policy_of_an_imported_role(stack: Stack, synth) -> None:
    arn = "arn:aws:iam::111122223333:role/theirs"
    endpoint_in(stack, role=aws_iam.Role.from_role_arn(stack, "Imported", arn))
    template = synth(stack)
    (model,), (policy,) = template.all("AWS::SageMaker::Model"), template.all("AWS::IAM::Policy")
    assert model["Properties"]["ExecutionRoleArn"] == arn
    assert model["DependsOn"] == [template.id_of("AWS::IAM::Policy")]
    assert policy["Properties"]["Roles"] == ["theirs"]


def test_endpoints_and_models_are_grantable(stack: Stack, synth) -> None:
    endpoint = endpoint_in(stack)
    bucket_in(stack, "features").grant_read(endpoint)
    bucket_in(stack, "lookups").grant_read(endpoint.model)
    statements = str(synth(stack).statements())
    assert "features" in statements
    assert "lookups" in statements


def test_metrics_of_an_import_from_afar(app: App, synth) -> None:
    here = Stack(app, "Here", env=Environment(account="444455556666", region="us-east-1"))
    widget = aws_cloudwatch.GraphWidget(left=[imported(here).metric_invocations()])
    aws_cloudwatch.Dashboard(here, "Dashboard", widgets=[[widget]])
    body = str(synth(here).one("AWS::CloudWatch::Dashboard")["DashboardBody"])
    assert '"region":"eu-west-1"' in body
    assert '"accountId":"111122223333"' in body


def test_lookups_that_the_cdk_cli_is_still_to_make(app: App, placed: Stack) -> None:
    def looked_up(name: str) -> str:
        return aws_ssm.StringParameter.value_from_lookup(placed, f"/mme/{name}")

    endpoint = endpoint_in(
        placed,
        image=ServingImage.triton(looked_up("version")),
        models=ModelStore.from_bucket(bucket_in(placed), prefix=looked_up("prefix")),
        instance_type=looked_up("type"),
        endpoint_name=looked_up("name"),
        next_instance_type=looked_up("next-type"),
    )
    scaling = endpoint.auto_scale_instance_count(max_capacity=2)
    scaling.scale_on_cpu_utilization("Cpu", target_utilization_percent=50)
    endpoint.add_monitoring()
    endpoint_in(placed, "Other", image=ServingImage.from_uri(looked_up("uri")))
    manifest = json.loads((Path(app.synth().directory) / "manifest.json").read_text("utf-8"))
    assert len(manifest["missing"]) == 6


def test_a_caller_in_another_stack_needs_no_export(app: App, stack: Stack, synth) -> None:
    callers = Stack(app, "Callers")
    endpoint_in(stack).grant_invoke(role_in(callers))
    (statement,) = synth(callers).allowing("sagemaker:InvokeEndpoint")
    assert "ImportValue" not in str(statement)
    assert "Outputs" not in synth(stack).template


def test_a_caller_in_another_region(app: App, placed: Stack, synth) -> None:
    callers = Stack(app, "Callers", env=Environment(account="111122223333", region="us-east-1"))
    endpoint_in(placed, endpoint_name="mine").grant_invoke(role_in(callers))
    (statement,) = synth(callers).allowing("sagemaker:InvokeEndpoint")
    # The endpoint's region, not the caller's.
    assert "sagemaker:eu-west-1:111122223333:endpoint/mine" in str(statement["Resource"])


def test_a_publisher_in_another_account(app: App, synth) -> None:
    store = Stack(app, "Store", env=Environment(account="111122223333", region="eu-west-1"))
    models = ModelStore.from_bucket(ModelBucket(store, "Models", access_logs=False))
    mine = EndpointBase.from_endpoint_attributes(store, "Imported", endpoint_arn=ARN, models=models)
    arn = "arn:aws:iam::444455556666:role/publisher"
    mine.grant_publish_models(aws_iam.Role.from_role_arn(store, "Publisher", arn), prefix="tenant-a/")
    policy: list[dict[str, Any]] = synth(store).one("AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
    (write,) = [statement for statement in policy if "s3:AbortMultipartUpload" in statement["Action"]]
    assert write["Principal"] == {"AWS": arn}
    assert write["Resource"]["Fn::Join"][1][-1] == "/models/tenant-a/*"
