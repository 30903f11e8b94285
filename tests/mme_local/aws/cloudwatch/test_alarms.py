"""Alarms by templates and boto3, evaluated at times that the tests choose."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mme_local.aws.cloudwatch.alarms import evaluate_all

ClientOf = Callable[[str], Any]
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
RULE = {
    "ComparisonOperator": "GreaterThanThreshold",
    "EvaluationPeriods": 2,
    "DatapointsToAlarm": 2,
    "Threshold": 5,
    "TreatMissingData": "notBreaching",
}
ONE = {"Namespace": "Mine", "MetricName": "Errors", "Period": 60, "Statistic": "Sum"}


class Watched:
    """Metrics minute by minute, and the alarms about them."""

    def __init__(self, aws: ClientOf) -> None:
        self.cloudwatch = aws("cloudwatch")
        self.minute = NOON
        sns, sqs = aws("sns"), aws("sqs")
        self.topic = sns.create_topic(Name="alarms")["TopicArn"]
        self._sqs = sqs
        self._queue = sqs.create_queue(QueueName="alarms")["QueueUrl"]
        arn = "arn:aws:sqs:us-east-1:123456789012:alarms"
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)

    def pass_minute(self, **values: float) -> None:
        """Publish these sums for a minute and evaluate all alarms at its end."""
        for name, value in values.items():
            self.cloudwatch.put_metric_data(
                Namespace="Mine", MetricData=[{"MetricName": name, "Timestamp": self.minute, "Value": value}]
            )
        self.minute += timedelta(minutes=1)
        evaluate_all(self.minute.timestamp())

    def alarm(self, name: str = "errors") -> dict[str, Any]:
        found = self.cloudwatch.describe_alarms(
            AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        (alarm,) = found["MetricAlarms"] + found["CompositeAlarms"]
        return dict(alarm)

    def state(self, name: str = "errors") -> str:
        return str(self.alarm(name)["StateValue"])

    def messages(self) -> list[dict[str, Any]]:
        """Return what the topic has delivered since the last call."""
        received = []
        while found := self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for one in found:
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=one["ReceiptHandle"])
                body = json.loads(one["Body"])
                received.append({"Subject": body["Subject"]} | json.loads(body["Message"]))
        return received


@pytest.fixture
def watched(aws: ClientOf) -> Watched:
    return Watched(aws)


def test_an_alarm_notifies_its_topic_of_each_change(watched: Watched) -> None:
    watched.cloudwatch.put_metric_alarm(
        AlarmName="errors",
        AlarmDescription="too many",
        AlarmActions=[watched.topic],
        OKActions=[watched.topic],
        **RULE,
        **ONE,
    )
    assert watched.state() == "INSUFFICIENT_DATA"
    watched.pass_minute()
    assert watched.state() == "OK"
    watched.pass_minute(Errors=9)
    assert watched.state() == "OK"
    watched.pass_minute(Errors=7)
    alarm = watched.alarm()
    assert alarm["StateValue"] == "ALARM"
    assert alarm["StateReason"] == (
        "Threshold Crossed: 2 out of the last 2 datapoints [7 (21/11/26 12:02:00), 9 (21/11/26 12:01:00)] "
        "were greater than the threshold (5) (minimum 2 datapoints for OK -> ALARM transition)."
    )
    assert json.loads(alarm["StateReasonData"])["recentDatapoints"] == [9, 7]
    for _ in range(4):
        watched.pass_minute(Errors=0)
    assert watched.state() == "OK"
    received = watched.messages()
    assert [one["Subject"] for one in received] == [
        'OK: "errors" in US East (N. Virginia)',
        'ALARM: "errors" in US East (N. Virginia)',
        'OK: "errors" in US East (N. Virginia)',
    ]
    assert (received[1]["NewStateValue"], received[1]["OldStateValue"]) == ("ALARM", "OK")
    assert received[1]["AlarmDescription"] == "too many"
    assert received[1]["Trigger"]["MetricName"] == "Errors"
    assert received[1]["NewStateReason"] == alarm["StateReason"]


def test_metric_math_of_an_error_rate(watched: Watched) -> None:
    def stat(identifier: str, name: str) -> dict[str, Any]:
        metric = {"Namespace": "Mine", "MetricName": name}
        return {
            "Id": identifier,
            "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"},
            "ReturnData": False,
        }

    share = "IF(calls >= 10, 100 * FILL(errors, 0) / calls, 0)"
    watched.cloudwatch.put_metric_alarm(
        AlarmName="errors",
        Metrics=[
            {"Id": "share", "Expression": share, "Label": "errors of 100"},
            stat("errors", "Errors"),
            stat("calls", "Calls"),
        ],
        **RULE,
    )
    watched.pass_minute(Calls=9, Errors=9)
    watched.pass_minute(Calls=100)
    assert watched.state() == "OK"
    watched.pass_minute(Calls=100, Errors=6)
    watched.pass_minute(Calls=50, Errors=3)
    assert watched.state() == "ALARM"
    for _ in range(4):
        watched.pass_minute()
    assert watched.state() == "OK"


def test_set_alarm_state_runs_actions_unless_disabled(watched: Watched) -> None:
    cloudwatch = watched.cloudwatch
    cloudwatch.put_metric_alarm(AlarmName="errors", AlarmActions=[watched.topic], **RULE, **ONE)
    cloudwatch.disable_alarm_actions(AlarmNames=["errors"])
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="a drill")
    assert watched.messages() == []
    cloudwatch.enable_alarm_actions(AlarmNames=["errors"])
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="OK", StateReason="over")
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="a drill")
    (received,) = watched.messages()
    assert received["NewStateReason"] == "a drill"
    watched.pass_minute()
    assert watched.state() == "OK"


def test_an_alarm_that_is_changed_keeps_its_state(watched: Watched) -> None:
    watched.cloudwatch.put_metric_alarm(AlarmName="errors", **RULE, **ONE)
    watched.pass_minute(Errors=9)
    watched.pass_minute(Errors=9)
    watched.cloudwatch.put_metric_alarm(AlarmName="errors", **{**RULE, "Threshold": 50}, **ONE)
    assert watched.state() == "ALARM"
    watched.pass_minute(Errors=9)
    assert watched.state() == "OK"


def test_an_alarm_that_cannot_be_evaluated_has_a_reason_and_stops_no_other(watched: Watched) -> None:
    cloudwatch = watched.cloudwatch
    bad = [{"Id": "e", "Expression": "ANOMALY_DETECTION_BAND(m1)"}]
    cloudwatch.put_metric_alarm(AlarmName="bad", Metrics=bad, **RULE)
    gone = ["arn:aws:sns:us-east-1:123456789012:gone"]
    cloudwatch.put_metric_alarm(AlarmName="errors", **RULE, **ONE, OKActions=gone)
    cloudwatch.set_alarm_state(AlarmName="bad", StateValue="OK", StateReason="a drill")
    watched.pass_minute(Errors=1)
    assert watched.state() == "OK"
    assert "ANOMALY_DETECTION_BAND" in watched.alarm("bad")["StateReason"]


def test_a_composite_alarm_is_deployed_and_described_but_not_evaluated(
    watched: Watched, deploy: Callable[..., dict[str, Any]], resource_id: Callable[..., str]
) -> None:
    def template(rule: str) -> dict[str, Any]:
        composite = {
            "Type": "AWS::CloudWatch::CompositeAlarm",
            "Properties": {"AlarmRule": {"Fn::Sub": rule}, "AlarmDescription": "either"},
        }
        alarm = {"Type": "AWS::CloudWatch::Alarm", "Properties": {**RULE, **ONE, "AlarmName": "errors"}}
        return {"Resources": {"Either": composite, "Errors": alarm}}

    assert deploy(template("ALARM(${Errors})"))["StackStatus"] == "CREATE_COMPLETE"
    name = resource_id("Either")
    assert deploy(template("NOT ALARM(${Errors})"))["StackStatus"] == "UPDATE_COMPLETE"
    assert resource_id("Either") == name
    watched.pass_minute(Errors=1)
    assert (watched.alarm(name)["AlarmRule"], watched.state(name)) == (
        "NOT ALARM(errors)",
        "INSUFFICIENT_DATA",
    )
