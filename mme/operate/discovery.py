"""Find a deployment by the outputs of its serving stack, or by the name of its endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from mme.aws.settings import LOCAL_ENVIRONMENT, Settings
from mme.errors import MmeError
from mme.operate.aws_errors import explain_aws_error
from mme.operate.endpoint_state import find_endpoint, models_url
from mme.operate.stacks import read_stack

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_sagemaker import SageMakerClient

ENDPOINT_OUTPUT: Final = "EndpointName"
BUCKET_OUTPUT: Final = "ModelBucketName"
PREFIX_OUTPUT: Final = "ModelPrefix"
_ENVIRONMENTS: Final = ("local", "dev", "staging", "prod")
"""The environments of this project, for spelling mistakes; a team may have others."""
_THIS_PROJECT: Final = f"this project has the environments {', '.join(_ENVIRONMENTS)}"


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployed endpoint, its serving stack with its outputs, and the bucket and prefix of its models.

    The stack is empty if the endpoint was named without one.
    """

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
        explained = explain_discovery_error(error, environment, cloudformation.meta.endpoint_url)
        if explained is None:
            raise
        raise explained from error
    if found is None:
        raise _missing_stack(
            stack, environment, cloudformation.meta.region_name, cloudformation.meta.endpoint_url
        )
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


def explain_discovery_error(error: Exception, environment: str | None, url: str = "") -> MmeError | None:
    """Explain an error of AWS; the hint lists the project's environments if this is none of them.

    Args:
        error: As boto3 raised it.
        environment: As in `discover`.
        url: The AWS endpoint URL.
    """
    explained = explain_aws_error(error, url)
    if explained is not None and environment not in (None, *_ENVIRONMENTS):
        unknown = f"check --env {environment}: {_THIS_PROJECT}"
        explained.hint = f"{explained.hint}; and {unknown}" if explained.hint else unknown
    return explained


def discover_endpoint(sagemaker: SageMakerClient, settings: Settings) -> Deployment:
    """Return the endpoint that the settings name; SageMaker reports what they lack of its models' location.

    Args:
        sagemaker: A boto3 client.
        settings: Endpoint name, bucket and prefix.

    Raises:
        MmeError: No endpoint is named, it does not exist, or it has no multi-model container; or a bucket
            is given alone and is not the one that SageMaker reports.
    """
    name, bucket, prefix = settings.endpoint_name, settings.bucket, settings.prefix
    if name is None:
        raise MmeError(
            "a bucket or prefix is given without its endpoint",
            hint="add --endpoint-name or MME_ENDPOINT_NAME",
        )
    if bucket is None or prefix is None:
        endpoint = find_endpoint(sagemaker, name)
        if endpoint is None:
            raise MmeError(
                f"endpoint {name} does not exist in {sagemaker.meta.region_name}",
                hint="list them: aws sagemaker list-endpoints; or check --region and --profile",
            )
        urls = (models_url(sagemaker, variant.model) for variant in endpoint.variants if variant.model)
        url = next((url for url in urls if url and url.startswith("s3://")), None)
        if url is None and bucket is None:
            raise MmeError(
                f"SageMaker does not report where the models of endpoint {name} are",
                hint="add --bucket and --prefix, if it is a multi-model endpoint",
            )
        reported, _, key_prefix = (url or "").removeprefix("s3://").partition("/")
        if bucket not in (None, reported):
            raise MmeError(
                "--bucket is given without --prefix", hint="add --prefix; --prefix / is the whole bucket"
            )
        bucket = reported
        prefix = key_prefix if prefix is None else prefix
    prefix = prefix.strip("/")
    return Deployment("", name, bucket, f"{prefix}/" if prefix else "")


def _missing_stack(stack: str, environment: str | None, region: str, url: str) -> MmeError:
    if environment is None:
        return MmeError(
            f"the stack {stack} does not exist in {region}",
            hint="deploy it there, or check --stack, --region and --profile",
        )
    on_this_machine = urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
    elsewhere = ""
    if on_this_machine and environment != LOCAL_ENVIRONMENT:
        elsewhere = f"; or unset AWS_ENDPOINT_URL, which is {url}, to use AWS"
    message = f"the stack {stack} does not exist in {region}: environment {environment} is not deployed there"
    if environment not in _ENVIRONMENTS:
        close = get_close_matches(environment, _ENVIRONMENTS, n=1)
        known = f"did you mean --env {close[0]}?" if close else f"{_THIS_PROJECT};"
        return MmeError(message, hint=f"{known} or name the stack with --stack{elsewhere}")
    # The local endpoint starts without a bootstrap stack.
    first = f"cdk bootstrap -c env={environment} && " if environment == LOCAL_ENVIRONMENT else ""
    return MmeError(
        message,
        hint=f"deploy it: {first}cdk deploy -c env={environment} '{environment}/*'; "
        f"or name another with --env or --stack{elsewhere}",
    )
