"""The instances that an endpoint has now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mme.errors import MmeError
from mme.operate.aws_errors import explain_aws_error
from mme.operate.endpoint_state import read_endpoint

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient


def deployed_instances(sagemaker: SageMakerClient, endpoint_name: str) -> tuple[str, int] | None:
    """Return instance type and count of the first variant; None if they can't be read.

    Args:
        sagemaker: A boto3 client.
        endpoint_name: Name of the endpoint.
    """
    try:
        variants = read_endpoint(sagemaker, endpoint_name).variants
    except MmeError:
        return None
    except Exception as error:
        if explain_aws_error(error) is None:
            raise
        return None
    if not variants or variants[0].instances < 1 or not variants[0].instance_type:
        return None
    return variants[0].instance_type, variants[0].instances
