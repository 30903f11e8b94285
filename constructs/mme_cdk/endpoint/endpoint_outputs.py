"""The outputs that the toolkit finds an endpoint by."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Stack, aws_ssm
from constructs import Construct

from mme_cdk._internal.validation import known, require
from mme_cdk.storage.model_store import ModelStore

if TYPE_CHECKING:
    from mme_cdk.endpoint.endpoint_base import EndpointBase

_PARAMETER_PREFIX = re.compile(r"(/[a-zA-Z0-9_.-]+)+")


def add_outputs(endpoint: EndpointBase, models: ModelStore, parameter_prefix: str | None) -> None:
    """Add the outputs, and parameters if a prefix is given; see `MultiModelEndpoint.add_outputs`.

    Args:
        endpoint: The endpoint.
        models: Its models.
        parameter_prefix: Of the parameters' names.

    Raises:
        PropsError: An output of that key exists, or the prefix is not a path of SSM.
    """
    stack = Stack.of(endpoint)
    values = {
        "EndpointName": (endpoint.endpoint_name, "Endpoint to invoke"),
        "ModelBucketName": (models.bucket.bucket_name, "Bucket of the models"),
        "ModelPrefix": (models.prefix, "Key prefix of the models"),
    }
    require(
        *(
            f"the stack has {key} already; the toolkit reads one endpoint of a stack: use mme with "
            "--endpoint-name, --bucket and --prefix for the others"
            for key in values
            if stack.node.try_find_child(key) is not None
        ),
        f"parameter_prefix {parameter_prefix} is not a path of SSM: use /mme/prod"
        if known(parameter_prefix) and not _PARAMETER_PREFIX.fullmatch(str(parameter_prefix))
        else None,
        at=endpoint,
    )
    for key, (value, description) in values.items():
        CfnOutput(stack, key, value=value, description=description)
    if parameter_prefix is None:
        return
    parameters = Construct(endpoint, "Parameters")
    for (key, (value, description)), name in zip(
        values.items(), ("endpoint-name", "model-bucket", "model-prefix"), strict=True
    ):
        aws_ssm.StringParameter(
            parameters,
            key,
            parameter_name=f"{parameter_prefix}/{name}",
            string_value=value,
            description=description,
        )
