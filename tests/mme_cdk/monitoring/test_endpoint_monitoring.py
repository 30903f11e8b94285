from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import (
    App,
    Duration,
    Environment,
    Stack,
    aws_cloudwatch_actions,
    aws_lambda,
    aws_sns,
)

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
from mme_cdk.monitoring.alarm_thresholds import ALARM_RULES

ALARM = "AWS::CloudWatch::Alarm"
QUERY = "AWS::Logs::QueryDefinition"
DASHBOARD = "AWS::CloudWatch::Dashboard"
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
        f"mine-{rule.title}-{severity}" for rule in ALARM_RULES.values() for severity in rule.defaults
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


def test_alarms_take_further_actions(stack: Stack, models: ModelStore, synth) -> None:
    topic = AlarmTopic(stack, "Topic")
    monitoring = endpoint_of(stack, models).add_monitoring()
    for alarm in monitoring.alarms["critical"]:
        alarm.add_alarm_action(topic.action)
    for alarm in synth(stack).all(ALARM):
        critical = alarm["Properties"]["AlarmName"].endswith("-critical")
        assert ("AlarmActions" in alarm["Properties"]) == critical


def test_descriptions_name_metric_threshold_and_time(stack: Stack, models: ModelStore, synth) -> None:
    endpoint_of(stack, models).add_monitoring(period=Duration.minutes(5))
    alarms = {one["Properties"]["AlarmName"]: one["Properties"] for one in synth(stack).all(ALARM)}
    assert alarms["mine-load-waits-warning"]["AlarmDescription"] == (
        "[warning] mine: p90 ModelLoadingWaitTime > 30 s for 15 min. Runbook: docs/runbook.md#load-waits"
    )
    assert "average ModelCacheHit < 80 %" in alarms["mine-cache-hits-warning"]["AlarmDescription"]


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
    for rule in ALARM_RULES.values():
        heading = re.search(rf"^## {rule.title.replace('-', ' ')}$", text, re.IGNORECASE | re.MULTILINE)
        assert heading, rule.title
        section = text[heading.end() :].partition("\n## ")[0]
        for severity, threshold in rule.defaults.items():
            assert f"{'<' if rule.below else '>'} {threshold:g} {rule.unit} ({severity})" in section


def test_an_alarm_can_be_left_out(stack: Stack, models: ModelStore, synth) -> None:
    nothing = {prop: {} for prop in ALARM_RULES}
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


def test_rollback_alarms_are_references(stack: Stack, models: ModelStore, synth) -> None:
    endpoint = endpoint_of(stack, models)
    endpoint.add_rollback_alarm(*endpoint.add_monitoring().alarms_of("critical"))
    found = synth(stack)
    (resource,) = found.all("AWS::SageMaker::Endpoint")
    told = resource["Properties"]["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]
    # Or CloudFormation could move the endpoint before the alarm is there.
    alarms = found.template["Resources"]
    assert {alarms[one["AlarmName"]["Ref"]]["Properties"]["AlarmName"] for one in told} == {
        name for name in alarm_names(found) if name.endswith("-critical")
    }


def test_a_function_lets_in_each_alarm(stack: Stack, models: ModelStore, synth) -> None:
    function = aws_lambda.Function(
        stack,
        "Function",
        runtime=aws_lambda.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=aws_lambda.Code.from_inline("def handler(event, context): pass"),
    )
    action = aws_cloudwatch_actions.LambdaAction(function, use_unique_permission_id=True)
    endpoint_of(stack, models).add_monitoring(actions={"critical": [action]})
    found = synth(stack)
    permitted = {
        one["Properties"]["SourceArn"]["Fn::GetAtt"][0] for one in found.all("AWS::Lambda::Permission")
    }
    acting = {
        id
        for id, one in found.template["Resources"].items()
        if one["Type"] == ALARM and "AlarmActions" in one["Properties"]
    }
    assert permitted == acting
    assert len(acting) == len([name for name in alarm_names(found) if name.endswith("-critical")])


def test_alarms_in_another_account_name_it(app: App, synth) -> None:
    stack = Stack(app, "Watching", env=Environment(account="111111111111", region="us-east-1"))
    endpoint = EndpointBase.from_endpoint_arn(
        stack, "Theirs", "arn:aws:sagemaker:us-east-1:222222222222:endpoint/theirs"
    )
    EndpointMonitoring(stack, "Monitoring", endpoint=endpoint, dashboard=False)
    for alarm in synth(stack).all(ALARM):
        metrics = [one for one in alarm["Properties"]["Metrics"] if "MetricStat" in one]
        assert metrics
        assert {one["AccountId"] for one in metrics} == {"222222222222"}


def test_an_alarm_sees_its_own_region_only(app: App) -> None:
    stack = Stack(app, "Watching", env=Environment(account="111111111111", region="us-east-1"))
    endpoint = EndpointBase.from_endpoint_arn(
        stack, "Theirs", "arn:aws:sagemaker:eu-west-1:111111111111:endpoint/theirs"
    )
    with pytest.raises(PropsError, match="is in region eu-west-1 and this stack in another"):
        EndpointMonitoring(stack, "Monitoring", endpoint=endpoint)
    nothing = {prop: {} for prop in ALARM_RULES}
    EndpointMonitoring(stack, "Monitoring", endpoint=endpoint, thresholds=AlarmThresholds(**nothing))


def test_monitoring_of_a_variant_that_is_not_there(stack: Stack, models: ModelStore) -> None:
    endpoint = endpoint_of(stack, models)
    with pytest.raises(PropsError, match="AllTrafic"):
        endpoint.add_monitoring(variant_name="AllTrafic")
