"""What a construct's methods say of a value of the wrong kind: which, and what to write instead."""

# mypy: disable-error-code="arg-type, list-item, typeddict-item"
# Values of the wrong kind are what these tests give.

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import Stack, aws_cloudwatch, aws_iam, aws_logs

from mme_cdk import (
    CapacitySize,
    DeploymentStrategy,
    EndpointBase,
    ExecutionRole,
    ModelStore,
    MultiModelEndpoint,
    Processor,
    PropsError,
    ScalableInstanceCount,
    ServingImage,
)
from mme_cdk._internal.expectations import expect
from mme_cdk._internal.log_days import LOG_DAYS
from mme_cdk.monitoring import AlarmThresholds, EndpointMonitoring

ARN = "arn:aws:iam::111122223333:role/endpoint"


@pytest.fixture
def endpoint(stack: Stack, models: ModelStore) -> MultiModelEndpoint:
    return MultiModelEndpoint(
        stack,
        "Serving",
        image=ServingImage.triton("26.05", processor=Processor.CPU),
        models=models,
        instance_type="ml.m5.large",
    )


@pytest.fixture
def scaling(endpoint: MultiModelEndpoint) -> ScalableInstanceCount:
    return endpoint.auto_scale_instance_count(max_capacity=3)


@pytest.fixture
def role(stack: Stack) -> aws_iam.Role:
    return aws_iam.Role(stack, "Caller", assumed_by=aws_iam.ServicePrincipal("lambda.amazonaws.com"))


def test_grants(stack: Stack, endpoint: MultiModelEndpoint, role: aws_iam.Role) -> None:
    wrong: Any = [
        (lambda: endpoint.grant(role), r"no action was given, so it would allow nothing: name one, such as"),
        (
            lambda: endpoint.grant(role, "InvokeEndpoint"),
            r'"InvokeEndpoint" is no action of IAM: write SERVICE:',
        ),
        (
            lambda: endpoint.grant(role, ["sagemaker:X"]),
            r"action is \['sagemaker:X'\]; it must be a text: give",
        ),
        (
            lambda: endpoint.grant_invoke(ARN),
            rf'grantee is "{ARN}"; it must be a role, .*ArnPrincipal\("{ARN}"\)',
        ),
        (
            lambda: endpoint.grant_invoke_model(role, ["a/*"]),
            r"pattern is \['a/\*'\]; it must be a text: give each item for itself",
        ),
        (
            lambda: endpoint.grant_publish_models(role, prefix="../x/"),
            r"prefix \.\./x/ holds \. or \.\., which S3",
        ),
        (lambda: endpoint.grant_publish_models(role, prefix=None), r"prefix is None; it must be a text"),
        (lambda: endpoint.grant_resolve_aliases("me"), r'grantee is "me"; it must be a role'),
        (lambda: endpoint.grant_read_models("me"), r'grantee is "me"; it must be a role, a user or another'),
    ]
    for call, fault in wrong:
        with pytest.raises(PropsError, match=fault):
            call()


def test_metrics_of_a_variant_that_is_not_there(stack: Stack, endpoint: MultiModelEndpoint) -> None:
    for known in (endpoint, endpoint.endpoint):
        with pytest.raises(
            PropsError, match=r"there is no variant Nope: use one of AllTraffic, or add it first"
        ):
            known.metric_invocations(variant_name="Nope")
    with pytest.raises(PropsError, match=r"period is 60; it must be a Duration: use Duration\.seconds\(60\)"):
        endpoint.metric_invocations(period=60)
    imported = EndpointBase.from_endpoint_name(stack, "Imported", "fraud")
    metric = imported.metric_invocations(variant_name="Nope")
    assert metric.dimensions == {"EndpointName": "fraud", "VariantName": "Nope"}


@pytest.mark.parametrize(
    ("make_strategy", "fault"),
    [
        (
            lambda: DeploymentStrategy.canary(size=50),
            r"^canary is 50; .* use CapacitySize\.percent\(50\) or CapacitySize\.instances\(50\)$",
        ),
        (lambda: DeploymentStrategy.linear(step=0), r"^linear step is 0; it must be a CapacitySize"),
        (
            lambda: DeploymentStrategy.rolling(rollback_batch="all"),
            r'^rollback_batch is "all"; it must be a CapacitySize',
        ),
        (
            lambda: DeploymentStrategy.all_at_once(wait_interval=300),
            r"^wait_interval is 300; it must be a Duration: use Duration\.seconds\(300\)$",
        ),
        (
            lambda: DeploymentStrategy.all_at_once(rollback_alarms=["high"]),
            r'^rollback_alarms\[0\] is "high"; it must be an alarm: use Alarm\.from_alarm_name',
        ),
        (
            lambda: DeploymentStrategy.all_at_once(rollback_alarms="high"),
            r'^rollback_alarms is "high"; it must be a list, each item an alarm',
        ),
        (lambda: CapacitySize.percent("50"), r'^percent is "50"; .* give 50, without quotes$'),
        (lambda: CapacitySize.instances(1.5), r"^instances is 1\.5; .* give 1 or 2$"),
    ],
)
def test_deployment_strategies(make_strategy: Any, fault: str) -> None:
    with pytest.raises(PropsError, match=fault):
        make_strategy()


def test_rollback_alarms(endpoint: MultiModelEndpoint) -> None:
    with pytest.raises(PropsError, match=r'alarms\[0\] is "high"; it must be an alarm'):
        endpoint.add_rollback_alarm("high")


