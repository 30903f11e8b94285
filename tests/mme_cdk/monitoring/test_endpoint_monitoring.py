"""Alarms and dashboard of a monitored endpoint, as a template."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, Stack, aws_cloudwatch_actions, aws_lambda

from mme_cdk import (
    AlarmThresholds,
    AlarmTopic,
    EndpointBase,
    EndpointMonitoring,
    ModelStore,
    MultiModelEndpoint,
    Processor,
    PropsError,
    ServingImage,
)
from mme_cdk.monitoring.alarm_thresholds import ALARM_RULES
from tests.mme_cdk.building import endpoint_in

REGIONS = ("eu-west-1", "us-east-1")
ALARM = "AWS::CloudWatch::Alarm"
DASHBOARD = "AWS::CloudWatch::Dashboard"
RUNBOOK = Path(__file__).parents[3] / "docs" / "runbook.md"
WITHOUT_ALARMS: dict[str, Any] = {prop: {} for prop in ALARM_RULES}


@pytest.fixture
def endpoint(stack: Stack, models: ModelStore) -> MultiModelEndpoint:
    return endpoint_of(stack, models)


def endpoint_of(stack: Stack, models: ModelStore, instance_type: str = "ml.g5.xlarge") -> MultiModelEndpoint:
    processor = Processor.CPU if instance_type == "ml.m5.xlarge" else Processor.GPU
    return MultiModelEndpoint(
        stack,
        "Endpoint",
        image=ServingImage.triton("26.05", processor=processor),
        models=models,
        instance_type=instance_type,
        initial_instance_count=2,
        endpoint_name="mine",
    )


def alarms(found: Any) -> dict[str, dict[str, Any]]:
    """The alarms' properties by name."""
    return {one["Properties"]["AlarmName"]: one["Properties"] for one in found.all(ALARM)}


def widgets(found: Any) -> list[dict[str, Any]]:
    """The dashboard's widgets; references in its body become `REF`."""
    body = found.one(DASHBOARD)["DashboardBody"]
    if isinstance(body, dict):
        body = "".join(part if isinstance(part, str) else "REF" for part in body["Fn::Join"][1])
    return list(json.loads(body)["widgets"])


def titles(found: Any) -> list[str]:
    return [str(widget["properties"].get("title")) for widget in widgets(found)]


def test_default_alarms(stack: Stack, endpoint: MultiModelEndpoint, synth) -> None:
    endpoint.add_monitoring()
    found = alarms(synth(stack))
    assert set(found) == {
        f"mine-{rule.title}-{severity}" for rule in ALARM_RULES.values() for severity in rule.defaults
    }
    for alarm in found.values():
        assert alarm["TreatMissingData"] == "notBreaching"
        assert "AlarmActions" not in alarm


def test_a_rate_needs_requests(stack: Stack, endpoint: MultiModelEndpoint, synth) -> None:
    thresholds = AlarmThresholds(server_error_percent={"page": 7.5})
    endpoint.add_monitoring(minimum_requests=20, thresholds=thresholds)
    alarm = alarms(synth(stack))["mine-server-errors-page"]
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (7.5, "GreaterThanThreshold")
    assert alarm["Metrics"][0]["Expression"] == (
        "IF(invocations_sum >= 20, 100 * FILL(invocation5XXErrors_sum, 0) / invocations_sum, 0)"
    )


def test_alarms_use_seconds_and_percent(stack: Stack, endpoint: MultiModelEndpoint, synth) -> None:
    endpoint.add_monitoring()
    found = alarms(synth(stack))
    # SageMaker publishes microseconds, and 100 % for each of the four vCPUs.
    assert found["mine-latency-critical"]["Metrics"][0]["Expression"] == "modelLatency_p99 / 1000000"
    assert found["mine-cpu-warning"]["Metrics"][0]["Expression"] == "cPUUtilization_average / 4"
    assert found["mine-cache-hits-warning"]["ComparisonOperator"] == "LessThanThreshold"
    assert found["mine-unload-churn-warning"]["Metrics"][1]["MetricStat"]["Stat"] == "SampleCount"


