from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Stack, aws_cloudwatch

from mme_cdk import DeploymentStrategy
from tests.mme_cdk.building import GPU, alarm_in, endpoint_in

ENDPOINT = "AWS::SageMaker::Endpoint"
ALARM = "AWS::CloudWatch::Alarm"


def rollback(template: Any) -> list[Any]:
    alarms = template.one(ENDPOINT)["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]
    return list(alarms)


def test_alarms_on_the_endpoint_make_no_cycle(stack: Stack, synth) -> None:
    endpoint = endpoint_in(stack)
    metric = endpoint.metric_invocation_5xx_errors()
    endpoint.add_rollback_alarm(metric.create_alarm(stack, "Errors", threshold=1, evaluation_periods=1))
    template = synth(stack)  # itself fails on a cycle
    assert rollback(template) == [{"AlarmName": {"Ref": template.id_of(ALARM)}}]
    (alarm,) = template.all(ALARM)
    assert template.id_of(ENDPOINT) not in str(alarm)
    assert "DependsOn" not in alarm
    routing = template.one(ENDPOINT)["DeploymentConfig"]["BlueGreenUpdatePolicy"][
        "TrafficRoutingConfiguration"
    ]
    assert routing["Type"] == "ALL_AT_ONCE", "an alarm brings a strategy"


def test_alarms_of_a_strategy_stay(app: App, stack: Stack, synth) -> None:
    imported = aws_cloudwatch.Alarm.from_alarm_name(stack, "Imported", "an-alarm")
    rolling = DeploymentStrategy.rolling(rollback_alarms=[imported])
    endpoint = endpoint_in(stack, deployment=rolling, initial_instance_count=4)
    endpoint.add_rollback_alarm(alarm_in(Stack(app, "Alarms")), alarm_in(stack))
    alarms = rollback(synth(stack))
    assert len(alarms) == 3
    assert alarms[0] == {"AlarmName": "an-alarm"}


def test_rolling_is_not_for_several_variants(app: App, stack: Stack) -> None:
    endpoint = endpoint_in(stack, deployment=DeploymentStrategy.rolling(), initial_instance_count=4)
    config = endpoint.config
    config.add_variant("second", model=endpoint.model, instance_type=GPU, initial_instance_count=4)
    # The variant came after the endpoint: CDK asks again before it writes templates.
    with pytest.raises(RuntimeError, match=r"the endpoint has 2 variants; rolling deployments take one"):
        app.synth()
