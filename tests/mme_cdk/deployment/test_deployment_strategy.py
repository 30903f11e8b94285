from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, Stack, Token, aws_cloudwatch

from mme_cdk import (
    CapacitySize,
    DeploymentStrategy,
    ModelStore,
    MultiModelEndpoint,
    PropsError,
    ServingImage,
)

ENDPOINT = "AWS::SageMaker::Endpoint"
ALARM = "AWS::CloudWatch::Alarm"


@pytest.fixture
def define(stack: Stack, models: ModelStore) -> Callable[..., MultiModelEndpoint]:
    def make(
        deployment: DeploymentStrategy | None = None, instances: int = 4, **props: Any
    ) -> MultiModelEndpoint:
        return MultiModelEndpoint(
            stack,
            "Endpoint",
            image=ServingImage.triton("24.09"),
            models=models,
            instance_type="ml.g5.xlarge",
            initial_instance_count=instances,
            deployment=deployment,
            **props,
        )

    return make


def alarm_on(scope: Stack, id: str = "Errors", **dimensions: str) -> aws_cloudwatch.Alarm:
    metric = aws_cloudwatch.Metric(
        namespace="AWS/SageMaker", metric_name="Invocation5XXErrors", dimensions_map=dimensions or None
    )
    return aws_cloudwatch.Alarm(
        scope,
        id,
        metric=metric,
        threshold=1,
        evaluation_periods=1,
        treat_missing_data=aws_cloudwatch.TreatMissingData.NOT_BREACHING,
    )


def test_no_strategy_by_default(stack: Stack, define: Callable, synth) -> None:
    define()
    assert "DeploymentConfig" not in synth(stack).one(ENDPOINT)


def test_all_at_once(stack: Stack, define: Callable, synth) -> None:
    define(
        DeploymentStrategy.all_at_once(
            termination_wait=Duration.minutes(10), maximum_execution_timeout=Duration.minutes(30)
        ),
        instances=1,
    )
    assert synth(stack).one(ENDPOINT)["DeploymentConfig"] == {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 300},
            "TerminationWaitInSeconds": 600,
            "MaximumExecutionTimeoutInSeconds": 1800,
        }
    }


def test_canary(stack: Stack, define: Callable, synth) -> None:
    define(DeploymentStrategy.canary(wait_interval=Duration.minutes(1)))
    policy = synth(stack).one(ENDPOINT)["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"] == {
        "Type": "CANARY",
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
        "WaitIntervalInSeconds": 60,
    }


def test_linear(stack: Stack, define: Callable, synth) -> None:
    define(DeploymentStrategy.linear(step=CapacitySize.instances(1)))
    policy = synth(stack).one(ENDPOINT)["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"] == {
        "Type": "LINEAR",
        "LinearStepSize": {"Type": "INSTANCE_COUNT", "Value": 1},
        "WaitIntervalInSeconds": 300,
    }


def test_rolling(stack: Stack, define: Callable, synth) -> None:
    define(
        DeploymentStrategy.rolling(
            batch=CapacitySize.percent(50),
            rollback_batch=CapacitySize.percent(100),
            maximum_execution_timeout=Duration.hours(1),
        )
    )
    assert synth(stack).one(ENDPOINT)["DeploymentConfig"] == {
        "RollingUpdatePolicy": {
            "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
            "RollbackMaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 100},
            "WaitIntervalInSeconds": 300,
            "MaximumExecutionTimeoutInSeconds": 3600,
        }
    }


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (
            lambda: DeploymentStrategy.canary(size=CapacitySize.percent(51)),
            r"canary size is 51%; must be 1 to",
        ),
        (lambda: DeploymentStrategy.linear(step=CapacitySize.percent(9)), r"step is 9%; must be 10 to 50"),
        (lambda: DeploymentStrategy.rolling(batch=CapacitySize.percent(4)), r"batch is 4%; must be 5 to"),
        (lambda: DeploymentStrategy.rolling(batch=CapacitySize.percent(51)), r"batch is 51%"),
        (lambda: CapacitySize.percent(0), r"percent is 0; must be from 1 to 100"),
        (lambda: CapacitySize.instances(0), r"instances is 0; must be at least 1"),
        (
            lambda: DeploymentStrategy.canary(wait_interval=Duration.hours(2)),
            r"wait_interval is 7200 s; must be from 0 to 3600 s",
        ),
        (
            lambda: DeploymentStrategy.all_at_once(
                termination_wait=Duration.hours(2), maximum_execution_timeout=Duration.minutes(5)
            ),
            r"termination_wait is 7200 s.*; maximum_execution_timeout is 300 s; must be from 600",
        ),
        (
            # Ten steps of ten minutes each.
            lambda: DeploymentStrategy.linear(
                step=CapacitySize.percent(10),
                wait_interval=Duration.minutes(10),
                maximum_execution_timeout=Duration.hours(1),
            ),
            r"maximum_execution_timeout is 3600 s; the waits alone take 6000 s: raise it",
        ),
    ],
)
def test_faults(make: Callable[[], object], fault: str) -> None:
    with pytest.raises(PropsError, match=fault):
        make()


@pytest.mark.parametrize("name", ["canary", "linear", "rolling"])
def test_guardrails_need_two_instances(define: Callable, name: str) -> None:
    strategy = getattr(DeploymentStrategy, name)()
    with pytest.raises(
        PropsError,
        match=rf"initial_instance_count is 1; a {name} deployment needs at least two instances: set",
    ):
        define(strategy, instances=1)