def test_descriptions_name_metric_threshold_time_and_section(
    stack: Stack, endpoint: MultiModelEndpoint, synth
) -> None:
    endpoint.add_monitoring(period=Duration.minutes(5), runbook_url="https://wiki.example/mme")
    found = alarms(synth(stack))
    assert found["mine-load-waits-warning"]["AlarmDescription"] == (
        "[warning] mine: p90 ModelLoadingWaitTime > 30 s for 15 min. "
        "Runbook: https://wiki.example/mme#load-waits"
    )
    assert ": average ModelCacheHit < 80 % for " in found["mine-cache-hits-warning"]["AlarmDescription"]


def test_the_runbook_has_each_alarm_with_its_thresholds() -> None:
    text = RUNBOOK.read_text("utf-8")
    for rule in ALARM_RULES.values():
        heading = re.search(rf"^## {rule.title.replace('-', ' ')}$", text, re.IGNORECASE | re.MULTILINE)
        assert heading, rule.title
        section = text[heading.end() :].partition("\n## ")[0]
        assert f"`{rule.metric}`" in section
        for severity, threshold in rule.defaults.items():
            assert f"{'<' if rule.below else '>'} {threshold:g} {rule.unit} ({severity})" in section


def test_a_cpu_instance_has_no_gpu_metrics(stack: Stack, models: ModelStore, synth) -> None:
    endpoint_of(stack, models, "ml.m5.xlarge").add_monitoring()
    found = synth(stack)
    assert not [name for name in alarms(found) if "gpu" in name]
    assert "GPU" not in titles(found)


def test_dashboard(stack: Stack, endpoint: MultiModelEndpoint, synth) -> None:
    endpoint.add_monitoring()
    found = synth(stack)
    assert found.one(DASHBOARD)["DashboardName"] == "mine"
    assert titles(found)[1:] == [
        "Alarms",
        *("Requests", "Errors", "Latency"),
        *("Cache hits", "Wait for a load", "Loads and unloads", "Models in memory"),
        *("CPU", "Memory", "Disk", "GPU"),
        *("Busiest models", "Loads and unloads by model"),
        *("Load time by model and instance, seconds", "Failed loads"),
    ]
    rows: dict[int, int] = {}
    for widget in widgets(found):
        rows[widget["y"]] = rows.get(widget["y"], 0) + widget["width"]
    assert set(rows.values()) == {24}, "each row is as wide as the dashboard"


def test_actions_by_severity(stack: Stack, endpoint: MultiModelEndpoint, synth) -> None:
    topic = AlarmTopic(stack, "Topic")
    monitoring = endpoint.add_monitoring(actions={"Critical": [topic.action]})
    for alarm in monitoring.alarms["warning"]:
        alarm.add_alarm_action(topic.action)
    for name, alarm in alarms(synth(stack)).items():
        assert len(alarm["AlarmActions"]) == 1
        assert alarm.get("OKActions") == (alarm["AlarmActions"] if name.endswith("-critical") else None)


def test_a_function_permits_each_alarm(stack: Stack, endpoint: MultiModelEndpoint, synth) -> None:
    function = aws_lambda.Function(
        stack,
        "Function",
        runtime=aws_lambda.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=aws_lambda.Code.from_inline("def handler(event, context): pass"),
    )
    action = aws_cloudwatch_actions.LambdaAction(function, use_unique_permission_id=True)
    endpoint.add_monitoring(actions={"critical": [action]})
    found = synth(stack)
    permissions = [one["Properties"] for one in found.all("AWS::Lambda::Permission")]
    permitted = {permission["SourceArn"]["Fn::GetAtt"][0] for permission in permissions}
    names = {found.template["Resources"][id]["Properties"]["AlarmName"] for id in permitted}
    assert names == {name for name, alarm in alarms(found).items() if "AlarmActions" in alarm}
    assert names == {name for name in alarms(found) if name.endswith("-critical")}


