"""Exceptions from the rules of cdk-nag's security packs and of checkov, each with its reason."""

from __future__ import annotations

from typing import Final

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct

from mme_cdk.acknowledgements import acknowledge_checkov, acknowledge_config_rule

_OTHER_NAMES: Final = {
    "S3BucketLoggingEnabled": ("AwsSolutions-S1",),
    "LambdaDLQ": ("Serverless-LambdaDLQ",),
    "LambdaEventSourceMappingDestination": ("Serverless-LambdaEventSourceMappingDestination",),
    "LambdaLatestVersion": ("AwsSolutions-L1", "Serverless-LambdaLatestVersion"),
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
    """Accept the findings of these rules in every pack that has them, on `scope` and all below it.

    Checkov reads its own from the metadata of the resource.

    Args:
        scope: the construct that causes them.
        reason: why it is right as it is.
        rules: the rules' names without the pack's, such as `LambdaDLQ`.
    """
    names = [f"NIST.800.53.R4-{rule}" for rule in rules]
    names += [name for rule in rules for name in _OTHER_NAMES.get(rule, ())]
    Validations.of(scope).acknowledge(*(Acknowledgment(id=name, reason=reason) for name in names))
    for rule in rules:
        acknowledge_config_rule(scope, rule, reason)
        if rule in _CHECKOV:
            acknowledge_checkov(scope, _CHECKOV[rule], reason)
