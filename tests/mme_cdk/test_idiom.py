"""What users of aws-cdk expect of a construct: resource-like, grantable, importable, with typed results."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from aws_cdk import (
    App,
    CfnResource,
    Duration,
    RemovalPolicy,
    Stack,
    aws_cloudwatch,
    aws_cloudwatch_actions,
    aws_iam,
    aws_lambda,
    aws_s3,
)
from aws_cdk.aws_applicationautoscaling import ScalingInterval, Schedule

from mme.catalog.instances import instance_types
from mme_cdk import (
    EndpointBase,
    ExecutionRole,
    ImportedEndpoint,
    InstanceType,
    ModelBucket,
    MultiModelEndpoint,
)
from tests.mme_cdk.building import (
    bare_endpoint_in,
    bucket_in,
    cpu_endpoint_in,
    endpoint_in,
    imported,
    scaling_in,
)
from tests.mme_cdk.conftest import Synthesized
from tools.catalog.refresh_instances import CONSTANTS, render_constants

Synth = Callable[..., Synthesized]


def test_a_resource_has_a_stack_and_an_environment(placed: Stack) -> None:
    for endpoint in (endpoint_in(placed), imported(placed)):
        assert endpoint.stack is placed
        assert (endpoint.env.account, endpoint.env.region) == ("111122223333", "eu-west-1")
    other = EndpointBase.from_endpoint_arn(
        placed, "Other", "arn:aws:sagemaker:us-east-1:1" + "0" * 11 + ":endpoint/x"
    )
    assert (other.env.account, other.env.region) == ("100000000000", "us-east-1")


def test_a_retained_endpoint_keeps_what_it_needs(placed: Stack, synth: Synth) -> None:
    endpoint = endpoint_in(placed)
    endpoint.auto_scale_instance_count(max_capacity=4)
    endpoint.apply_removal_policy(RemovalPolicy.RETAIN)
    policies = {
        found["Type"].split("::", 1)[1]: found.get("DeletionPolicy")
        for found in synth(placed).template["Resources"].values()
    }
    kept = {
        "SageMaker::Endpoint",
        "SageMaker::EndpointConfig",
        "SageMaker::Model",
        "IAM::Role",
        "IAM::ManagedPolicy",
    }
    assert policies == {**dict.fromkeys(kept, "Retain"), "ApplicationAutoScaling::ScalableTarget": None}


@pytest.mark.parametrize("name", ["bucket-a", "bucket-b"])
def test_the_policy_of_a_retained_role_has_a_fixed_id(placed: Stack, synth: Synth, name: str) -> None:
    endpoint = endpoint_in(placed)
    endpoint.apply_removal_policy(RemovalPolicy.RETAIN)
    bucket_in(placed, name).grant_read(endpoint)
    assert synth(placed).id_of("AWS::IAM::ManagedPolicy") == "EndpointRoleRights8D201A6B"


def test_grants_to_a_bare_endpoint(placed: Stack, synth: Synth) -> None:
    bucket_in(placed, "features").grant_read(bare_endpoint_in(placed))
    assert "features" in str(synth(placed).allowing("s3:GetObject*"))


def test_the_props_of_a_bucket(placed: Stack, synth: Synth) -> None:
    ModelBucket(
        placed,
        "Models",
        bucket_name="the-models",
        event_bridge_enabled=True,
        auto_delete_objects=True,
        lifecycle_rules=[aws_s3.LifecycleRule(id="Raw", prefix="raw/", expiration=Duration.days(3))],
        removal_policy=RemovalPolicy.DESTROY,
    )
    template = synth(placed)
    rules = [
        rule
        for found in template.all("AWS::S3::Bucket")
        for rule in found["Properties"]["LifecycleConfiguration"]["Rules"]
    ]
    assert {"Id": "Raw", "Prefix": "raw/", "ExpirationInDays": 3, "Status": "Enabled"} in rules
    assert len(template.all("Custom::S3AutoDeleteObjects")) == 2
    assert "the-models" in [
        found["Properties"].get("BucketName") for found in template.all("AWS::S3::Bucket")
    ]
    assert len(template.all("Custom::S3BucketNotifications")) == 1


def test_the_props_of_a_role(placed: Stack, synth: Synth) -> None:
    read_only = aws_iam.ManagedPolicy.from_aws_managed_policy_name("ReadOnlyAccess")
    ExecutionRole(placed, "Role", role_name="serving", path="/ml/", managed_policies=[read_only])
    role = synth(placed).one("AWS::IAM::Role")
    assert (role["RoleName"], role["Path"], len(role["ManagedPolicyArns"])) == ("serving", "/ml/", 1)


def test_every_scaling_method_returns_what_it_made(placed: Stack) -> None:
    scaling, latency = scaling_in(placed), imported(placed).metric_model_latency()
    steps = [ScalingInterval(upper=1, change=-1), ScalingInterval(lower=2, change=1)]
    ratio = aws_cloudwatch.MathExpression(expression="a / 2", using_metrics={"a": latency})
    made = {
        scaling.scale_on_invocations("A", max_requests_per_second=1).cfn_resource_type,
        scaling.scale_on_concurrent_requests("B", max_concurrent_requests_per_model=1).cfn_resource_type,
        scaling.scale_to_track_expression("C", expression=ratio, target_value=1).cfn_resource_type,
    }
    assert made == {"AWS::ApplicationAutoScaling::ScalingPolicy"}
    policies = [
        scaling.scale_on_cpu_utilization("D", target_utilization_percent=50),
        scaling.scale_on_gpu_utilization("E", target_utilization_percent=50),
        scaling.scale_on_gpu_memory_utilization("F", target_utilization_percent=50),
        scaling.scale_to_track_metric("G", metric=latency, target_value=1),
    ]
    assert all(policy.scaling_policy_arn for policy in policies)
    assert scaling.scale_on_metric("H", metric=latency, scaling_steps=steps).lower_action is not None


def test_a_schedule_returns_its_action(placed: Stack) -> None:
    found = scaling_in(placed).scale_on_schedule("Day", schedule=Schedule.cron(hour="8"), min_capacity=2)
    assert (found.scheduled_action_name, found.scalable_target_action.min_capacity) == ("Day", 2)


@pytest.mark.parametrize("flag", [True, False])
def test_two_endpoints_share_a_function_as_alarm_action(flag: bool, synth: Synth) -> None:
    name = "@aws-cdk/aws-cloudwatch-actions:changeLambdaPermissionLogicalIdForLambdaAction"
    stack = Stack(App(context={name: flag}, analytics_reporting=False), "Stack")
    function = aws_lambda.Function(
        stack,
        "Function",
        runtime=aws_lambda.Runtime.PYTHON_3_13,
        handler="a.b",
        code=aws_lambda.Code.from_inline("x"),
    )
    for id in ("One", "Two"):
        action = aws_cloudwatch_actions.LambdaAction(function)
        endpoint_in(stack, id=id).add_monitoring(actions={"critical": [action]})
    template = synth(stack)
    alarms = [
        found for found in template.all("AWS::CloudWatch::Alarm") if found["Properties"].get("AlarmActions")
    ]
    allowed = [
        found["Properties"]["SourceArn"]["Fn::GetAtt"][0] for found in template.all("AWS::Lambda::Permission")
    ]
    assert len(alarms) == len(allowed) == len(set(allowed)) > 10


@pytest.mark.parametrize("name", ["add_monitoring", "auto_scale_instance_count", "role", "add_outputs"])
def test_an_import_names_what_it_cannot_do(placed: Stack, name: str) -> None:
    found = MultiModelEndpoint.from_endpoint_name(placed, "Theirs", "theirs")
    assert isinstance(found, ImportedEndpoint)
    with pytest.raises(
        AttributeError, match=f"an imported endpoint has no {name}, as this app does not define it: "
    ):
        getattr(found, name)
    with pytest.raises(AttributeError, match="'ImportedEndpoint' object has no attribute 'other'"):
        found.other  # noqa: B018


def test_the_outputs_that_the_toolkit_reads(placed: Stack, synth: Synth) -> None:
    endpoint_in(placed, endpoint_name="mine").add_outputs(parameter_prefix="/mme/prod")
    template = synth(placed)
    assert {key: found["Value"] for key, found in template.template["Outputs"].items()} == {
        "EndpointName": "mine",
        "ModelBucketName": "the-bucket",
        "ModelPrefix": "models/",
    }
    parameters = {
        found["Properties"]["Name"]: found["Properties"]["Value"]
        for found in template.all("AWS::SSM::Parameter")
    }
    assert parameters == {
        "/mme/prod/endpoint-name": "mine",
        "/mme/prod/model-bucket": "the-bucket",
        "/mme/prod/model-prefix": "models/",
    }


def test_state_changes(placed: Stack, synth: Synth) -> None:
    endpoint_in(placed, endpoint_name="Mine").on_state_change("States")
    pattern = synth(placed).one("AWS::Events::Rule")["EventPattern"]
    assert pattern["detail-type"] == ["SageMaker Endpoint State Change"]
    assert pattern["detail"] == {"EndpointName": [{"equals-ignore-case": "Mine"}]}


def test_reserved_capacity_and_a_shell(placed: Stack, synth: Synth) -> None:
    plan = "arn:aws:sagemaker:eu-west-1:111122223333:training-plan/week"
    cpu_endpoint_in(placed, capacity_reservation_arn=plan, enable_ssm_access=True)
    (variant,) = synth(placed).one("AWS::SageMaker::EndpointConfig")["ProductionVariants"]
    assert variant["EnableSSMAccess"] is True
    assert variant["CapacityReservationConfig"] == {
        "CapacityReservationPreference": "capacity-reservations-only",
        "MlReservationArn": plan,
    }


def test_metric_math_is_tracked(placed: Stack, synth: Synth) -> None:
    waiting = aws_cloudwatch.Metric(
        namespace="AWS/SQS",
        metric_name="ApproximateNumberOfMessagesVisible",
        dimensions_map={"QueueName": "q"},
        statistic="Sum",
    )
    ratio = aws_cloudwatch.MathExpression(
        expression="waiting / (2 * running)",
        using_metrics={"waiting": waiting, "running": imported(placed).metric_invocations()},
    )
    scaling_in(placed).scale_to_track_expression("Backlog", expression=ratio, target_value=5)
    tracking = synth(placed).one("AWS::ApplicationAutoScaling::ScalingPolicy")[
        "TargetTrackingScalingPolicyConfiguration"
    ]
    *metrics, result = tracking["CustomizedMetricSpecification"]["Metrics"]
    assert {found["Id"]: (found["ReturnData"], found["MetricStat"]["Stat"]) for found in metrics} == {
        "waiting": (False, "Sum"),
        "running": (False, "Sum"),
    }
    assert result == {"Id": "result", "Expression": "waiting / (2 * running)"}


def test_concurrent_requests_are_tracked_once(placed: Stack, synth: Synth) -> None:
    count = scaling_in(placed)
    count.scale_on_concurrent_requests("Busy", max_concurrent_requests_per_model=4)
    with pytest.raises(
        ValueError, match="policy Busy tracks SageMakerVariantConcurrentRequestsPerModelHighResolution"
    ):
        count.scale_on_concurrent_requests("Again", max_concurrent_requests_per_model=4)
    tracking = synth(placed).one("AWS::ApplicationAutoScaling::ScalingPolicy")[
        "TargetTrackingScalingPolicyConfiguration"
    ]
    assert tracking["TargetValue"] == 4


def test_the_names_of_instance_types_are_those_of_the_catalog() -> None:
    assert CONSTANTS.read_text("utf-8") == render_constants(), "run python -m tools.catalog.refresh_instances"
    names = {value for name, value in vars(InstanceType).items() if name.isupper()}
    assert InstanceType.G5_XLARGE == "ml.g5.xlarge"
    assert names <= instance_types().keys()
    assert "ml.g5.12xlarge" not in names


def test_a_resource_of_the_endpoint_is_its_default_child(placed: Stack) -> None:
    assert CfnResource.is_cfn_resource(endpoint_in(placed).node.default_child)  # type: ignore[arg-type]
