from __future__ import annotations

import pytest
from aws_cdk import App, Duration, Stack, TimeZone, Token, aws_cloudwatch
from aws_cdk.aws_applicationautoscaling import AdjustmentType, ScalingInterval, Schedule

from mme_cdk import (
    DeploymentStrategy,
    Endpoint,
    EndpointConfig,
    ModelStore,
    MultiModel,
    Processor,
    PropsError,
    ServingImage,
)

TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"
POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"


def endpoint_of(stack: Stack, models: ModelStore, count: int = 1) -> Endpoint:
    model = MultiModel(stack, "Model", image=ServingImage.triton("26.05"), models=models)
    config = EndpointConfig(
        stack, "Config", model=model, instance_type="ml.g5.xlarge", initial_instance_count=count
    )
    return Endpoint(stack, "Endpoint", config=config, endpoint_name="mine")


@pytest.fixture
def endpoint(stack: Stack, models: ModelStore) -> Endpoint:
    return endpoint_of(stack, models)


def test_target(stack: Stack, endpoint: Endpoint, synth) -> None:
    endpoint.auto_scale_instance_count(min_capacity=1, max_capacity=8)
    template = synth(stack)
    assert template.one(TARGET) == {
        "MinCapacity": 1,
        "MaxCapacity": 8,
        "ResourceId": "endpoint/mine/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "ServiceNamespace": "sagemaker",
    }
    # An update must not undo what scaling did.
    assert template.one("AWS::SageMaker::Endpoint")["RetainAllVariantProperties"] is True
    # The endpoint comes first, although the target only names it.
    (target,) = template.all(TARGET)
    assert target["DependsOn"] == [template.id_of("AWS::SageMaker::Endpoint")]


def test_a_low_initial_count_is_raised_to_the_minimum(stack: Stack, endpoint: Endpoint, synth) -> None:
    endpoint.auto_scale_instance_count(min_capacity=3, max_capacity=8)
    (variant,) = synth(stack).one("AWS::SageMaker::EndpointConfig")["ProductionVariants"]
    assert variant["InitialInstanceCount"] == 3
    assert endpoint.config.initial_instance_count == 3


def test_a_higher_initial_count_stays(stack: Stack, models: ModelStore, synth) -> None:
    endpoint_of(stack, models, count=4).auto_scale_instance_count(min_capacity=2, max_capacity=8)
    (variant,) = synth(stack).one("AWS::SageMaker::EndpointConfig")["ProductionVariants"]
    assert variant["InitialInstanceCount"] == 4


@pytest.mark.parametrize(
    ("bounds", "fault"),
    [
        (
            {"min_capacity": 3, "max_capacity": 2},
            r"min_capacity 3 is above max_capacity 2: raise one",
        ),
        ({"min_capacity": 0, "max_capacity": 2}, r"min_capacity is 0; must be at least 1"),
        ({"min_capacity": 1, "max_capacity": 0}, r"min_capacity 1 is above max_capacity 0"),
    ],
)
def test_bounds(endpoint: Endpoint, bounds: dict[str, int], fault: str) -> None:
    with pytest.raises(PropsError, match=fault):
        endpoint.auto_scale_instance_count(**bounds)


def test_more_instances_than_the_maximum(stack: Stack, models: ModelStore) -> None:
    with pytest.raises(PropsError, match=r"initial_instance_count 4 is above max_capacity 2: change one"):
        endpoint_of(stack, models, count=4).auto_scale_instance_count(max_capacity=2)


def test_bounds_known_only_at_deployment(stack: Stack, endpoint: Endpoint, synth) -> None:
    endpoint.auto_scale_instance_count(max_capacity=Token.as_number({"Ref": "Most"}))
    assert synth(stack).one(TARGET)["MaxCapacity"] == {"Ref": "Most"}


def test_only_once(endpoint: Endpoint) -> None:
    endpoint.auto_scale_instance_count(max_capacity=2)
    with pytest.raises(PropsError, match=r"called twice: add policies to what the first call returned"):
        endpoint.auto_scale_instance_count(max_capacity=3)


def test_scale_on_invocations(stack: Stack, endpoint: Endpoint, synth) -> None:
    scaling = endpoint.auto_scale_instance_count(max_capacity=2)
    scaling.scale_on_invocations(
        "Load", max_requests_per_second=20, scale_in_cooldown=Duration.minutes(5), disable_scale_in=True
    )
    policy = synth(stack).one(POLICY)
    assert policy["PolicyType"] == "TargetTrackingScaling"
    # 20 a second, half of it, in a minute.
    assert policy["TargetTrackingScalingPolicyConfiguration"] == {
        "TargetValue": 600,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        "ScaleInCooldown": 300,
        "DisableScaleIn": True,
    }


