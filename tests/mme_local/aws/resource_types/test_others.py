"""Alarms, log groups, keys, queues and topics: created, changed in place, deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest


def one(type_name: str, **properties: Any) -> dict[str, Any]:
    return {"Resources": {"It": {"Type": type_name, "Properties": properties}}}


def policy(action: str) -> dict[str, Any]:
    statement = {"Sid": "Own", "Effect": "Allow", "Principal": "*", "Action": action, "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


ALARM = {
    "ComparisonOperator": "GreaterThanThreshold",
    "EvaluationPeriods": "2",  # a string, as a template parameter would be
    "MetricName": "ModelLatency",
    "Namespace": "AWS/SageMaker",
    "Period": 60,
    "Statistic": "Average",
    "TreatMissingData": "notBreaching",
}
RULE = {"RuleName": "models-by-calls", "RuleState": "ENABLED"}
Observe = Callable[[Callable[[str], Any], str], Any]


@pytest.mark.parametrize(
    ("kind", "properties", "before", "after", "observe"),
    [
        (
            "CloudWatch::Alarm",
            ALARM,
            {"Threshold": 1.0},
            {"Threshold": 2.5},
            lambda aws, _: aws("cloudwatch").describe_alarms()["MetricAlarms"][0]["Threshold"],
        ),
        (
            "CloudWatch::Dashboard",
            {"DashboardName": "d"},
            {"DashboardBody": "{}"},
            {"DashboardBody": '{"widgets":[]}'},
            lambda aws, id: aws("cloudwatch").get_dashboard(DashboardName=id)["DashboardBody"],
        ),
        (
            "CloudWatch::InsightRule",
            RULE,
            {"RuleBody": '{"AggregateOn": "Count"}'},
            {"RuleBody": '{"AggregateOn": "Sum"}'},
            lambda aws, _: aws("cloudwatch").describe_insight_rules()["InsightRules"][0]["Definition"],
        ),
        (
            "KMS::Key",
            {"EnableKeyRotation": True},
            {"KeyPolicy": policy("kms:*")},
            {"KeyPolicy": policy("kms:Decrypt")},
            lambda aws, id: json.loads(aws("kms").get_key_policy(KeyId=id, PolicyName="default")["Policy"]),
        ),
        (
            "Logs::LogGroup",
            {},
            {"RetentionInDays": 7},
            {"RetentionInDays": 30},
            lambda aws, _: aws("logs").describe_log_groups()["logGroups"][0]["retentionInDays"],
        ),
        (
            "SNS::Topic",
            {"TopicName": "t"},
            {"DisplayName": "a"},
            {"DisplayName": "b"},
            lambda aws, id: aws("sns").get_topic_attributes(TopicArn=id)["Attributes"]["DisplayName"],
        ),
        (
            "SQS::Queue",
            {},
            {"VisibilityTimeout": 60},
            {"VisibilityTimeout": 90},
            lambda aws, id: int(
                aws("sqs").get_queue_attributes(QueueUrl=id, AttributeNames=["All"])["Attributes"][
                    "VisibilityTimeout"
                ]
            ),
        ),
        (
            "SSM::Parameter",
            {"Name": "/mme/x", "Type": "String"},
            {"Value": "1"},
            {"Value": "2"},
            lambda aws, id: aws("ssm").get_parameter(Name=id)["Parameter"]["Value"],
        ),
    ],
)
def test_a_property_changes_in_place(
    kind: str,
    properties: dict[str, Any],
    before: dict[str, Any],
    after: dict[str, Any],
    observe: Observe,
    deploy: Any,
    resource_id: Any,
    cloudformation: Any,
    aws: Any,
) -> None:
    deploy(one(f"AWS::{kind}", **properties, **before))
    id = resource_id("It")
    assert [observe(aws, id)] == list(before.values())

    assert deploy(one(f"AWS::{kind}", **properties, **after))["StackStatus"] == "UPDATE_COMPLETE"

    assert resource_id("It") == id
    assert [observe(aws, id)] == list(after.values())
    cloudformation.delete_stack(StackName="app")
    assert cloudformation.describe_stacks()["Stacks"] == []
    if kind == "KMS::Key":
        assert aws("kms").describe_key(KeyId=id)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    else:
        with pytest.raises((IndexError, aws("sns").exceptions.ClientError)):
            observe(aws, id)


def test_an_existing_log_group_fails_the_stack(deploy: Any, aws: Any) -> None:
    name = "/aws/sagemaker/Endpoints/mme"
    aws("logs").create_log_group(logGroupName=name)
    assert deploy(one("AWS::Logs::LogGroup", LogGroupName=name))["StackStatus"] == "ROLLBACK_COMPLETE"
    [group] = aws("logs").describe_log_groups()["logGroups"]
    assert group["logGroupName"] == name


def test_an_alias_names_its_key(deploy: Any, resource_id: Any, aws: Any) -> None:
    made = one("AWS::KMS::Key", EnableKeyRotation=True)
    alias = {"AliasName": "alias/models", "TargetKeyId": {"Ref": "It"}}
    deploy({"Resources": {**made["Resources"], "Alias": {"Type": "AWS::KMS::Alias", "Properties": alias}}})
    key = aws("kms").describe_key(KeyId="alias/models")["KeyMetadata"]["KeyId"]
    assert key == resource_id("It")
    assert aws("kms").get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]


def test_a_topics_policy_and_subscribers(
    deploy: Any, resource_id: Any, cloudformation: Any, aws: Any
) -> None:
    def topic(action: str, *, raw: bool) -> dict[str, Any]:
        subscriber = {
            "TopicArn": {"Ref": "It"},
            "Protocol": "sqs",
            "Endpoint": {"Fn::GetAtt": ["Queue", "Arn"]},
            "RawMessageDelivery": raw,
        }
        own = {"Topics": [{"Ref": "It"}], "PolicyDocument": policy(action)}
        others = {
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Policy": {"Type": "AWS::SNS::TopicPolicy", "Properties": own},
            "Subscriber": {"Type": "AWS::SNS::Subscription", "Properties": subscriber},
        }
        return {"Resources": {**one("AWS::SNS::Topic")["Resources"], **others}}

    deploy(topic("sns:Publish", raw=False))
    arn, subscriber = resource_id("It"), resource_id("Subscriber")
    assert deploy(topic("sns:Subscribe", raw=True))["StackStatus"] == "UPDATE_COMPLETE"

    sns = aws("sns")
    assert resource_id("Subscriber") == subscriber
    assert json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]) == policy(
        "sns:Subscribe"
    )
    settings = sns.get_subscription_attributes(SubscriptionArn=subscriber)["Attributes"]
    assert settings["RawMessageDelivery"] == "true"
    cloudformation.delete_stack(StackName="app")
    assert sns.list_topics()["Topics"] == []
    assert sns.list_subscriptions()["Subscriptions"] == []


@pytest.mark.parametrize("fixed", [{}, {"QueueName": "q.fifo"}])
def test_a_fifo_queue(deploy: Any, resource_id: Any, aws: Any, fixed: dict[str, str]) -> None:
    wanted = {
        "FifoQueue": "true",
        "ContentBasedDeduplication": True,
        "DeduplicationScope": "messageGroup",
        "FifoThroughputLimit": "perMessageGroupId",
    }
    assert deploy(one("AWS::SQS::Queue", **wanted, **fixed))["StackStatus"] == "CREATE_COMPLETE"

    url = resource_id("It")
    assert url.endswith("/q.fifo" if fixed else ".fifo")
    found = aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert {name: found[name] for name in wanted} == wanted | {"ContentBasedDeduplication": "true"}


@pytest.mark.parametrize("fixed", [{}, {"TopicName": "t.fifo"}])
def test_a_fifo_topic(deploy: Any, resource_id: Any, aws: Any, fixed: dict[str, str]) -> None:
    wanted = {"FifoTopic": True, "ContentBasedDeduplication": True}
    assert deploy(one("AWS::SNS::Topic", **wanted, **fixed))["StackStatus"] == "CREATE_COMPLETE"

    arn = resource_id("It")
    assert arn.endswith(":t.fifo" if fixed else ".fifo")
    found = aws("sns").get_topic_attributes(TopicArn=arn)["Attributes"]
    assert (found["FifoTopic"], found["ContentBasedDeduplication"]) == ("true", "true")


def test_a_queue_that_is_not_fifo_any_more_is_another_one(deploy: Any, resource_id: Any) -> None:
    deploy(one("AWS::SQS::Queue", FifoQueue=True))
    assert deploy(one("AWS::SQS::Queue", FifoQueue=False))["StackStatus"] == "UPDATE_COMPLETE"
    assert not resource_id("It").endswith(".fifo")
