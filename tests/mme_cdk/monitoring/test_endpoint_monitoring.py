from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Duration, RemovalPolicy, Stack, aws_cloudwatch_actions, aws_logs, aws_sns

from mme_cdk import (
    DeploymentStrategy,
    EndpointBase,
    ModelStore,
    MultiModelEndpoint,
    Processor,
    PropsError,
    ServingImage,
)
from mme_cdk.monitoring import AlarmThresholds, AlarmTopic, EndpointMonitoring
from mme_cdk.monitoring.alarm_rules import ALARM_RULES

ALARM = "AWS::CloudWatch::Alarm"
DASHBOARD = "AWS::CloudWatch::Dashboard"
QUERY = "AWS::Logs::QueryDefinition"
RULE = "AWS::CloudWatch::InsightRule"
LOG_GROUP = "AWS::Logs::LogGroup"
RUNBOOK = Path(__file__).parents[3] / "docs" / "runbook.md"


def endpoint_of(stack: Stack, models: ModelStore, instance_type: str = "ml.g5.xlarge") -> MultiModelEndpoint:
    return MultiModelEndpoint(
        stack,
        "Endpoint",
        image=ServingImage.triton(
            "26.05", processor=Processor.CPU if instance_type == "ml.m5.xlarge" else Processor.GPU
        ),
        models=models,
        instance_type=instance_type,
        initial_instance_count=2,
        endpoint_name="mine",
    )


def widgets(found: Any) -> list[dict[str, Any]]:
    """The widgets of a dashboard; what is no text in its body is a reference, and stands for itself."""
    (dashboard,) = found.all(DASHBOARD)
    body = dashboard["Properties"]["DashboardBody"]
    if isinstance(body, dict):
        body = "".join(part if isinstance(part, str) else "REF" for part in body["Fn::Join"][1])
    return list(json.loads(body)["widgets"])


def titles(found: Any) -> list[str]:
    return [str(widget["properties"].get("title")) for widget in widgets(found)]


def alarm_names(found: Any) -> set[str]:
    return {alarm["Properties"]["AlarmName"] for alarm in found.all(ALARM)}


def test_alarms_by_default(stack: Stack, models: ModelStore, synth) -> None:
    endpoint_of(stack, models).add_monitoring()
    found = synth(stack)
    assert alarm_names(found) == {
        f"mine-{rule.title}-{severity}" for rule in ALARM_RULES for severity in rule.defaults
    }
    for alarm in found.all(ALARM):
        assert alarm["Properties"]["TreatMissingData"] == "notBreaching"
        assert "AlarmActions" not in alarm["Properties"]


def test_an_error_rate_needs_requests(stack: Stack, models: ModelStore, synth) -> None:
    endpoint_of(stack, models).add_monitoring(
        minimum_requests=20, thresholds=AlarmThresholds(server_error_percent={"page": 7.5})
    )
    (alarm,) = [
        one["Properties"] for one in synth(stack).all(ALARM) if "server" in one["Properties"]["AlarmName"]
    ]
    assert alarm["AlarmName"] == "mine-server-errors-page"
    assert alarm["Threshold"] == 7.5
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    expression, *metrics = alarm["Metrics"]
    assert expression["Expression"] == (
        "IF(invocations_sum >= 20, 100 * FILL(invocation5XXErrors_sum, 0) / invocations_sum, 0)"
    )
    told = {one["Id"]: one["MetricStat"] for one in metrics}
    assert told["invocation5XXErrors_sum"]["Metric"] == {
        "Namespace": "AWS/SageMaker",
        "MetricName": "Invocation5XXErrors",
        "Dimensions": [
            {"Name": "EndpointName", "Value": "mine"},
            {"Name": "VariantName", "Value": "AllTraffic"},
        ],
    }
    assert told["invocations_sum"]["Stat"] == "Sum"