@pytest.mark.parametrize(
    ("props", "fault"),
    [
        ({"max_requests_per_second": 0}, r"max_requests_per_second is 0; must be above 0"),
        (
            {"max_requests_per_second": 5, "safety_factor": 1.5},
            r"safety_factor is 1\.5; must be at most",
        ),
        (
            {"max_requests_per_second": -1, "safety_factor": 0},
            r"is -1; .*safety_factor is 0; must",
        ),
    ],
)
def test_rates(endpoint: Endpoint, props: dict[str, float], fault: str) -> None:
    scaling = endpoint.auto_scale_instance_count(max_capacity=2)
    with pytest.raises(PropsError, match=fault):
        scaling.scale_on_invocations("Load", **props)


@pytest.fixture
def cpu_endpoint(stack: Stack, models: ModelStore) -> Endpoint:
    image = ServingImage.triton("26.05", processor=Processor.CPU)
    model = MultiModel(stack, "Model", image=image, models=models)
    config = EndpointConfig(stack, "Config", model=model, instance_type="ml.m5.xlarge")
    return Endpoint(stack, "Endpoint", config=config, endpoint_name="mine")


def test_scale_on_cpu_utilization(stack: Stack, cpu_endpoint: Endpoint, synth) -> None:
    scaling = cpu_endpoint.auto_scale_instance_count(max_capacity=4)
    scaling.scale_on_cpu_utilization(
        "Cpu", target_utilization_percent=50, scale_out_cooldown=Duration.minutes(1)
    )
    # Half of four vCPUs, each of which counts to 100.
    assert synth(stack).one(POLICY)["TargetTrackingScalingPolicyConfiguration"] == {
        "TargetValue": 200,
        "CustomizedMetricSpecification": {
            "Namespace": "/aws/sagemaker/Endpoints",
            "MetricName": "CPUUtilization",
            "Dimensions": [
                {"Name": "EndpointName", "Value": "mine"},
                {"Name": "VariantName", "Value": "AllTraffic"},
            ],
            "Statistic": "Average",
        },
        "ScaleOutCooldown": 60,
    }


def test_vcpus_of_a_type_known_only_at_deployment(stack: Stack, models: ModelStore, synth) -> None:
    model = MultiModel(stack, "Model", image=ServingImage.triton("26.05"), models=models)
    type = Token.as_string({"Ref": "Type"})
    config = EndpointConfig(stack, "Config", model=model, instance_type=type)
    scaling = Endpoint(stack, "Endpoint", config=config).auto_scale_instance_count(max_capacity=2)
    with pytest.raises(PropsError, match=r"vCPUs are not known at synth: give vcpus"):
        scaling.scale_on_cpu_utilization("Cpu", target_utilization_percent=50)
    scaling.scale_on_cpu_utilization("Cpu", target_utilization_percent=50, vcpus=16)
    scaling.scale_on_gpu_utilization("Gpu", target_utilization_percent=50)
    targets = {
        policy["Properties"]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
        for policy in synth(stack).all(POLICY)
    }
    assert targets == {800, 50}


