"""Which code handles which resource type."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module

from mme_local.aws.cloudformation.faults import ValidationFault
from mme_local.aws.cloudformation.moto_types import moto_type
from mme_local.aws.cloudformation.resource import Physical, Properties, Request, ResourceType

# Our own handlers: the module of `mme_local.aws.resource_types` that has them, loaded when first wanted.
_OURS = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "autoscaling",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "autoscaling",
    "AWS::CloudWatch::Alarm": "cloudwatch",
    "AWS::CloudWatch::CompositeAlarm": "cloudwatch",
    "AWS::CloudWatch::InsightRule": "cloudwatch",
    "AWS::EC2::FlowLog": "ec2_network",
    "AWS::EC2::RouteTable": "ec2_network",
    "AWS::EC2::SecurityGroup": "ec2_security_group",
    "AWS::EC2::SecurityGroupEgress": "ec2_security_group",
    "AWS::EC2::SecurityGroupIngress": "ec2_security_group",
    "AWS::EC2::Subnet": "ec2_network",
    "AWS::EC2::SubnetRouteTableAssociation": "ec2_network",
    "AWS::EC2::VPC": "ec2_network",
    "AWS::EC2::VPCEndpoint": "ec2_network",
    "AWS::Events::Rule": "events",
    "AWS::IAM::ManagedPolicy": "iam",
    "AWS::IAM::OIDCProvider": "iam",
    "AWS::IAM::Policy": "iam",
    "AWS::IAM::Role": "iam",
    "AWS::KMS::Alias": "kms",
    "AWS::KMS::Key": "kms",
    "AWS::Lambda::EventSourceMapping": "lambda_functions",
    "AWS::Lambda::Function": "lambda_functions",
    "AWS::Lambda::Permission": "lambda_functions",
    "AWS::Logs::LogGroup": "logs",
    "AWS::S3::Bucket": "s3",
    "AWS::S3::BucketPolicy": "s3",
    "AWS::SageMaker::Endpoint": "sagemaker",
    "AWS::SageMaker::EndpointConfig": "sagemaker",
    "AWS::SageMaker::Model": "sagemaker",
    "AWS::SNS::Subscription": "sns",
    "AWS::SNS::TopicPolicy": "sns",
    "AWS::SQS::QueuePolicy": "sqs",
}

# Types that stand for nothing outside the template; and saved log queries, which moto has no API for.
_WITHOUT_EFFECT = frozenset(
    {"AWS::CDK::Metadata", "AWS::CloudFormation::WaitConditionHandle", "AWS::Logs::QueryDefinition"},
)


class WithoutEffect:
    """A type that only exists in the stack."""

    name_property = None

    def replaces(self, before: Properties, after: Properties) -> bool:  # noqa: ARG002
        """Never: there is nothing to replace."""
        return False

    def create(self, request: Request, properties: Properties) -> Physical:  # noqa: ARG002
        """Only a physical id."""
        return Physical(request.generated_name(longest=128))

    def update(
        self,
        request: Request,  # noqa: ARG002
        physical: Physical,
        before: Properties,  # noqa: ARG002
        after: Properties,  # noqa: ARG002
    ) -> Physical:
        """Nothing changes."""
        return physical

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:
        """Nothing remains."""


@cache
def resource_type(type_name: str) -> ResourceType | None:
    """The handler of a type, or None where embedded AWS does not provide it."""
    if type_name in _WITHOUT_EFFECT:
        return WithoutEffect()
    if type_name in _OURS:
        module = import_module(f"mme_local.aws.resource_types.{_OURS[type_name]}")
        types: dict[str, Callable[[], ResourceType]] = module.TYPES
        return types[type_name]()
    return moto_type(type_name)


def refuse_unknown(type_names: Iterable[str]) -> None:
    """Raise for types that would otherwise have to be skipped.

    Raises:
        ValidationFault: names each of them.
    """
    unknown = sorted({name for name in type_names if resource_type(name) is None})
    if unknown:
        raise ValidationFault(
            f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]. "
            "Embedded AWS does not provide them; leave them out of the environment that is deployed here"
        )
