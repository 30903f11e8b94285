"""Where a deployment's endpoint and models are: read from its stack's outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mme.aws.settings import LOCAL_ENVIRONMENT
from mme.errors import MmeError
from mme.operate.aws_failures import explain_aws_error

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

ENDPOINT_OUTPUT: Final = "EndpointName"
BUCKET_OUTPUT: Final = "ModelBucketName"
PREFIX_OUTPUT: Final = "ModelPrefix"


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployed endpoint and its models.

    Attributes:
        stack: the serving stack's name.
        endpoint_name: what to invoke.
        bucket: where its models are.
        prefix: their key prefix, ending in `/`.
        outputs: all of the stack's outputs, for what only some deployments have.
    """

    stack: str
    endpoint_name: str
    bucket: str
    prefix: str
    outputs: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)


def discover(cloudformation: CloudFormationClient, stack: str, environment: str | None) -> Deployment:
    """Reads a serving stack's outputs.

    Args:
        cloudformation: a boto3 CloudFormation client.
        stack: the serving stack's name.
        environment: the environment whose stack it is, for messages; None for a stack named by itself.

    Raises:
        MmeError: there is no such stack, it is not one of ours, or AWS can't be asked.
    """
    from botocore.exceptions import ClientError

    try:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except Exception as error:
        if isinstance(error, ClientError) and "does not exist" in error.response["Error"].get("Message", ""):
            raise _absent(stack, environment, cloudformation.meta.region_name) from error
        explained = explain_aws_error(error, cloudformation.meta.endpoint_url)
        if explained is None:
            raise
        raise explained from error
    outputs = {
        output["OutputKey"]: output["OutputValue"]
        for output in found[0].get("Outputs", [])
        if "OutputKey" in output and "OutputValue" in output
    }
    missing = [name for name in (ENDPOINT_OUTPUT, BUCKET_OUTPUT, PREFIX_OUTPUT) if name not in outputs]
    if missing:
        status = found[0]["StackStatus"]
        # A stack rolled back from its creation is complete too, but has nothing to give outputs of.
        whole = status.endswith("_COMPLETE") and not status.startswith(("ROLLBACK", "DELETE"))
        raise MmeError(
            f"the stack {stack} has no output {', '.join(missing)} (its status is {status})",
            hint=f"add CfnOutputs {ENDPOINT_OUTPUT}, {BUCKET_OUTPUT}, {PREFIX_OUTPUT} to it, "
            "or name the serving stack with --stack"
            if whole
            else "name the serving stack with --stack, or wait until its deployment is done",
        )
    return Deployment(
        stack, outputs[ENDPOINT_OUTPUT], outputs[BUCKET_OUTPUT], outputs[PREFIX_OUTPUT], outputs
    )


def _absent(stack: str, environment: str | None, region: str) -> MmeError:
    if environment is None:
        return MmeError(
            f"the stack {stack} does not exist in {region}",
            hint="deploy it there, or check --stack, --region and --profile",
        )
    # A runtime that has just started knows nothing of an earlier one's bootstrapping.
    first = f"cdk bootstrap -c env={environment} && " if environment == LOCAL_ENVIRONMENT else ""
    return MmeError(
        f"the stack {stack} does not exist in {region}: environment {environment} is not deployed there",
        hint=f"deploy it: {first}cdk deploy -c env={environment} '{environment}/*'; "
        "or name another with --env or --stack",
    )
