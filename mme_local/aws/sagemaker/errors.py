"""SageMaker's refusals, with AWS's messages."""

from __future__ import annotations

from collections.abc import Iterable

from moto.sagemaker.exceptions import AWSValidationException

NOUNS = {"model": "model", "endpoint-config": "endpoint configuration", "endpoint": "endpoint"}


def not_found(kind: str, arn: str) -> AWSValidationException:
    """Return the error for a missing record.

    Args:
        kind: The ARN's resource type: `model`, `endpoint-config` or `endpoint`.
        arn: Of the record.
    """
    return AWSValidationException(f'Could not find {NOUNS[kind]} "{arn}".')


def already_exists(kind: str, arn: str) -> AWSValidationException:
    """Return the error for a name that is taken.

    Args:
        kind: The ARN's resource type: `model`, `endpoint-config` or `endpoint`.
        arn: Of the record.
    """
    return AWSValidationException(f'Cannot create already existing {NOUNS[kind]} "{arn}".')


def not_in_enum(value: str, member: str, allowed: Iterable[str]) -> AWSValidationException:
    """Return the error for a value that is not in the API's enumeration.

    Args:
        value: The given value.
        member: Its path in AWS's spelling.
        allowed: The enumeration.
    """
    return AWSValidationException(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
        f"Member must satisfy enum value set: [{', '.join(sorted(allowed))}]"
    )


def no_volume_options(variant: str, instance_type: str, option: str) -> AWSValidationException:
    """Return the error for a volume that the instance type does not have (AWS publishes no message for this).

    Args:
        variant: The variant's name.
        instance_type: Its instance type.
        option: `KmsKeyId` or `VolumeSizeInGB`.
    """
    return AWSValidationException(
        f'{option} cannot be specified for variant "{variant}": '
        f"instance type {instance_type} hosts from its local storage."
    )


def still_scalable(variants: Iterable[str]) -> AWSValidationException:
    """Return the error for an update that removes scalable targets or changes their instance type."""
    named = ",".join(f'"{variant}"' for variant in variants)
    return AWSValidationException(
        f'The variant(s) "[{named}]" must be deregistered as scalable target(s) with AWS Application Auto '
        "Scaling before they can be removed or have their instance type updated."
    )