def test_units_are_those_of_people(stack: Stack, models: ModelStore, synth) -> None:
    endpoint_of(stack, models).add_monitoring()
    alarms = {one["Properties"]["AlarmName"]: one["Properties"] for one in synth(stack).all(ALARM)}
    # SageMaker counts microseconds, and 100 for each of the four vCPUs.
    assert alarms["mine-latency-critical"]["Metrics"][0]["Expression"] == "modelLatency_p99 / 1000000"
    assert alarms["mine-cpu-warning"]["Metrics"][0]["Expression"] == "cPUUtilization_average / 4"
    assert alarms["mine-cache-hits-warning"]["ComparisonOperator"] == "LessThanThreshold"
    assert alarms["mine-unload-churn-warning"]["Metrics"][1]["MetricStat"]["Stat"] == "SampleCount"


def test_a_cpu_instance_has_no_gpu_figures(stack: Stack, models: ModelStore, synth) -> None:
    endpoint_of(stack, models, "ml.m5.xlarge").add_monitoring()
    found = synth(stack)
    assert not [name for name in alarm_names(found) if "gpu" in name]
    assert "GPU" not in titles(found)


def test_the_dashboard(stack: Stack, models: ModelStore, synth) -> None:
    endpoint_of(stack, models).add_monitoring()
    found = synth(stack)
    (dashboard,) = found.all(DASHBOARD)
    assert dashboard["Properties"]["DashboardName"] == "mine"
    assert titles(found)[1:] == [
        "Alarms",
        "Requests",
        "Errors",
        "Latency",
        "Cache hits",
        "Wait for a load",
        "Loads and unloads",
        "Models in memory",
        "CPU",
        "Memory",
        "Disk",
        "GPU",
        "Busiest models",
        "Loads and unloads by model",
        "Load time by model and instance, seconds",
        "Failed loads",
    ]
    # Every row is as wide as a dashboard and no widget lies on another.
    rows: dict[int, int] = {}
    for widget in widgets(found):
        rows[widget["y"]] = rows.get(widget["y"], 0) + widget["width"]
    assert set(rows.values()) == {24}


def test_actions_by_severity(stack: Stack, models: ModelStore, synth) -> None:
    topic = AlarmTopic(stack, "Topic")
    endpoint_of(stack, models).add_monitoring(actions={"Critical": [topic.action]})
    for alarm in synth(stack).all(ALARM):
        told = alarm["Properties"].get("AlarmActions")
        if alarm["Properties"]["AlarmName"].endswith("critical"):
            assert told is not None
            assert told == alarm["Properties"]["OKActions"]
        else:
            assert told is None


def test_every_alarm_links_its_section(stack: Stack, models: ModelStore, synth) -> None:
    endpoint_of(stack, models).add_monitoring(runbook_url="https://wiki.example/mme")
    sections = {
        re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in RUNBOOK.read_text("utf-8").splitlines()
        if line.startswith("#")
    }
    for alarm in synth(stack).all(ALARM):
        link = alarm["Properties"]["AlarmDescription"].rpartition(" ")[2]
        page, _, anchor = link.partition("#")
        assert page == "https://wiki.example/mme"
        assert anchor in sections


def test_the_runbook_has_the_thresholds() -> None:
    text = RUNBOOK.read_text("utf-8")
    for rule in ALARM_RULES:
        heading = re.search(rf"^## {rule.title.replace('-', ' ')}$", text, re.IGNORECASE | re.MULTILINE)
        assert heading, rule.title
        section = text[heading.end() :].partition("\n## ")[0]
        for severity, threshold in rule.defaults.items():
            assert f"{severity} {'below' if rule.below else 'above'} {threshold:g} {rule.unit}" in section


def test_an_alarm_can_be_left_out(stack: Stack, models: ModelStore, synth) -> None:
    nothing = {rule.prop: {} for rule in ALARM_RULES}
    endpoint_of(stack, models).add_monitoring(
        thresholds=AlarmThresholds(**{**nothing, "disk_percent": {"low": 50}}),
        dashboard=False,
        log_queries=False,
    )
    found = synth(stack)
    assert alarm_names(found) == {"mine-disk-low"}
    assert not found.all(DASHBOARD)
    assert not found.all(QUERY)


