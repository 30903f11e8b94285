"""Find a deployment by the outputs of its serving stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mme.aws.settings import LOCAL_ENVIRONMENT
from mme.errors import MmeError
from mme.operate.aws_errors import explain_aws_error
from mme.operate.stacks import read_stack

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

ENDPOINT_OUTPUT: Final = "EndpointName"
BUCKET_OUTPUT: Final = "ModelBucketName"
PREFIX_OUTPUT: Final = "ModelPrefix"


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployed endpoint, its serving stack with its outputs, and the bucket and prefix of its models."""

    stack: str
    endpoint_name: str
    bucket: str
    prefix: str
    outputs: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)


def discover(cloudformation: CloudFormationClient, stack: str, environment: str | None) -> Deployment:
    """Read the outputs of a serving stack.

    Args:
        cloudformation: A boto3 client.
        stack: Name of the serving stack.
        environment: The environment that the stack belongs to, for messages; None if the stack was named.

    Raises:
        MmeError: The stack does not exist or lacks outputs, or AWS refuses the call.
    """
    try:
        found = read_stack(cloudformation, stack)
    except Exception as error:
        explained = explain_aws_error(error, cloudformation.meta.endpoint_url)
        if explained is None:
            raise
        raise explained from error
    if found is None:
        raise _missing_stack(stack, environment, cloudformation.meta.region_name)
    outputs = found.outputs
    missing = [name for name in (ENDPOINT_OUTPUT, BUCKET_OUTPUT, PREFIX_OUTPUT) if name not in outputs]
    if missing:
        # ROLLBACK_COMPLETE: the stack's creation failed, so it has no outputs.
        deployed = found.status.endswith("_COMPLETE") and not found.status.startswith("ROLLBACK")
        raise MmeError(
            f"the stack {stack} has no output {', '.join(missing)} (its status is {found.status})",
            hint=f"add CfnOutputs {ENDPOINT_OUTPUT}, {BUCKET_OUTPUT}, {PREFIX_OUTPUT} to it, "
            "or name the serving stack with --stack"
            if deployed
            else "name the serving stack with --stack, or wait until its deployment is done",
        )
    return Deployment(
        stack, outputs[ENDPOINT_OUTPUT], outputs[BUCKET_OUTPUT], outputs[PREFIX_OUTPUT], outputs
    )


def _missing_stack(stack: str, environment: str | None, region: str) -> MmeError:
    if environment is None:
        return MmeError(
            f"the stack {stack} does not exist in {region}",
            hint="deploy it there, or check --stack, --region and --profile",
        )
    # The local runtime starts without a bootstrap stack.
    first = f"cdk bootstrap -c env={environment} && " if environment == LOCAL_ENVIRONMENT else ""
    return MmeError(
        f"the stack {stack} does not exist in {region}: environment {environment} is not deployed there",
        hint=f"deploy it: {first}cdk deploy -c env={environment} '{environment}/*'; "
        "or name another with --env or --stack",
    )
