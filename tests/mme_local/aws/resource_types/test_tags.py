"""Tags of every type that has them change in place: what a new tag of an environment does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

ROLE = "arn:aws:iam::123456789012:role/flows"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
ALARM = {
    "ComparisonOperator": "GreaterThanThreshold",
    "EvaluationPeriods": 1,
    "MetricName": "Errors",
    "Namespace": "Mine",
    "Period": 60,
    "Statistic": "Sum",
    "Threshold": 1,
}
FLOWS = {
    "ResourceId": {"Ref": "Vpc"},
    "ResourceType": "VPC",
    "TrafficType": "ALL",
    "LogGroupName": {"Ref": "Logs"},
    "DeliverLogsPermissionArn": ROLE,
}
TAGGED: dict[str, tuple[str, dict[str, Any]]] = {
    "Alarm": ("CloudWatch::Alarm", ALARM),
    "Bucket": ("S3::Bucket", {}),
    "Flows": ("EC2::FlowLog", FLOWS),
    "Group": ("EC2::SecurityGroup", {"GroupDescription": "models", "VpcId": {"Ref": "Vpc"}}),
    "Insight": ("CloudWatch::InsightRule", {"RuleName": "r", "RuleState": "ENABLED", "RuleBody": "{}"}),
    "Key": ("KMS::Key", {}),
    "Logs": ("Logs::LogGroup", {}),
    "Queue": ("SQS::Queue", {"VisibilityTimeout": 60}),
    "Repository": ("ECR::Repository", {}),
    "Role": ("IAM::Role", {"AssumeRolePolicyDocument": TRUST}),
    "Rule": ("Events::Rule", {"ScheduleExpression": "rate(1 day)"}),
    "S3": ("EC2::VPCEndpoint", {"ServiceName": "com.amazonaws.us-east-1.s3", "VpcId": {"Ref": "Vpc"}}),
    "Subnet": ("EC2::Subnet", {"CidrBlock": "10.0.0.0/24", "VpcId": {"Ref": "Vpc"}}),
    "Table": ("EC2::RouteTable", {"VpcId": {"Ref": "Vpc"}}),
    "Topic": ("SNS::Topic", {"TopicName": "alarms"}),
    "Vpc": ("EC2::VPC", {"CidrBlock": "10.0.0.0/16"}),
}


def template(tags: dict[str, str], **more: Any) -> dict[str, Any]:
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    resources = {
        name: {"Type": f"AWS::{kind}", "Properties": {**properties, "Tags": pairs}}
        for name, (kind, properties) in TAGGED.items()
    }
    parameter = {"Name": "/p", "Type": "String", "Value": "1", "Tags": tags}
    resources["Parameter"] = {"Type": "AWS::SSM::Parameter", "Properties": parameter}
    subscription = {
        "TopicArn": {"Ref": "Topic"},
        "Protocol": "sqs",
        "Endpoint": {"Fn::GetAtt": ["Queue", "Arn"]},
    }
    resources["Subscriber"] = {"Type": "AWS::SNS::Subscription", "Properties": subscription}
    return {"Resources": {**resources, **more}}


def observed(aws: Callable[[str], Any], resource_id: Callable[..., str]) -> dict[str, dict[str, str]]:
    """The tags as the services describe them, by logical id."""

    def pairs(tags: list[dict[str, str]], prefix: str = "") -> dict[str, str]:
        return {one[f"{prefix}Key"]: one[f"{prefix}Value"] for one in tags}

    ec2 = aws("ec2").describe_tags()["Tags"]
    found = {
        name: {tag["Key"]: tag["Value"] for tag in ec2 if tag["ResourceId"] == resource_id(name)}
        for name, (kind, _) in TAGGED.items()
        if kind.startswith("EC2::")
    }
    alarm = aws("cloudwatch").describe_alarms()["MetricAlarms"][0]["AlarmArn"]
    repository = aws("ecr").describe_repositories()["repositories"][0]["repositoryArn"]
    return found | {
        "Alarm": pairs(aws("cloudwatch").list_tags_for_resource(ResourceARN=alarm)["Tags"]),
        "Bucket": pairs(aws("s3").get_bucket_tagging(Bucket=resource_id("Bucket"))["TagSet"]),
        "Key": pairs(aws("kms").list_resource_tags(KeyId=resource_id("Key"))["Tags"], "Tag"),
        "Logs": aws("logs").list_tags_log_group(logGroupName=resource_id("Logs"))["tags"],
        "Parameter": pairs(
            aws("ssm").list_tags_for_resource(ResourceType="Parameter", ResourceId="/p")["TagList"]
        ),
        "Queue": aws("sqs").list_queue_tags(QueueUrl=resource_id("Queue"))["Tags"],
        "Repository": pairs(aws("ecr").list_tags_for_resource(resourceArn=repository)["tags"]),
        "Role": pairs(aws("iam").list_role_tags(RoleName=resource_id("Role"))["Tags"]),
        "Topic": pairs(aws("sns").list_tags_for_resource(ResourceArn=resource_id("Topic"))["Tags"]),
    }


def test_a_new_tag_changes_every_resource_in_place(
    deploy: Any, resource_id: Any, cloudformation: Any, aws: Any
) -> None:
    before, after = {"environment": "dev", "owner": "a"}, {"environment": "prod", "CostCenter": "42"}
    assert deploy(template(before))["StackStatus"] == "CREATE_COMPLETE"
    found = observed(aws, resource_id)
    assert found == dict.fromkeys(found, before)
    ids = {name: resource_id(name) for name in TAGGED}

    assert deploy(template(after))["StackStatus"] == "UPDATE_COMPLETE"

    assert {name: resource_id(name) for name in TAGGED} == ids
    assert observed(aws, resource_id) == dict.fromkeys(found, after)
    assert len(aws("sns").list_subscriptions()["Subscriptions"]) == 1
    cloudformation.delete_stack(StackName="app")
    assert cloudformation.describe_stacks()["Stacks"] == []


def test_a_failed_update_restores_the_tags_and_the_stack_can_be_updated(
    deploy: Any, resource_id: Any, aws: Any
) -> None:
    before, after = {"environment": "dev", "owner": "a"}, {"environment": "prod", "CostCenter": "42"}
    deploy(template(before))
    last = {"Type": "AWS::S3::Bucket", "DependsOn": [*TAGGED], "Properties": {"BucketName": "ab"}}

    assert deploy(template(after, Bad=last))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"

    found = observed(aws, resource_id)
    assert found == dict.fromkeys(found, before)
    assert deploy(template(after))["StackStatus"] == "UPDATE_COMPLETE"
