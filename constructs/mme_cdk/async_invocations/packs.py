"""Exceptions from the rules of security packs and checkov, each with its reason."""

from __future__ import annotations

from typing import Final

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct

from mme_cdk._internal.acknowledgements import acknowledge_checkov

_CONFIG: Final = ("HIPAA.Security", "NIST.800.53.R4", "NIST.800.53.R5", "PCI.DSS.321")
# Rules that not all of these four packs have, or other packs too. An exception must match a finding.
_NAMES: Final = {
    "LambdaConcurrency": tuple(f"{pack}-LambdaConcurrency" for pack in _CONFIG[:3]),
    "LambdaDLQ": (*(f"{pack}-LambdaDLQ" for pack in _CONFIG[:3]), "Serverless-LambdaDLQ"),
    "LambdaEventSourceMappingDestination": ("Serverless-LambdaEventSourceMappingDestination",),
    "LambdaLatestVersion": ("AwsSolutions-L1", "Serverless-LambdaLatestVersion"),
    "S3BucketLoggingEnabled": (*(f"{pack}-S3BucketLoggingEnabled" for pack in _CONFIG), "AwsSolutions-S1"),
    "SQSRedrivePolicy": ("Serverless-SQSRedrivePolicy",),
}
_CHECKOV: Final = {
    "LambdaConcurrency": "CKV_AWS_115",
    "LambdaDLQ": "CKV_AWS_116",
    "LambdaInsideVPC": "CKV_AWS_117",
    "S3BucketLoggingEnabled": "CKV_AWS_18",
    "S3BucketVersioningEnabled": "CKV_AWS_21",
}


def acknowledge_packs(scope: IConstruct, reason: str, *rules: str) -> None:
    """Accept the findings of these rules in each pack that has them, and in checkov, on a construct.

    Args:
        scope: Construct that causes the findings.
        reason: Why they are acceptable.
        rules: Names of rules without the pack's, such as `LambdaDLQ`.
    """
    names = [name for rule in rules for name in _NAMES.get(rule, tuple(f"{pack}-{rule}" for pack in _CONFIG))]
    Validations.of(scope).acknowledge(*(Acknowledgment(id=name, reason=reason) for name in names))
    for rule in rules:
        if rule in _CHECKOV:
            acknowledge_checkov(scope, _CHECKOV[rule], reason)