@pytest.mark.parametrize(
    ("strategy", "instances", "fault"),
    [
        (
            DeploymentStrategy.canary(size=CapacitySize.instances(2)),
            3,
            r"canary size of 2 instances is 66\.7%",
        ),
        (DeploymentStrategy.linear(step=CapacitySize.instances(1)), 11, r"step of 1 instance is 9\.09%"),
        (DeploymentStrategy.rolling(batch=CapacitySize.instances(1)), 21, r"batch of 1 instance is 4\.76%"),
    ],
)
def test_sizes_in_instances(
    define: Callable, strategy: DeploymentStrategy, instances: int, fault: str
) -> None:
    with pytest.raises(PropsError, match=fault):
        define(strategy, instances=instances)


def test_scaling_must_leave_two_instances(define: Callable) -> None:
    endpoint = define(DeploymentStrategy.canary())
    with pytest.raises(PropsError, match=r"min_capacity is 1; a canary deployment needs at least two"):
        endpoint.auto_scale_instance_count(max_capacity=8)
    endpoint.auto_scale_instance_count(min_capacity=2, max_capacity=8)


def test_scaling_must_not_outgrow_a_step(define: Callable) -> None:
    endpoint = define(DeploymentStrategy.linear(step=CapacitySize.instances(1)))
    with pytest.raises(PropsError, match=r"step of 1 instance is 5% of max_capacity 20"):
        endpoint.auto_scale_instance_count(min_capacity=2, max_capacity=20)


def test_counts_known_only_at_deployment(define: Callable) -> None:
    define(
        DeploymentStrategy.canary(size=CapacitySize.instances(1)),
        instances=Token.as_number({"Ref": "Count"}),
    ).auto_scale_instance_count(min_capacity=2, max_capacity=Token.as_number({"Ref": "Most"}))


def test_alarms_on_the_endpoint_make_no_cycle(stack: Stack, define: Callable, synth) -> None:
    endpoint = define(DeploymentStrategy.canary())
    endpoint.add_rollback_alarm(alarm_on(stack, EndpointName=endpoint.endpoint_name))
    template = synth(stack)  # itself fails on a cycle
    alarms = template.one(ENDPOINT)["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]
    assert alarms == [{"AlarmName": {"Ref": template.id_of(ALARM)}}]
    (alarm,) = template.all(ALARM)
    assert template.id_of(ENDPOINT) not in str(alarm)
    assert "DependsOn" not in alarm


def test_an_alarm_brings_a_strategy(stack: Stack, define: Callable, synth) -> None:
    define(instances=1).add_rollback_alarm(alarm_on(stack))
    config = synth(stack).one(ENDPOINT)["DeploymentConfig"]
    routing = config["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing["Type"] == "ALL_AT_ONCE"
    assert len(config["AutoRollbackConfiguration"]["Alarms"]) == 1


def test_alarms_of_a_strategy_stay(app: App, stack: Stack, define: Callable, synth) -> None:
    imported = aws_cloudwatch.Alarm.from_alarm_name(stack, "Imported", "an-alarm")
    other_stack = alarm_on(Stack(app, "Alarms"))
    endpoint = define(DeploymentStrategy.rolling(rollback_alarms=[imported]))
    endpoint.add_rollback_alarm(other_stack, alarm_on(stack))
    alarms = synth(stack).one(ENDPOINT)["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]
    assert len(alarms) == 3
    assert alarms[0] == {"AlarmName": "an-alarm"}


def test_too_many_alarms(stack: Stack, define: Callable) -> None:
    endpoint = define()
    alarm = alarm_on(stack)
    with pytest.raises(PropsError, match=r"^Test/Endpoint/Endpoint: 11 rollback alarms; SageMaker takes 10"):
        endpoint.add_rollback_alarm(*[alarm] * 11)


def test_an_alarm_of_another_region(app: App, models: ModelStore) -> None:
    far = alarm_on(Stack(app, "Far", env=Environment(region="us-east-1")))
    near = Stack(app, "Near", env=Environment(region="eu-west-1"))
    with pytest.raises(PropsError, match=r"Far/Errors is in region us-east-1 and the endpoint in eu-west-1"):
        MultiModelEndpoint(
            near,
            "Endpoint",
            image=ServingImage.triton("24.09"),
            models=models,
            instance_type="ml.g5.xlarge",
            deployment=DeploymentStrategy.all_at_once(rollback_alarms=[far]),
        )


@pytest.mark.parametrize(
    ("given", "scaled", "retained"),
    [(None, False, None), (None, True, True), (False, True, False), (True, False, True)],
)
def test_retained_variant_properties(
    stack: Stack, define: Callable, synth, given: bool | None, scaled: bool, retained: bool | None
) -> None:
    endpoint = define(retain_variant_properties=given)
    if scaled:
        endpoint.auto_scale_instance_count(max_capacity=8)
    properties = synth(stack).one(ENDPOINT)
    assert properties.get("RetainAllVariantProperties") is retained
    # Else data capture could never be switched on or off again.
    excluded = [{"VariantPropertyType": "DataCaptureConfig"}] if retained else None
    assert properties.get("ExcludeRetainedVariantProperties") == excluded


def test_rolling_is_not_for_several_variants(app: App, define: Callable) -> None:
    endpoint = define(DeploymentStrategy.rolling())
    endpoint.config.add_variant(
        "second", model=endpoint.model, instance_type="ml.g5.xlarge", initial_instance_count=4
    )
    # The variant came after the endpoint: CDK asks again before it writes templates.
    with pytest.raises(RuntimeError, match=r"the endpoint has 2 variants; rolling deployments take one"):
        app.synth()
