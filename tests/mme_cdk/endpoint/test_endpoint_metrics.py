from __future__ import annotations

import re

import pytest
from aws_cdk import App, Duration, Environment, Stack, aws_cloudwatch

from mme.catalog.metrics import endpoint_metrics
from mme_cdk import Endpoint, EndpointBase
from tests.mme_cdk.building import CPU, endpoint_in, imported


def method_of(metric_name: str) -> str:
    words = re.findall(r"4XX|5XX|CPU|GPU|[A-Z][a-z]+", metric_name)
    return "metric_" + "_".join(words).lower()


@pytest.mark.parametrize("name", sorted(endpoint_metrics()))
def test_one_method_for_each_metric(probe_stack: Stack, name: str) -> None:
    metric = getattr(imported(probe_stack), method_of(name))()
    expected = endpoint_metrics()[name]
    assert (metric.metric_name, metric.namespace) == (name, expected.namespace)
    assert metric.statistic == expected.statistic
    assert metric.dimensions == {"EndpointName": "mine", "VariantName": "AllTraffic"}
    assert metric.period.to_seconds() == 60
    assert metric.unit is None, "a unit would filter"
    documentation = getattr(EndpointBase, method_of(name)).__doc__
    units = {"Microseconds": ["Microseconds;"], "Percent": ["Percent;"], "None": ["Count;", "No unit;"]}
    assert any(unit in documentation for unit in units[expected.unit])
    assert expected.statistic in documentation


def test_there_are_no_other_methods() -> None:
    methods = {name for name in dir(Endpoint) if name.startswith("metric_")}
    assert methods == {method_of(name) for name in endpoint_metrics()}


def test_settings(probe_stack: Stack) -> None:
    endpoint = endpoint_in(probe_stack, endpoint_name="Mine", variant_name="blue")
    endpoint.config.add_variant("green", model=endpoint.model, instance_type=CPU)
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


def test_everything_that_aws_cdk_takes(probe_stack: Stack) -> None:
    unit = aws_cloudwatch.Unit.MICROSECONDS
    metric = imported(probe_stack).metric_model_latency(
        unit=unit, region="us-east-1", account="444455556666", dimensions_map={"EndpointName": "other"}
    )
    assert (metric.unit, metric.region, metric.account) == (unit, "us-east-1", "444455556666")
    assert metric.dimensions == {"EndpointName": "other"}


def test_an_unknown_keyword_names_the_nearest(probe_stack: Stack) -> None:
    endpoint = imported(probe_stack)
    for keyword, nearest in {"stat": "statistic", "perid": "period", "varient_name": "variant_name"}.items():
        with pytest.raises(TypeError, match=rf"unexpected keyword .*'{keyword}'; did you mean '{nearest}'\?"):
            endpoint.metric_model_latency(**{keyword: "p99"})  # type: ignore[arg-type]


def test_a_metric_of_a_newer_release(probe_stack: Stack) -> None:
    later = imported(probe_stack).metric("ModelEvictions", namespace="AWS/SageMaker", statistic="Sum")
    assert (later.namespace, later.statistic) == ("AWS/SageMaker", "Sum")


def test_an_alarm_in_another_stack_needs_no_export(app: App, stack: Stack, synth) -> None:
    other = Stack(app, "Alarms")
    metric = endpoint_in(stack).metric_model_latency()
    aws_cloudwatch.Alarm(other, "Slow", metric=metric, threshold=1_000_000, evaluation_periods=3)
    assert synth(other).one("AWS::CloudWatch::Alarm")["MetricName"] == "ModelLatency"
    assert "Outputs" not in synth(stack).template


def test_a_dashboard_in_another_region_and_account(app: App, placed: Stack, synth) -> None:
    metric = endpoint_in(placed).metric_model_cache_hit()
    far = Stack(app, "Far", env=Environment(account="444455556666", region="us-east-1"))
    aws_cloudwatch.Dashboard(far, "Dashboard", widgets=[[aws_cloudwatch.GraphWidget(left=[metric])]])
    body = str(synth(far).one("AWS::CloudWatch::Dashboard")["DashboardBody"])
    assert '"region":"eu-west-1"' in body
    assert '"accountId":"111122223333"' in body
    with pytest.raises(RuntimeError, match="region"):
        aws_cloudwatch.Alarm(far, "Misses", metric=metric, threshold=1, evaluation_periods=1)
