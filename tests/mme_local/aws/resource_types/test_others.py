"""Alarms, log groups, keys, and the types that moto makes."""

from __future__ import annotations

import json
from typing import Any


def one(type_name: str, **properties: Any) -> dict[str, Any]:
    return {"Resources": {"It": {"Type": type_name, "Properties": properties}}}


def alarm(threshold: float) -> dict[str, Any]:
    return one(
        "AWS::CloudWatch::Alarm",
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods="2",  # a string, as a template parameter would be
        MetricName="ModelLatency",
        Namespace="AWS/SageMaker",
        Dimensions=[{"Name": "EndpointName", "Value": "mme"}],
        Period=60,
        Statistic="Average",
        Threshold=threshold,
        TreatMissingData="notBreaching",
    )


def test_an_alarm_is_made_changed_and_deleted(
    deploy: Any, resource_id: Any, cloudformation: Any, aws: Any
) -> None:
    deploy(alarm(1.0))
    name = resource_id("It")
    assert deploy(alarm(2.5))["StackStatus"] == "UPDATE_COMPLETE"

    cloudwatch = aws("cloudwatch")
    [described] = cloudwatch.describe_alarms()["MetricAlarms"]
    assert (described["AlarmName"], described["Threshold"], described["EvaluationPeriods"]) == (name, 2.5, 2)
    assert described["TreatMissingData"] == "notBreaching"
    cloudformation.delete_stack(StackName="app")
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_an_insight_rule_is_made_changed_and_deleted(deploy: Any, cloudformation: Any, aws: Any) -> None:
    def rule(body: str) -> dict[str, Any]:
        return one(
            "AWS::CloudWatch::InsightRule", RuleName="models-by-calls", RuleState="ENABLED", RuleBody=body
        )

    cloudwatch = aws("cloudwatch")
    deploy(rule('{"AggregateOn": "Count"}'))
    [made] = cloudwatch.describe_insight_rules()["InsightRules"]
    assert (made["Name"], made["State"], made["Definition"]) == (
        "models-by-calls", "ENABLED", '{"AggregateOn": "Count"}',
    )  # fmt: skip
    assert deploy(rule('{"AggregateOn": "Sum"}'))["StackStatus"] == "UPDATE_COMPLETE"
    [changed] = cloudwatch.describe_insight_rules()["InsightRules"]
    assert changed["Definition"] == '{"AggregateOn": "Sum"}'
    cloudformation.delete_stack(StackName="app")
    assert cloudwatch.describe_insight_rules()["InsightRules"] == []


def test_an_existing_log_group_fails_the_stack(deploy: Any, aws: Any) -> None:
    name = "/aws/sagemaker/Endpoints/mme"
    aws("logs").create_log_group(logGroupName=name)
    assert deploy(one("AWS::Logs::LogGroup", LogGroupName=name))["StackStatus"] == "ROLLBACK_COMPLETE"
    [group] = aws("logs").describe_log_groups()["logGroups"]
    assert group["logGroupName"] == name


def test_a_log_groups_retention_changes_in_place(
    deploy: Any, resource_id: Any, cloudformation: Any, aws: Any
) -> None:
    deploy(one("AWS::Logs::LogGroup", RetentionInDays=7))
    name = resource_id("It")
    assert deploy(one("AWS::Logs::LogGroup", RetentionInDays=30))["StackStatus"] == "UPDATE_COMPLETE"

    assert resource_id("It") == name
    [group] = aws("logs").describe_log_groups()["logGroups"]
    assert (group["logGroupName"], group["retentionInDays"]) == (name, 30)
    cloudformation.delete_stack(StackName="app")
    assert aws("logs").describe_log_groups()["logGroups"] == []


