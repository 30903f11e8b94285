"""The handler of each resource type."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from mme_local.aws.resource_types.handler import NoopType, ResourceType
from mme_local.aws.resource_types.moto_types import MOTO_MODULES, moto_type

# Module and class of our own handlers, imported when they are first used.
_HANDLERS = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "autoscaling.ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "autoscaling.ScalingPolicy",
    "AWS::CloudWatch::Alarm": "cloudwatch.MetricAlarm",
    "AWS::CloudWatch::CompositeAlarm": "cloudwatch.CompositeAlarm",
    "AWS::CloudWatch::InsightRule": "cloudwatch.InsightRule",
    "AWS::EC2::FlowLog": "ec2_network.FlowLog",
    "AWS::EC2::RouteTable": "ec2_network.RouteTable",
    "AWS::EC2::SecurityGroup": "ec2_security_group.SecurityGroup",
    "AWS::EC2::SecurityGroupEgress": "ec2_security_group.SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress": "ec2_security_group.SecurityGroupIngress",
    "AWS::EC2::Subnet": "ec2_network.Subnet",
    "AWS::EC2::SubnetRouteTableAssociation": "ec2_network.SubnetRouteTableAssociation",
    "AWS::EC2::VPC": "ec2_network.Vpc",
    "AWS::EC2::VPCEndpoint": "ec2_network.VpcEndpoint",
    "AWS::Events::Rule": "events.EventRule",
    "AWS::IAM::ManagedPolicy": "iam.ManagedPolicy",
    "AWS::IAM::OIDCProvider": "iam.OidcProvider",
    "AWS::IAM::Policy": "iam.InlinePolicy",
    "AWS::IAM::Role": "iam.Role",
    "AWS::KMS::Alias": "kms.Alias",
    "AWS::KMS::Key": "kms.Key",
    "AWS::Lambda::EventSourceMapping": "lambda_functions.EventSourceMapping",
    "AWS::Lambda::Function": "lambda_functions.LambdaFunction",
    "AWS::Lambda::Permission": "lambda_functions.Permission",
    "AWS::Logs::LogGroup": "logs.LogGroup",
    "AWS::S3::Bucket": "s3.Bucket",
    "AWS::S3::BucketPolicy": "s3.BucketPolicy",
    "AWS::SNS::Subscription": "sns.Subscription",
    "AWS::SNS::TopicPolicy": "sns.TopicPolicy",
    "AWS::SQS::QueuePolicy": "sqs.QueuePolicy",
    "AWS::SageMaker::Endpoint": "sagemaker.Endpoint",
    "AWS::SageMaker::EndpointConfig": "sagemaker.EndpointConfig",
    "AWS::SageMaker::Model": "sagemaker.Model",
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
