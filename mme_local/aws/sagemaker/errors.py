"""How SageMaker refuses: one error code, AWS's sentences."""

from __future__ import annotations

from collections.abc import Iterable

from moto.sagemaker.exceptions import AWSValidationException

NOUNS = {"model": "model", "endpoint-config": "endpoint configuration", "endpoint": "endpoint"}


def not_found(kind: str, arn: str) -> AWSValidationException:
    """`kind` is the ARN's resource type: model, endpoint-config or endpoint."""
    return AWSValidationException(f'Could not find {NOUNS[kind]} "{arn}".')


def already_exists(kind: str, arn: str) -> AWSValidationException:
    """Creating a name a second time."""
    return AWSValidationException(f'Cannot create already existing {NOUNS[kind]} "{arn}".')


def not_in_enum(value: str, member: str, allowed: Iterable[str]) -> AWSValidationException:
    """A value that the API's enumeration doesn't have; `member` is its path in AWS's spelling."""
    return AWSValidationException(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
        f"Member must satisfy enum value set: [{', '.join(sorted(allowed))}]"
    )


def no_volume_options(variant: str, instance_type: str, option: str) -> AWSValidationException:
    """A key or size for a volume that the instance type does not have (AWS publishes no wording for this)."""
    return AWSValidationException(
        f'{option} cannot be specified for variant "{variant}": '
        f"instance type {instance_type} hosts from its local storage."
    )


def still_scalable(variants: Iterable[str]) -> AWSValidationException:
    """An update would remove scalable targets, or change their instance type."""
    named = ",".join(f'"{variant}"' for variant in variants)
    return AWSValidationException(
        f'The variant(s) "[{named}]" must be deregistered as scalable target(s) with AWS Application Auto '
        "Scaling before they can be removed or have their instance type updated."
    )