def test_a_keys_policy_changes_in_place(deploy: Any, resource_id: Any, cloudformation: Any, aws: Any) -> None:
    def key(action: str) -> dict[str, Any]:
        statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": action, "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        made = one("AWS::KMS::Key", KeyPolicy=policy, EnableKeyRotation=True)
        alias = {"AliasName": "alias/models", "TargetKeyId": {"Ref": "It"}}
        made["Resources"]["Alias"] = {"Type": "AWS::KMS::Alias", "Properties": alias}
        return made

    deploy(key("kms:*"))
    key_id = resource_id("It")
    assert deploy(key("kms:Decrypt"))["StackStatus"] == "UPDATE_COMPLETE"

    assert resource_id("It") == key_id
    kms = aws("kms")
    policy = json.loads(kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"])
    assert policy["Statement"][0]["Action"] == "kms:Decrypt"
    assert kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"]
    assert kms.describe_key(KeyId="alias/models")["KeyMetadata"]["KeyId"] == key_id
    cloudformation.delete_stack(StackName="app")
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_a_parameter_of_moto_is_updated_and_deleted(deploy: Any, cloudformation: Any, aws: Any) -> None:
    deploy(one("AWS::SSM::Parameter", Name="/mme/x", Type="String", Value="1"))
    assert deploy(one("AWS::SSM::Parameter", Name="/mme/x", Type="String", Value="2"))["StackStatus"] == (
        "UPDATE_COMPLETE"
    )
    ssm = aws("ssm")
    assert ssm.get_parameter(Name="/mme/x")["Parameter"]["Value"] == "2"

    cloudformation.delete_stack(StackName="app")

    assert ssm.describe_parameters()["Parameters"] == []


def test_a_queue_a_topic_and_a_dashboard_of_moto(
    deploy: Any, resource_id: Any, cloudformation: Any, aws: Any
) -> None:
    document = one("AWS::SQS::Queue", VisibilityTimeout=60)
    document["Resources"]["Topic"] = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "t"}}
    board = {"DashboardName": "d", "DashboardBody": '{"widgets":[]}'}
    document["Resources"]["Board"] = {"Type": "AWS::CloudWatch::Dashboard", "Properties": board}
    document["Outputs"] = {"Queue": {"Value": {"Fn::GetAtt": ["It", "Arn"]}}}
    stack = deploy(document)

    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert stack["Outputs"][0]["OutputValue"].startswith("arn:aws:sqs:us-east-1:123456789012:app-It-")
    assert len(aws("sqs").list_queues()["QueueUrls"]) == 1
    cloudformation.delete_stack(StackName="app")
    assert "QueueUrls" not in aws("sqs").list_queues()
    assert aws("sns").list_topics()["Topics"] == []
    assert aws("cloudwatch").list_dashboards()["DashboardEntries"] == []


def test_a_topics_policy_and_subscribers(
    deploy: Any, resource_id: Any, cloudformation: Any, aws: Any
) -> None:
    def topic(action: str, *, raw: bool) -> dict[str, Any]:
        statement = {"Sid": "Own", "Effect": "Allow", "Principal": "*", "Action": action, "Resource": "*"}
        made = one("AWS::SNS::Topic")
        made["Resources"]["Queue"] = {"Type": "AWS::SQS::Queue"}
        made["Resources"]["Policy"] = {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {
                "Topics": [{"Ref": "It"}],
                "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
            },
        }
        made["Resources"]["Subscriber"] = {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "TopicArn": {"Ref": "It"},
                "Protocol": "sqs",
                "Endpoint": {"Fn::GetAtt": ["Queue", "Arn"]},
                "RawMessageDelivery": raw,
            },
        }
        return made

    deploy(topic("sns:Publish", raw=False))
    arn, subscriber = resource_id("It"), resource_id("Subscriber")
    assert deploy(topic("sns:Subscribe", raw=True))["StackStatus"] == "UPDATE_COMPLETE"

    sns = aws("sns")
    assert resource_id("Subscriber") == subscriber
    policy = json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])
    assert [statement["Action"] for statement in policy["Statement"]] == ["sns:Subscribe"]
    settings = sns.get_subscription_attributes(SubscriptionArn=subscriber)["Attributes"]
    assert settings["RawMessageDelivery"] == "true"
    cloudformation.delete_stack(StackName="app")
    assert sns.list_topics()["Topics"] == []
    assert sns.list_subscriptions()["Subscriptions"] == []
