"""Exceptions from the rules of cdk-nag's security packs, each with its reason."""

from __future__ import annotations

from typing import Final

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct

_PACKS: Final = ("HIPAA.Security", "NIST.800.53.R4", "NIST.800.53.R5", "PCI.DSS.321")
_OTHER_NAMES: Final = {
    "S3BucketLoggingEnabled": ("AwsSolutions-S1",),
    "LambdaDLQ": ("Serverless-LambdaDLQ",),
    "LambdaEventSourceMappingDestination": ("Serverless-LambdaEventSourceMappingDestination",),
    "LambdaLatestVersion": ("AwsSolutions-L1", "Serverless-LambdaLatestVersion"),
    "SQSRedrivePolicy": ("Serverless-SQSRedrivePolicy",),
}


def acknowledge_packs(scope: IConstruct, reason: str, *rules: str) -> None:
    """Accept the findings of these rules in every pack that has them, on `scope` and all below it.

    Args:
        scope: the construct that causes them.
        reason: why it is right as it is.
        rules: the rules' names without the pack's, such as `LambdaDLQ`.
    """
    names = [f"{pack}-{rule}" for rule in rules for pack in _PACKS]
    names += [name for rule in rules for name in _OTHER_NAMES.get(rule, ())]
    Validations.of(scope).acknowledge(*(Acknowledgment(id=name, reason=reason) for name in names))