@pytest.mark.parametrize(
    ("method", "metric"),
    [
        ("scale_on_gpu_utilization", "GPUUtilization"),
        ("scale_on_gpu_memory_utilization", "GPUMemoryUtilization"),
    ],
)
def test_scale_on_the_gpu(stack: Stack, endpoint: Endpoint, synth, method: str, metric: str) -> None:
    scaling = endpoint.auto_scale_instance_count(max_capacity=4)
    getattr(scaling, method)("Gpu", target_utilization_percent=70, disable_scale_in=True)
    tracking = synth(stack).one(POLICY)["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["CustomizedMetricSpecification"]["MetricName"] == metric
    assert tracking["TargetValue"] == 70
    assert tracking["DisableScaleIn"] is True


def test_no_gpu_to_scale_on(cpu_endpoint: Endpoint) -> None:
    scaling = cpu_endpoint.auto_scale_instance_count(max_capacity=4)
    with pytest.raises(PropsError, match=r"percent is 101; .*; ml\.m5\.xlarge has no GPU: use scale_on_cpu"):
        scaling.scale_on_gpu_utilization("Gpu", target_utilization_percent=101)
    with pytest.raises(PropsError, match=r"target_utilization_percent is 0; must be from 1 to 100$"):
        scaling.scale_on_cpu_utilization("Cpu", target_utilization_percent=0)


def test_every_policy_names_its_target_as_cloudformation_does(
    stack: Stack, endpoint: Endpoint, synth
) -> None:
    metric = endpoint.metric_model_latency()
    steps = [ScalingInterval(upper=10, change=-1), ScalingInterval(lower=80, change=1)]
    scaling = endpoint.auto_scale_instance_count(max_capacity=4)
    scaling.scale_on_invocations("Load", max_requests_per_second=5)
    scaling.scale_on_cpu_utilization("Cpu", target_utilization_percent=50)
    scaling.scale_on_gpu_utilization("Gpu", target_utilization_percent=50)
    scaling.scale_to_track_metric("Latency", metric=metric, target_value=100)
    scaling.scale_on_metric("Steps", metric=metric, scaling_steps=steps)
    template = synth(stack)
    named = [policy["Properties"]["ScalingTargetId"] for policy in template.all(POLICY)]
    # Its Ref is `resource|dimension|namespace`; a part of that is no target.
    assert named == [{"Ref": template.id_of(TARGET)}] * 6


def test_a_percentage_is_not_a_share(cpu_endpoint: Endpoint) -> None:
    scaling = cpu_endpoint.auto_scale_instance_count(max_capacity=4)
    with pytest.raises(PropsError, match=r"is 0\.7; must be from 1 to 100: for a share of 0\.7 use 70"):
        scaling.scale_on_cpu_utilization("Cpu", target_utilization_percent=0.7)


@pytest.mark.parametrize(
    ("method", "numbers", "name"),
    [
        ("scale_on_invocations", {"max_requests_per_second": None}, "max_requests_per_second"),
        ("scale_on_invocations", {"max_requests_per_second": 5, "safety_factor": None}, "safety_factor"),
        ("scale_on_cpu_utilization", {"target_utilization_percent": None}, "target_utilization_percent"),
        ("scale_on_cpu_utilization", {"target_utilization_percent": 50, "vcpus": None}, "vcpus"),
    ],
)
def test_a_target_is_not_computed_from_a_token(
    stack: Stack, cpu_endpoint: Endpoint, method: str, numbers: dict[str, float | None], name: str
) -> None:
    # A token is a huge negative number until it is resolved: multiplied, it would be a target of nonsense.
    given = {
        key: Token.as_number({"Ref": "AWS::AccountId"}) if value is None else value
        for key, value in numbers.items()
    }
    scaling = cpu_endpoint.auto_scale_instance_count(max_capacity=4)
    with pytest.raises(PropsError, match=rf"{name} is known only at deployment; .*: give a number"):
        getattr(scaling, method)("Load", **given)


def test_scale_to_track_any_metric(stack: Stack, endpoint: Endpoint, synth) -> None:
    scaling = endpoint.auto_scale_instance_count(max_capacity=4)
    metric = endpoint.metric_model_latency(statistic="Maximum")
    with pytest.raises(PropsError, match=r"Endpoint/Scaling/Slow: target_value is 0; must be above 0"):
        scaling.scale_to_track_metric("Slow", metric=metric, target_value=0)
    scaling.scale_to_track_metric("Slow", metric=metric, target_value=50_000)
    tracking = synth(stack).one(POLICY)["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["CustomizedMetricSpecification"]["Statistic"] == "Maximum"
    assert tracking["TargetValue"] == 50_000


def test_scale_in_steps(stack: Stack, endpoint: Endpoint, synth) -> None:
    scaling = endpoint.auto_scale_instance_count(max_capacity=4)
    scaling.scale_on_metric(
        "Waits",
        metric=endpoint.metric_model_loading_wait_time(),
        scaling_steps=[
            ScalingInterval(upper=1_000, change=-1),
            ScalingInterval(lower=500_000, change=1),
            ScalingInterval(lower=5_000_000, change=2),
        ],
        adjustment_type=AdjustmentType.CHANGE_IN_CAPACITY,
        cooldown=Duration.minutes(5),
        evaluation_periods=3,
    )
    template = synth(stack)
    policies = [policy["Properties"] for policy in template.all(POLICY)]
    assert {policy["PolicyType"] for policy in policies} == {"StepScaling"}
    assert {policy["StepScalingPolicyConfiguration"]["Cooldown"] for policy in policies} == {300}
    alarms = [alarm["Properties"] for alarm in template.all("AWS::CloudWatch::Alarm")]
    assert {(alarm["ComparisonOperator"], alarm["Threshold"]) for alarm in alarms} == {
        ("LessThanOrEqualToThreshold", 1_000),
        ("GreaterThanOrEqualToThreshold", 500_000),
    }
    # An alarm that named the endpoint's resource would make the endpoint wait for its own scaling.
    assert template.id_of("AWS::SageMaker::Endpoint") not in str(alarms)


def test_schedules(stack: Stack, endpoint: Endpoint, synth) -> None:
    scaling = endpoint.auto_scale_instance_count(max_capacity=8)
    scaling.scale_on_schedule(
        "Morning",
        schedule=Schedule.cron(hour="8", minute="0"),
        min_capacity=4,
        time_zone=TimeZone.EUROPE_BERLIN,
    )
    scaling.scale_on_schedule(
        "Evening", schedule=Schedule.cron(hour="20", minute="0"), min_capacity=1, max_capacity=2
    )
    assert synth(stack).one(TARGET)["ScheduledActions"] == [
        {
            "ScheduledActionName": "Morning",
            "Schedule": "cron(0 8 * * ? *)",
            "ScalableTargetAction": {"MinCapacity": 4},
            "Timezone": "Europe/Berlin",
        },
        {
            "ScheduledActionName": "Evening",
            "Schedule": "cron(0 20 * * ? *)",
            "ScalableTargetAction": {"MinCapacity": 1, "MaxCapacity": 2},
        },
    ]


@pytest.mark.parametrize(
    ("bounds", "fault"),
    [
        ({}, r"Scaling/Night: neither min_capacity nor max_capacity is given"),
        ({"min_capacity": 0}, r"min_capacity is 0; must be at least 1"),
        ({"max_capacity": 0}, r"max_capacity is 0; must be at least 1"),
        ({"min_capacity": 3, "max_capacity": 2}, r"min_capacity 3 is above max_capacity 2"),
    ],
)
def test_faults_of_a_schedule(endpoint: Endpoint, bounds: dict[str, int], fault: str) -> None:
    scaling = endpoint.auto_scale_instance_count(max_capacity=8)
    with pytest.raises(PropsError, match=fault):
        scaling.scale_on_schedule("Night", schedule=Schedule.cron(hour="20"), **bounds)


def test_a_schedule_once(endpoint: Endpoint) -> None:
    scaling = endpoint.auto_scale_instance_count(max_capacity=8)
    scaling.scale_on_schedule("Night", schedule=Schedule.cron(hour="20"), max_capacity=2)
    with pytest.raises(PropsError, match=r"schedule Night already exists: use another id"):
        scaling.scale_on_schedule("Night", schedule=Schedule.cron(hour="21"), max_capacity=2)


def test_a_schedule_must_leave_guardrails_two_instances(stack: Stack, models: ModelStore) -> None:
    model = MultiModel(stack, "Model", image=ServingImage.triton("26.05"), models=models)
    config = EndpointConfig(
        stack, "Config", model=model, instance_type="ml.g5.xlarge", initial_instance_count=2
    )
    endpoint = Endpoint(stack, "Endpoint", config=config, deployment=DeploymentStrategy.canary())
    scaling = endpoint.auto_scale_instance_count(min_capacity=2, max_capacity=8)
    with pytest.raises(PropsError, match=r"min_capacity is 1; a canary deployment needs at least two"):
        scaling.scale_on_schedule("Night", schedule=Schedule.cron(hour="20"), min_capacity=1)


def test_each_variant_scales_by_itself(stack: Stack, cpu_endpoint: Endpoint, synth) -> None:
    config = cpu_endpoint.config
    config.add_variant("second", model=config.model, instance_type="ml.c5.xlarge")
    cpu_endpoint.auto_scale_instance_count(max_capacity=2)
    scaling = cpu_endpoint.auto_scale_instance_count(min_capacity=2, max_capacity=4, variant_name="second")
    scaling.scale_on_cpu_utilization("Cpu", target_utilization_percent=50)
    with pytest.raises(PropsError, match=r"called twice"):
        cpu_endpoint.auto_scale_instance_count(max_capacity=2, variant_name="second")
    with pytest.raises(PropsError, match=r"there is no variant third: use one of AllTraffic, second"):
        cpu_endpoint.auto_scale_instance_count(max_capacity=2, variant_name="third")
    template = synth(stack)
    ids = {target["Properties"]["ResourceId"] for target in template.all(TARGET)}
    assert ids == {"endpoint/mine/variant/AllTraffic", "endpoint/mine/variant/second"}
    tracking = template.one(POLICY)["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["CustomizedMetricSpecification"]["Dimensions"][1]["Value"] == "second"
    variants = template.one("AWS::SageMaker::EndpointConfig")["ProductionVariants"]
    assert [variant["InitialInstanceCount"] for variant in variants] == [1, 2]


def test_metrics_of_another_stack(app: App, stack: Stack, endpoint: Endpoint, synth) -> None:
    other = Stack(app, "Other")
    queue = aws_cloudwatch.Metric(namespace="AWS/SQS", metric_name="ApproximateNumberOfMessagesVisible")
    metric = queue.attach_to(other)
    endpoint.auto_scale_instance_count(max_capacity=2).scale_to_track_metric(
        "Backlog", metric=metric, target_value=10
    )
    tracking = synth(stack).one(POLICY)["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["CustomizedMetricSpecification"]["Namespace"] == "AWS/SQS"