def test_scaling(scaling: ScalableInstanceCount, endpoint: MultiModelEndpoint) -> None:
    metric = aws_cloudwatch.Metric(namespace="Shop", metric_name="Orders")
    wrong: Any = [
        (
            lambda: scaling.scale_on_schedule("A", schedule="cron(0 8 * * ? *)", min_capacity=1),
            r'schedule is "cron\(0 8 \* \* \? \*\)"; it must be a Schedule: use Schedule\.expression\("cron',
        ),
        (
            lambda: scaling.scale_on_invocations("B", max_requests_per_second="40"),
            r'max_requests_per_second is "40"; it must be a number: give 40, without quotes',
        ),
        (
            lambda: scaling.scale_on_invocations("C", max_requests_per_second=40, scale_in_cooldown=300),
            r"scale_in_cooldown is 300; it must be a Duration",
        ),
        (
            lambda: scaling.scale_on_cpu_utilization("D", target_utilization_percent="70"),
            r'target_utilization_percent is "70"; it must be a number: give 70',
        ),
        (
            lambda: scaling.scale_on_cpu_utilization("E", target_utilization_percent=70, vcpus=0),
            r"vcpus is 0; it must be at least 1",
        ),
        (
            lambda: scaling.scale_to_track_metric("F", metric="Orders", target_value=1),
            r'metric is "Orders"; it must be a metric: use endpoint\.metric',
        ),
        (
            lambda: scaling.scale_on_metric("G", metric=metric, scaling_steps=[], cooldown=60),
            r"cooldown is 60; it must be a Duration",
        ),
        (
            lambda: endpoint.endpoint.auto_scale_instance_count(max_capacity="3", variant_name="AllTraffic"),
            r"was called twice",
        ),
    ]
    for call, fault in wrong:
        with pytest.raises(PropsError, match=fault):
            call()


def test_bounds_of_scaling(endpoint: MultiModelEndpoint) -> None:
    with pytest.raises(PropsError, match=r'max_capacity is "3"; it must be a whole number: give 3, without'):
        endpoint.auto_scale_instance_count(max_capacity="3")
    # The fault left nothing behind.
    endpoint.auto_scale_instance_count(max_capacity=3)


def test_monitoring(endpoint: MultiModelEndpoint) -> None:
    wrong: Any = [
        ({"period": 60}, r"period is 60; it must be a Duration: use Duration\.seconds\(60\)"),
        ({"thresholds": {"cpu_percent": 90}}, r"thresholds is .*; it must be an AlarmThresholds: use"),
        ({"actions": []}, r"actions is \[\]; it must be a mapping of severities to actions: use"),
        ({"minimum_requests": "10"}, r'minimum_requests is "10"; it must be a whole number: give 10,'),
        ({"dashboard": None}, r"dashboard is None; it must be True or False"),
        ({"contributor_insights": 1}, r"contributor_insights is 1; it must be True or False"),
        ({"log_retention": 30}, r"log_retention is 30; it .* a RetentionDays: use RetentionDays\.ONE_MONTH$"),
        ({"log_retention": "two_weeks"}, r'log_retention is "two_weeks"; .* use RetentionDays\.TWO_WEEKS$'),
        ({"log_retention": 31}, r"log_retention is 31; .* use one of aws_logs\.RetentionDays, such as"),
        ({"log_removal_policy": "destroy"}, r'log_removal_policy is "destroy"; .* RemovalPolicy\.DESTROY$'),
        (
            {"thresholds": AlarmThresholds(cpu_percent=90)},
            r'cpu_percent is 90; it must be a mapping of severities to thresholds: use \{"critical": 90\}',
        ),
        (
            {"thresholds": AlarmThresholds(cpu_percent={"page": "90"})},
            r'cpu_percent\["page"\] is "90"; it must be a number: give 90, without quotes',
        ),
        ({"thresholds": AlarmThresholds(cpu_percent={1: 90})}, r"a severity in cpu_percent is 1; .* a text"),
        (
            {"actions": {"critical": "arn"}},
            r'actions\["critical"\] is "arn"; it must be a list, each item an',
        ),
        ({"actions": {"critical": ["arn"]}}, r'actions\["critical"\]\[0\] is "arn"; .* use .*SnsAction'),
        ({"variant_name": "Nope"}, r"there is no variant Nope: use one of AllTraffic"),
    ]
    for props, fault in wrong:
        with pytest.raises(PropsError, match=fault):
            endpoint.add_monitoring(**props)
    # The faults left nothing behind.
    endpoint.add_monitoring()
    with pytest.raises(PropsError, match=r'endpoint is "ep"; .* EndpointBase\.from_endpoint_name\(self, "Id'):
        EndpointMonitoring(endpoint, "Other", endpoint="ep")


def test_every_span_of_a_log_is_known_by_its_days() -> None:
    spans = [int(LOG_DAYS.accepts(each)) for each in aws_logs.RetentionDays]
    assert all(spans)
    named = {days: expect("log_retention", days, LOG_DAYS) for days in (1, 14, 365, 3288, 3653)}
    ends = {1: "ONE_DAY", 14: "TWO_WEEKS", 365: "ONE_YEAR", 3288: "NINE_YEARS", 3653: "TEN_YEARS"}
    assert {days: str(fault).rpartition(".")[2] for days, fault in named.items()} == ends


def test_events_and_roles(stack: Stack, endpoint: MultiModelEndpoint) -> None:
    with pytest.raises(PropsError, match=r'target is "topic"; .* use one of aws_events_targets'):
        endpoint.on_deployment_state_change("Rule", target="topic")
    with pytest.raises(PropsError, match=r"description is 5; it must be a text"):
        endpoint.on_deployment_state_change("Rule", description=5)
    with pytest.raises(PropsError, match=r"permissions_boundary is .*; .*\.from_managed_policy_arn\(self"):
        ExecutionRole(stack, "Role", permissions_boundary="arn:aws:iam::aws:policy/PowerUserAccess")
