from __future__ import annotations

import pytest
from aws_cdk import App, Duration, Stack, Token, aws_cloudwatch
from aws_cdk.aws_applicationautoscaling import ScalingInterval, Schedule

from tests.mme_cdk.building import cpu_endpoint_in, endpoint_in

TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"
POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"
ENDPOINT = "AWS::SageMaker::Endpoint"


def test_every_policy_names_its_target_as_cloudformation_does(stack: Stack, synth) -> None:
    endpoint = endpoint_in(stack)
    metric = endpoint.metric_model_latency()
    steps = [ScalingInterval(upper=10, change=-1), ScalingInterval(lower=80, change=1)]
    scaling = endpoint.auto_scale_instance_count(max_capacity=4)
    scaling.scale_on_invocations("Load", max_requests_per_second=5)
    scaling.scale_on_cpu_utilization("Cpu", target_utilization_percent=50)
    scaling.scale_on_gpu_utilization("Gpu", target_utilization_percent=50)
    scaling.scale_to_track_metric("Latency", metric=metric, target_value=100)
    scaling.scale_on_metric("Steps", metric=metric, scaling_steps=steps, cooldown=Duration.minutes(5))
    template = synth(stack)
    named = [policy["Properties"]["ScalingTargetId"] for policy in template.all(POLICY)]
    # Its Ref is `resource|dimension|namespace`; a part of that is no target.
    assert named == [{"Ref": template.id_of(TARGET)}] * 6
    # The endpoint comes first, although the target only names it.
    (target,) = template.all(TARGET)
    assert target["DependsOn"] == [template.id_of(ENDPOINT)]
    # An alarm that named the endpoint's resource would make the endpoint wait for its own scaling.
    assert template.id_of(ENDPOINT) not in str(template.all("AWS::CloudWatch::Alarm"))


def test_each_variant_scales_by_itself(stack: Stack, synth) -> None:
    endpoint = cpu_endpoint_in(stack, endpoint_name="mine")
    endpoint.config.add_variant("second", model=endpoint.model, instance_type="ml.c5.xlarge")
    endpoint.auto_scale_instance_count(max_capacity=2)
    scaling = endpoint.auto_scale_instance_count(min_capacity=2, max_capacity=4, variant_name="second")
    scaling.scale_on_cpu_utilization("Cpu", target_utilization_percent=50)
    template = synth(stack)
    ids = {target["Properties"]["ResourceId"] for target in template.all(TARGET)}
    assert ids == {"endpoint/mine/variant/AllTraffic", "endpoint/mine/variant/second"}
    tracking = template.one(POLICY)["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["CustomizedMetricSpecification"]["Dimensions"][1]["Value"] == "second"
    variants = template.one("AWS::SageMaker::EndpointConfig")["ProductionVariants"]
    assert [variant["InitialInstanceCount"] for variant in variants] == [1, 2]


def test_metrics_of_another_stack(app: App, stack: Stack, synth) -> None:
    queue = aws_cloudwatch.Metric(namespace="AWS/SQS", metric_name="ApproximateNumberOfMessagesVisible")
    scaling = endpoint_in(stack).auto_scale_instance_count(max_capacity=2)
    scaling.scale_to_track_metric("Backlog", metric=queue.attach_to(Stack(app, "Other")), target_value=10)
    tracking = synth(stack).one(POLICY)["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["CustomizedMetricSpecification"]["Namespace"] == "AWS/SQS"


def test_statistics_of_one_metric(stack: Stack, synth) -> None:
    endpoint = endpoint_in(stack)
    scaling = endpoint.auto_scale_instance_count(max_capacity=2)
    for statistic in ("Average", "Maximum"):
        metric = endpoint.metric_model_latency(statistic=statistic)
        scaling.scale_to_track_metric(statistic, metric=metric, target_value=100)
    assert len(synth(stack).all(POLICY)) == 2


NIGHT = Schedule.cron(hour="20")


@pytest.mark.parametrize(
    ("bounds", "fault"),
    [
        ([{"min_capacity": 5}], "min_capacity 5 of a schedule is above max_capacity 4, the highest"),
        ([{"max_capacity": 1}], "max_capacity 1 of a schedule is below min_capacity 2, the lowest"),
        ([{"min_capacity": 5}, {"max_capacity": 9}], ""),
        ([{"max_capacity": 1}, {"min_capacity": 1, "max_capacity": 3}], ""),
        ([{"min_capacity": 5}, {"max_capacity": Token.as_number({"Ref": "Most"})}], ""),
    ],
)
def test_a_single_bound_fits_the_other_of_any_schedule(
    stack: Stack, bounds: list[dict[str, int]], fault: str
) -> None:
    scaling = endpoint_in(stack).auto_scale_instance_count(min_capacity=2, max_capacity=4)
    for number, bound in enumerate(bounds):
        scaling.scale_on_schedule(f"Night{number}", schedule=NIGHT, **bound)
    faults = scaling.node.validate()
    assert [text[: len(fault)] for text in faults] == ([fault] if fault else [])
