"""The handler of each resource type."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from mme_local.aws.resource_types.handler import NoopType, ResourceType
from mme_local.aws.resource_types.moto_types import MOTO_MODULES, moto_type

# Module and class of our own handlers, imported when they are first used.
_HANDLERS = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "autoscaling.ScalableTargetType",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "autoscaling.ScalingPolicyType",
    "AWS::CloudWatch::Alarm": "cloudwatch.AlarmType",
    "AWS::CloudWatch::CompositeAlarm": "cloudwatch.CompositeAlarmType",
    "AWS::CloudWatch::InsightRule": "cloudwatch.InsightRuleType",
    "AWS::EC2::FlowLog": "ec2_network.FlowLogType",
    "AWS::EC2::RouteTable": "ec2_network.RouteTableType",
    "AWS::EC2::SecurityGroup": "ec2_security_group.SecurityGroupType",
    "AWS::EC2::SecurityGroupEgress": "ec2_security_group.SecurityGroupEgressType",
    "AWS::EC2::SecurityGroupIngress": "ec2_security_group.SecurityGroupIngressType",
    "AWS::EC2::Subnet": "ec2_network.SubnetType",
    "AWS::EC2::SubnetRouteTableAssociation": "ec2_network.SubnetRouteTableAssociationType",
    "AWS::EC2::VPC": "ec2_network.VpcType",
    "AWS::EC2::VPCEndpoint": "ec2_network.VpcEndpointType",
    "AWS::Events::Rule": "events.EventRuleType",
    "AWS::IAM::ManagedPolicy": "iam.ManagedPolicyType",
    "AWS::IAM::OIDCProvider": "iam.OidcProviderType",
    "AWS::IAM::Policy": "iam.InlinePolicyType",
    "AWS::IAM::Role": "iam.RoleType",
    "AWS::KMS::Alias": "kms.AliasType",
    "AWS::KMS::Key": "kms.KeyType",
    "AWS::Lambda::EventSourceMapping": "lambda_functions.EventSourceMappingType",
    "AWS::Lambda::Function": "lambda_functions.LambdaFunctionType",
    "AWS::Lambda::Permission": "lambda_functions.PermissionType",
    "AWS::Logs::LogGroup": "logs.LogGroupType",
    "AWS::S3::Bucket": "s3.BucketType",
    "AWS::S3::BucketPolicy": "s3.BucketPolicyType",
    "AWS::SNS::Subscription": "sns.SubscriptionType",
    "AWS::SNS::TopicPolicy": "sns.TopicPolicyType",
    "AWS::SQS::QueuePolicy": "sqs.QueuePolicyType",
    "AWS::SageMaker::Endpoint": "sagemaker.EndpointType",
    "AWS::SageMaker::EndpointConfig": "sagemaker.EndpointConfigType",
    "AWS::SageMaker::Model": "sagemaker.ModelType",
}

# Types without an effect outside the template, and saved log queries, for which moto has no API.
_NOOP_TYPES = frozenset(
    {"AWS::CDK::Metadata", "AWS::CloudFormation::WaitConditionHandle", "AWS::Logs::QueryDefinition"}
)


def is_provided(type_name: str) -> bool:
    """Return whether embedded AWS provides a type."""
    return type_name in _HANDLERS or type_name in _NOOP_TYPES or type_name in MOTO_MODULES


@cache
def resource_type(type_name: str) -> ResourceType:
    """Return the handler of a type that is provided."""
    if type_name in _NOOP_TYPES:
        return NoopType()
    if type_name not in _HANDLERS:
        return moto_type(type_name)
    module, _, name = _HANDLERS[type_name].partition(".")
    handler: type[ResourceType] = getattr(import_module(f"mme_local.aws.resource_types.{module}"), name)
    return handler()
