"""Exceptions from the rules of cdk-nag's security packs, each with its reason."""

from __future__ import annotations

from typing import Final

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct

_CONFIG: Final = ("HIPAA.Security", "NIST.800.53.R4", "NIST.800.53.R5", "PCI.DSS.321")
# Where it is not the four that share AWS Config's rules. A pack that lacks a rule needs no exception from it.
_NAMES: Final = {
    "LambdaConcurrency": tuple(f"{pack}-LambdaConcurrency" for pack in _CONFIG[:3]),
    "LambdaDLQ": (*(f"{pack}-LambdaDLQ" for pack in _CONFIG[:3]), "Serverless-LambdaDLQ"),
    "LambdaEventSourceMappingDestination": ("Serverless-LambdaEventSourceMappingDestination",),
    "LambdaLatestVersion": ("AwsSolutions-L1", "Serverless-LambdaLatestVersion"),
    "S3BucketLoggingEnabled": (*(f"{pack}-S3BucketLoggingEnabled" for pack in _CONFIG), "AwsSolutions-S1"),
    "SQSRedrivePolicy": ("Serverless-SQSRedrivePolicy",),
}


def acknowledge_packs(scope: IConstruct, reason: str, *rules: str) -> None:
    """Accept the findings of these rules in every pack that has them, on `scope` and all below it.

    Args:
        scope: the construct that causes them.
        reason: why it is right as it is.
        rules: the rules' names without the pack's, such as `LambdaDLQ`.
    """
    names = [name for rule in rules for name in _NAMES.get(rule, tuple(f"{pack}-{rule}" for pack in _CONFIG))]
    Validations.of(scope).acknowledge(*(Acknowledgment(id=name, reason=reason) for name in names))
