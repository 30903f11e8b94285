"""The interfaces of CDK that props take, each told by a member that all its objects have."""

from __future__ import annotations

from mme_cdk._internal.expectations import kind_with

ROLE = kind_with(
    "role_arn",
    noun="a role",
    way_out=lambda value: (
        f'use Role.from_role_arn(self, "Id", "{value}")'
        if isinstance(value, str) and value.startswith("arn:")
        else "use aws_iam.Role.from_role_name for one that is there, or leave it out for a new one"
    ),
)
GRANTEE = kind_with(
    "grant_principal",
    noun="a role, a user or another grantable",
    way_out=lambda value: (
        f'use aws_iam.ArnPrincipal("{value}")'
        if isinstance(value, str) and value.startswith("arn:")
        else "give the construct itself, or import one, as by aws_iam.Role.from_role_name"
    ),
)
BUCKET = kind_with(
    "bucket_name",
    noun="a bucket",
    way_out=lambda value: (
        f'use Bucket.from_bucket_name(self, "Id", "{value if isinstance(value, str) else "my-bucket"}")'
    ),
)
KEY = kind_with(
    "key_arn",
    noun="a KMS key",
    way_out=lambda value: (
        f'use Key.from_key_arn(self, "Id", "{value}")'
        if isinstance(value, str) and value.startswith("arn:")
        else "use aws_kms.Key, or Key.from_key_arn for one that is there"
    ),
)
VPC = kind_with("vpc_id", noun="a VPC", way_out="use aws_ec2.Vpc.from_lookup for one that is there")
SECURITY_GROUP = kind_with(
    "security_group_id",
    noun="a security group",
    way_out=lambda value: (
        f'use SecurityGroup.from_security_group_id(self, "Id", "{value}")'
        if isinstance(value, str)
        else "use aws_ec2.SecurityGroup"
    ),
)
REPOSITORY = kind_with(
    "repository_arn",
    noun="an ECR repository",
    way_out=lambda value: (
        f'use Repository.from_repository_name(self, "Id", "{value}"), or ServingImage.from_uri for a uri'
        if isinstance(value, str)
        else "use aws_ecr.Repository"
    ),
)
ALARM = kind_with(
    "alarm_name",
    noun="an alarm",
    way_out=lambda value: (
        f'use Alarm.from_alarm_name(self, "Id", "{value}")'
        if isinstance(value, str)
        else "use aws_cloudwatch.Alarm"
    ),
)
ALARM_ACTION = kind_with(
    "bind",
    noun="an action of alarms",
    way_out="use aws_cloudwatch_actions.SnsAction(topic), or AlarmTopic(...).action",
)
MANAGED_POLICY = kind_with(
    "managed_policy_arn",
    noun="a managed policy",
    way_out=lambda value: (
        f'use ManagedPolicy.from_managed_policy_arn(self, "Id", "{value}")'
        if isinstance(value, str) and value.startswith("arn:")
        else "use aws_iam.ManagedPolicy.from_managed_policy_name for one that is there"
    ),
)
RULE_TARGET = kind_with(
    "bind", noun="a target of rules", way_out="use one of aws_events_targets, such as SnsTopic(topic)"
)
METRIC = kind_with(
    "to_metric_config", noun="a metric", way_out="use endpoint.metric(...), or aws_cloudwatch.Metric"
)
SCHEDULE = kind_with(
    "expression_string",
    noun="a Schedule",
    way_out=lambda value: (
        f'use Schedule.expression("{value}")' if isinstance(value, str) else "use Schedule.cron(...)"
    ),
)