def test_alarms_roll_deployments_back(stack: Stack, models: ModelStore, synth) -> None:
    endpoint = MultiModelEndpoint(
        stack,
        "Endpoint",
        image=ServingImage.triton("26.05"),
        models=models,
        instance_type="ml.g5.xlarge",
        initial_instance_count=2,
        deployment=DeploymentStrategy.all_at_once(),
        endpoint_name="mine",
    )
    monitoring = endpoint.add_monitoring()
    endpoint.add_rollback_alarm(*monitoring.alarms_of("critical"))
    (resource,) = synth(stack).all("AWS::SageMaker::Endpoint")
    alarms = resource["Properties"]["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]
    assert len(alarms) == len(monitoring.alarms_of("critical")) > 3


def test_an_imported_endpoint(placed: Stack, synth) -> None:
    endpoint = EndpointBase.from_endpoint_name(placed, "Imported", "theirs")
    EndpointMonitoring(placed, "Monitoring", endpoint=endpoint, instance_type="ml.g5.xlarge")
    found = synth(placed)
    assert "theirs-gpu-memory-critical" in alarm_names(found)


def test_an_unknown_instance_type_shows_the_load_as_it_comes(placed: Stack, synth) -> None:
    endpoint = EndpointBase.from_endpoint_name(placed, "Imported", "theirs")
    EndpointMonitoring(placed, "Monitoring", endpoint=endpoint)
    found = synth(placed)
    assert not [name for name in alarm_names(found) if "cpu" in name or "gpu" in name]
    (cpu,) = [widget for widget in widgets(found) if widget["properties"].get("title") == "CPU"]
    assert cpu["properties"]["yAxis"]["left"]["label"] == "100 for each vCPU"


def test_saved_queries(stack: Stack, models: ModelStore, synth) -> None:
    endpoint_of(stack, models).add_monitoring(name_prefix="team")
    queries = [one["Properties"] for one in synth(stack).all(QUERY)]
    assert {query["Name"] for query in queries} == {
        "team/top-models",
        "team/loads-and-unloads",
        "team/load-times",
        "team/failed-loads",
        "team/errors",
    }
    assert all(query["LogGroupNames"] == ["/aws/sagemaker/Endpoints/mine"] for query in queries)


def test_what_is_opt_in_is_left_out(stack: Stack, models: ModelStore, synth) -> None:
    monitoring = endpoint_of(stack, models).add_monitoring()
    found = synth(stack)
    assert monitoring.log_group is None
    assert not found.all(RULE)
    assert not found.all(LOG_GROUP)


def test_contributor_rules_say_that_they_are_unverified(stack: Stack, models: ModelStore, synth) -> None:
    endpoint_of(stack, models).add_monitoring(contributor_insights=True)
    rules = [one["Properties"] for one in synth(stack).all(RULE)]
    assert {rule["RuleName"] for rule in rules} == {
        "mine-unverified-models-by-calls",
        "mine-unverified-models-by-calls-quoted",
    }
    for rule in rules:
        assert rule["RuleState"] == "ENABLED"
        assert json.loads(rule["RuleBody"])["LogGroupNames"] == ["/aws/sagemaker/Endpoints/mine"]
    assert "not verified against a live endpoint" in " ".join(
        (MultiModelEndpoint.add_monitoring.__doc__ or "").split()
    )


@pytest.mark.parametrize(
    ("props", "policy"), [({}, "Delete"), ({"log_removal_policy": RemovalPolicy.RETAIN}, "Retain")]
)
def test_log_retention(stack: Stack, models: ModelStore, synth, props: dict[str, Any], policy: str) -> None:
    endpoint = endpoint_of(stack, models)
    monitoring = endpoint.add_monitoring(log_retention=aws_logs.RetentionDays.TWO_WEEKS, **props)
    assert monitoring.log_group is not None
    found = synth(stack)
    (group,) = found.all(LOG_GROUP)
    assert group["Properties"] == {"LogGroupName": "/aws/sagemaker/Endpoints/mine", "RetentionInDays": 14}
    assert group["DeletionPolicy"] == policy
    # Or the first container would make the group before the stack does.
    (resource,) = found.all("AWS::SageMaker::Endpoint")
    assert stack.get_logical_id(monitoring.log_group.node.default_child) in resource["DependsOn"]  # type: ignore[arg-type]


def test_the_log_of_an_imported_endpoint_is_there_already(placed: Stack) -> None:
    endpoint = EndpointBase.from_endpoint_name(placed, "Imported", "theirs")
    with pytest.raises(PropsError, match=r"leaves it behind.* aws logs put-retention-policy .*/theirs "):
        EndpointMonitoring(
            placed, "Monitoring", endpoint=endpoint, log_retention=aws_logs.RetentionDays.ONE_WEEK
        )


def test_two_endpoints_in_one_stack(stack: Stack, models: ModelStore, synth) -> None:
    for name in ("one", "two"):
        MultiModelEndpoint(
            stack,
            name,
            image=ServingImage.triton("26.05"),
            models=models,
            instance_type="ml.g5.xlarge",
            endpoint_name=name,
        ).add_monitoring()
    names = alarm_names(synth(stack))
    assert {"one-latency-critical", "two-latency-critical"} <= names


@pytest.mark.parametrize(
    ("props", "message"),
    [
        (
            {"thresholds": AlarmThresholds(cpu_percent={"high": 120})},
            "cpu_percent of severity high is 120 %; .*100",
        ),
        (
            {"thresholds": AlarmThresholds(latency_p99_seconds={"high": 61})},
            "is 61 s; it must be from 0.001 to 60",
        ),
        (
            {"thresholds": AlarmThresholds(disk_percent={"a": 1, "A": 2})},
            "disk_percent names severity a twice",
        ),
        ({"thresholds": AlarmThresholds(disk_percent={"no good": 5})}, "severity 'no good' of disk_percent"),
        (
            {"thresholds": AlarmThresholds(gpu_percent={"high": 90})},
            "gpu_percent is given and ml.m5.xlarge has no",
        ),
        ({"actions": {"panic": []}}, "actions name severity panic, which no alarm has: use one of critical"),
        ({"period": Duration.seconds(90)}, "period is 90 s; it must be one or more whole minutes"),
        ({"minimum_requests": 0}, "minimum_requests is 0; it must be at least 1"),
    ],
)
def test_faults(stack: Stack, models: ModelStore, props: dict[str, Any], message: str) -> None:
    endpoint = endpoint_of(stack, models, "ml.m5.xlarge")
    with pytest.raises(PropsError, match=message):
        endpoint.add_monitoring(**props)
    # Nothing of it is left, and the id is free.
    endpoint.add_monitoring()


def test_no_alarm_of_that_severity(stack: Stack, models: ModelStore) -> None:
    monitoring = endpoint_of(stack, models).add_monitoring()
    with pytest.raises(PropsError, match="no alarm has severity panic: there are critical, warning"):
        monitoring.alarms_of("panic")


def test_cloudwatch_may_write_to_the_topic(stack: Stack, synth) -> None:
    topic = AlarmTopic(stack, "Topic")
    assert isinstance(topic.action, aws_cloudwatch_actions.SnsAction)
    assert isinstance(topic.node.default_child, aws_sns.Topic)
    found = synth(stack)
    (key,) = found.all("AWS::KMS::Key")
    assert key["Properties"]["EnableKeyRotation"] is True
    cloudwatch = [
        statement
        for statement in key["Properties"]["KeyPolicy"]["Statement"]
        if statement["Principal"].get("Service") == "cloudwatch.amazonaws.com"
    ]
    assert {"kms:Decrypt", "kms:GenerateDataKey*"} == set(cloudwatch[0]["Action"])
    (policy,) = found.all("AWS::SNS::TopicPolicy")
    statements = {
        statement["Sid"]: statement for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    }
    assert statements["Alarms"]["Action"] == "sns:Publish"
    assert "aws:SourceAccount" in statements["Alarms"]["Condition"]["StringEquals"]
