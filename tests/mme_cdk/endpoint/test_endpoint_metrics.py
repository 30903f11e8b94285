from __future__ import annotations

import re

import pytest
from aws_cdk import App, Duration, Environment, Stack, Token, aws_cloudwatch, aws_s3

from mme.catalog.metrics import endpoint_metrics
from mme_cdk import Endpoint, EndpointBase, ModelStore, MultiModelEndpoint, PropsError, ServingImage

ALARM = "AWS::CloudWatch::Alarm"


@pytest.fixture
def endpoint(stack: Stack, models: ModelStore) -> MultiModelEndpoint:
    return MultiModelEndpoint(
        stack,
        "Endpoint",
        image=ServingImage.triton("26.05"),
        models=models,
        instance_type="ml.g5.xlarge",
        endpoint_name="Mine",
        variant_name="blue",
    )


def method_of(metric_name: str) -> str:
    words = re.findall(r"4XX|5XX|CPU|GPU|[A-Z][a-z]+", metric_name)
    return "metric_" + "_".join(words).lower()


@pytest.mark.parametrize("name", sorted(endpoint_metrics()))
def test_one_method_for_each_metric(stack: Stack, endpoint: MultiModelEndpoint, name: str) -> None:
    metric = getattr(endpoint, method_of(name))()
    expected = endpoint_metrics()[name]
    assert (metric.metric_name, metric.namespace) == (name, expected.namespace)
    assert metric.statistic == expected.statistic
    assert metric.dimensions == {"EndpointName": "Mine", "VariantName": "blue"}
    assert metric.period.to_seconds() == 60
    # The unit filters nothing out, and stands where people read it.
    assert metric.unit is None
    documentation = getattr(EndpointBase, method_of(name)).__doc__
    unit = {"Microseconds": "Microseconds;", "Percent": "Percent;", "None": ("Count;", "No unit;")}
    wanted = unit[expected.unit]
    assert any(word in documentation for word in ([wanted] if isinstance(wanted, str) else wanted))
    assert expected.statistic in documentation


def test_there_are_no_other_methods() -> None:
    methods = {name for name in dir(Endpoint) if name.startswith("metric_")}
    assert methods == {method_of(name) for name in endpoint_metrics()}


def test_settings(endpoint: MultiModelEndpoint) -> None:
    endpoint.config.add_variant("green", model=endpoint.model, instance_type="ml.m5.large")
    metric = endpoint.metric_model_unloading_time(
        statistic="SampleCount",
        period=Duration.minutes(5),
        label="evictions",
        color="#d62728",
        variant_name="green",
    )
    assert (metric.statistic, metric.label, metric.color) == ("SampleCount", "evictions", "#d62728")
    assert metric.period.to_minutes() == 5
    assert metric.dimensions == {"EndpointName": "Mine", "VariantName": "green"}


def test_a_variant_that_does_not_exist(stack: Stack, endpoint: MultiModelEndpoint) -> None:
    for known in (endpoint, endpoint.endpoint):
        with pytest.raises(PropsError, match=r"there is no variant Nope: use one of blue, or add it first"):
            known.metric_invocations(variant_name="Nope")
    imported = EndpointBase.from_endpoint_name(stack, "Imported", "fraud")
    metric = imported.metric_invocations(variant_name="Nope")
    assert metric.dimensions == {"EndpointName": "fraud", "VariantName": "Nope"}


def test_any_metric(endpoint: MultiModelEndpoint) -> None:
    later = endpoint.metric("ModelEvictions", namespace="AWS/SageMaker", statistic="Sum")
    assert (later.namespace, later.statistic) == ("AWS/SageMaker", "Sum")
    with pytest.raises(PropsError, match=r"ModelCacheHits is not a metric .*: did you mean ModelCacheHit"):
        endpoint.metric("ModelCacheHits")
    with pytest.raises(PropsError, match=r"Zzz is not a metric .*: give its namespace, too"):
        endpoint.metric("Zzz")


def test_an_alarm_does_not_depend_on_the_endpoint(stack: Stack, endpoint: MultiModelEndpoint, synth) -> None:
    alarm = aws_cloudwatch.Alarm(
        stack,
        "Errors",
        metric=endpoint.metric_invocation_5xx_errors(),
        threshold=1,
        evaluation_periods=1,
        treat_missing_data=aws_cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    endpoint.add_rollback_alarm(alarm)
    template = synth(stack)  # fails on a cycle
    assert template.one(ALARM)["Dimensions"] == [
        {"Name": "EndpointName", "Value": "Mine"},
        {"Name": "VariantName", "Value": "blue"},
    ]


def test_a_name_known_only_at_deployment(stack: Stack, synth) -> None:
    name = Token.as_string({"Ref": "Name"})
    metric = EndpointBase.from_endpoint_name(stack, "Imported", name).metric_invocations()
    aws_cloudwatch.Alarm(stack, "Quiet", metric=metric, threshold=1, evaluation_periods=1)
    assert synth(stack).one(ALARM)["Dimensions"][0] == {"Name": "EndpointName", "Value": {"Ref": "Name"}}


def test_an_alarm_in_another_stack_needs_no_export(
    app: App, stack: Stack, endpoint: MultiModelEndpoint, synth
) -> None:
    other = Stack(app, "Alarms")
    metric = endpoint.metric_model_latency(statistic="p99")
    aws_cloudwatch.Alarm(other, "Slow", metric=metric, threshold=1_000_000, evaluation_periods=3)
    assert synth(other).one(ALARM)["ExtendedStatistic"] == "p99"
    assert "Outputs" not in synth(stack).template


def test_a_dashboard_in_another_region_and_account(app: App, placed: Stack, synth) -> None:
    models = ModelStore.from_bucket(aws_s3.Bucket.from_bucket_name(placed, "Bucket", "the-bucket"))
    endpoint = MultiModelEndpoint(
        placed,
        "Endpoint",
        image=ServingImage.triton("26.05"),
        models=models,
        instance_type="ml.g5.xlarge",
    )
    far = Stack(app, "Far", env=Environment(account="444455556666", region="us-east-1"))
    widget = aws_cloudwatch.GraphWidget(left=[endpoint.metric_model_cache_hit()])
    aws_cloudwatch.Dashboard(far, "Dashboard", widgets=[[widget]])
    body = str(synth(far).one("AWS::CloudWatch::Dashboard")["DashboardBody"])
    assert '"region":"eu-west-1"' in body
    assert '"accountId":"111122223333"' in body
    alarm = {"threshold": 1, "evaluation_periods": 1}
    with pytest.raises(RuntimeError, match="region"):
        aws_cloudwatch.Alarm(far, "Misses", metric=endpoint.metric_model_cache_hit(), **alarm)
