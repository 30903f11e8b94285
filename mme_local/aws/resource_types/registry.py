"""The handler of each resource type."""

from __future__ import annotations

from mme_local.aws.resource_types import (
    autoscaling,
    cloudwatch,
    ec2,
    ecr,
    events,
    iam,
    kms,
    lambda_functions,
    logs,
    s3,
    sagemaker,
    sns,
    sqs,
    ssm,
)
from mme_local.aws.resource_types.handler import NoopType, ResourceType

_MODULES = (
    autoscaling, cloudwatch, ec2, ecr, events, iam, kms, lambda_functions, logs, s3, sagemaker, sns, sqs, ssm,
)  # fmt: skip
_TYPES: dict[str, ResourceType] = {
    # without an effect outside the template, and saved log queries, for which moto has no API
    "AWS::CDK::Metadata": NoopType(),
    "AWS::CloudFormation::WaitConditionHandle": NoopType(),
    "AWS::Logs::QueryDefinition": NoopType(),
}
for _module in _MODULES:
    _TYPES.update(_module.TYPES)


def is_provided(type_name: str) -> bool:
    """Return whether embedded AWS provides a type."""
    return type_name in _TYPES


def resource_type(type_name: str) -> ResourceType:
    """Return the handler of a type that is provided."""
    return _TYPES[type_name]
