"""CloudFormation stacks: state, resources and templates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from mme.aws.template_resolver import reference

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

ENDPOINT: Final = "AWS::SageMaker::Endpoint"
ENDPOINT_CONFIG: Final = "AWS::SageMaker::EndpointConfig"
MODEL: Final = "AWS::SageMaker::Model"
BUCKET: Final = "AWS::S3::Bucket"
ALARM_TYPES: Final = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
EVENTS_COMMAND: Final = "aws cloudformation describe-stack-events --stack-name {}"


@dataclass(frozen=True, slots=True)
class StackState:
    """A deployed stack.

    Attributes:
        id: ARN; still valid after the stack is deleted.
        status: CloudFormation's, such as `UPDATE_COMPLETE`.
        protected: Whether termination protection is on.
        parameters: Values by name, with SSM parameters resolved.
    """

    name: str
    id: str
    status: str
    protected: bool
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]

    @property
    def in_progress(self) -> bool:
        """Whether CloudFormation is changing the stack."""
        return self.status.endswith("_IN_PROGRESS")

    @property
    def account(self) -> str:
        """Its account number; empty if it has no ARN."""
        return self.id.split(":")[4] if ":" in self.id else ""


@dataclass(frozen=True, slots=True)
class StackResource:
    """A resource of a stack. Its physical id is a name, an ARN or a URL, depending on the type."""

    logical_id: str
    type: str
    physical_id: str
    status: str

    @property
    def name(self) -> str:
        """The name at the end of the physical id if that is an ARN, as SageMaker's are."""
        return last_of_arn(self.physical_id)


def read_stack(cloudformation: CloudFormationClient, name: str) -> StackState | None:
    """Return a stack; None if it does not exist.

    Args:
        cloudformation: A boto3 client.
        name: Name or ARN of the stack.
    """
    from botocore.exceptions import ClientError

    try:
        found: Any = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in error.response["Error"].get("Message", ""):
            return None
        raise
    if found["StackStatus"] == "DELETE_COMPLETE":
        return None
    return StackState(
        name=found.get("StackName", name),
        id=found.get("StackId", name),
        status=found["StackStatus"],
        protected=bool(found.get("EnableTerminationProtection")),
        outputs={
            one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", []) if "OutputValue" in one
        },
        parameters={
            one["ParameterKey"]: one.get("ResolvedValue") or one.get("ParameterValue", "")
            for one in found.get("Parameters", [])
        },
    )


def stack_resources(cloudformation: CloudFormationClient, stack: str) -> list[StackResource]:
    """Return the resources of a stack that exist.

    Args:
        cloudformation: A boto3 client.
        stack: Name of the stack.
    """
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    return [
        StackResource(
            found["LogicalResourceId"],
            found["ResourceType"],
            found["PhysicalResourceId"],
            found["ResourceStatus"],
        )
        for page in pages
        for found in page["StackResourceSummaries"]
        if found.get("PhysicalResourceId") and found["ResourceStatus"] != "DELETE_COMPLETE"
    ]


def stack_template(
    cloudformation: CloudFormationClient, stack: str, stage: Literal["Original", "Processed"] = "Processed"
) -> dict[str, Any] | None:
    """Return the deployed template; None if it is not JSON. The CDK writes JSON, people may write YAML.

    Args:
        cloudformation: A boto3 client.
        stack: Name of the stack.
        stage: `Original` is the template as it was sent, before transforms.
    """
    body: Any = cloudformation.get_template(StackName=stack, TemplateStage=stage)["TemplateBody"]
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return None
    return dict(body) if isinstance(body, Mapping) else None


def endpoint_config_name(
    resources: Iterable[StackResource], template: Mapping[str, Any] | None, endpoint_name: str
) -> str | None:
    """Return the name of the endpoint config that a stack assigns to an endpoint; None if it assigns none.

    Args:
        resources: Resources of the stack.
        template: Its template, which matches configs to endpoints if there are several.
        endpoint_name: Name of the endpoint.
    """
    configs = {one.logical_id: one.name for one in resources if one.type == ENDPOINT_CONFIG}
    endpoint = next((one for one in resources if one.type == ENDPOINT and one.name == endpoint_name), None)
    if endpoint is None:
        return None
    properties = (template or {}).get("Resources", {}).get(endpoint.logical_id, {}).get("Properties", {})
    given = properties.get("EndpointConfigName")
    if isinstance(given, str):
        return given
    if (logical_id := reference(given)) in configs:
        return configs[logical_id]
    return next(iter(configs.values())) if len(configs) == 1 else None


def last_of_arn(physical_id: str) -> str:
    """Return the part of an ARN after the last slash; anything else unchanged."""
    return physical_id.rpartition("/")[2] if physical_id.startswith("arn:") else physical_id