def test_an_alarm_can_be_left_out(stack: Stack, endpoint: MultiModelEndpoint, synth) -> None:
    thresholds = AlarmThresholds(**{**WITHOUT_ALARMS, "disk_percent": {"low": 50}})
    endpoint.add_monitoring(thresholds=thresholds, dashboard=False, log_queries=False)
    found = synth(stack)
    assert set(alarms(found)) == {"mine-disk-low"}
    assert not found.all(DASHBOARD)
    assert not found.all("AWS::Logs::QueryDefinition")


def test_construct_ids_capitalize_each_part(stack: Stack, endpoint: MultiModelEndpoint) -> None:
    thresholds = AlarmThresholds(**{**WITHOUT_ALARMS, "disk_percent": {"p1x-2nd": 50}})
    (alarm,) = endpoint.add_monitoring(thresholds=thresholds).alarms["p1x-2nd"]
    assert alarm.node.id == "DiskP1x2nd"


def test_alarms_roll_deployments_back(stack: Stack, endpoint: MultiModelEndpoint, synth) -> None:
    monitoring = endpoint.add_monitoring()
    endpoint.add_rollback_alarm(*monitoring.alarms_of("critical"))
    found = synth(stack)
    config = found.one("AWS::SageMaker::Endpoint")["DeploymentConfig"]["AutoRollbackConfiguration"]
    # References, so that CloudFormation creates the alarms before it updates the endpoint.
    referenced = [found.template["Resources"][one["AlarmName"]["Ref"]] for one in config["Alarms"]]
    assert {alarm["Properties"]["AlarmName"] for alarm in referenced} == {
        name for name in alarms(found) if name.endswith("-critical")
    }
    with pytest.raises(PropsError, match="no alarm has severity panic: there are critical, warning"):
        monitoring.alarms_of("panic")


def test_names_tell_variants_and_regions_apart(app: App) -> None:
    stacks = [Stack(app, region, env=Environment(account="1" * 12, region=region)) for region in REGIONS]
    names = []
    for stack in stacks:
        endpoint = endpoint_in(stack, endpoint_name="mine")
        endpoint.config.add_variant("Second", model=endpoint.model, instance_type="ml.g5.xlarge")
        # Alarms and queries may have the same name in another region.
        endpoint.add_monitoring(dashboard=stack is stacks[0])
        endpoint.add_monitoring("Further", variant_name="Second", name_prefix=f"second-{stack.region}")
    folder = Path(app.synth().directory)
    for region in REGIONS:
        resources = json.loads((folder / f"{region}.template.json").read_text("utf-8"))["Resources"].values()
        found = [each["Properties"] for each in resources if each["Type"] in {ALARM, DASHBOARD}]
        assert len({each["AlarmName"] for each in found if "AlarmName" in each}) == 2 * 20
        names += [each["DashboardName"] for each in found if "DashboardName" in each]
    assert sorted(names) == ["mine", "second-eu-west-1", "second-us-east-1"]


def test_an_unknown_instance_type_has_cpu_as_published(placed: Stack, synth) -> None:
    endpoint = EndpointBase.from_endpoint_name(placed, "Imported", "theirs")
    EndpointMonitoring(placed, "Monitoring", endpoint=endpoint)
    found = synth(placed)
    assert not [name for name in alarms(found) if "cpu" in name or "gpu" in name]
    (cpu,) = [widget for widget in widgets(found) if widget["properties"].get("title") == "CPU"]
    assert cpu["properties"]["yAxis"]["left"]["label"] == "100 for each vCPU"


def test_an_alarm_names_the_account_of_its_metrics(app: App, synth) -> None:
    stack = Stack(app, "Watching", env=Environment(account="111111111111", region="us-east-1"))
    arn = "arn:aws:sagemaker:us-east-1:222222222222:endpoint/theirs"
    endpoint = EndpointBase.from_endpoint_arn(stack, "Theirs", arn)
    EndpointMonitoring(stack, "Monitoring", endpoint=endpoint, instance_type="ml.g5.xlarge")
    found = alarms(synth(stack))
    assert "theirs-gpu-memory-critical" in found
    for alarm in found.values():
        metrics = [one for one in alarm["Metrics"] if "MetricStat" in one]
        assert {one["AccountId"] for one in metrics} == {"222222222222"}
