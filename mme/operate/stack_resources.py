"""What a CloudFormation stack holds: the difference between what is ours and what merely stands beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

ENDPOINT: Final = "AWS::SageMaker::Endpoint"
ENDPOINT_CONFIG: Final = "AWS::SageMaker::EndpointConfig"
MODEL: Final = "AWS::SageMaker::Model"
BUCKET: Final = "AWS::S3::Bucket"
ALARM_TYPES: Final = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")


@dataclass(frozen=True, slots=True)
class StackResource:
    """One resource of a stack.

    Attributes:
        logical_id: its id in the template.
        type: as CloudFormation has it: `AWS::SageMaker::Endpoint`.
        physical_id: its name, ARN or URL, as its type has it.
        status: of its last operation.
    """

    logical_id: str
    type: str
    physical_id: str
    status: str

    @property
    def name(self) -> str:
        """The physical id without what makes an ARN of it: SageMaker's are ARNs since they have a `Ref`."""
        return (
            self.physical_id.rpartition("/")[2] if self.physical_id.startswith("arn:") else self.physical_id
        )


def stack_resources(cloudformation: CloudFormationClient, stack: str) -> list[StackResource]:
    """The resources that exist, in the template's order of creation as CloudFormation lists it."""
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


def stack_template(cloudformation: CloudFormationClient, stack: str) -> dict[str, Any]:
    """The template as deployed. Empty where it is not JSON: the CDK writes JSON, people may write YAML."""
    body: Any = cloudformation.get_template(StackName=stack, TemplateStage="Processed")["TemplateBody"]
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return {}
    return dict(body)


def config_of_endpoint(
    resources: list[StackResource], template: dict[str, Any], endpoint_name: str
) -> str | None:
    """The name of the endpoint config that the stack gives to the endpoint, or None where it gives none.

    Where a stack holds several endpoints, its template says which config belongs to which.
    """
    configs = {one.logical_id: one.name for one in resources if one.type == ENDPOINT_CONFIG}
    endpoint = next((one for one in resources if one.type == ENDPOINT and one.name == endpoint_name), None)
    if endpoint is None:
        return None
    properties = template.get("Resources", {}).get(endpoint.logical_id, {}).get("Properties", {})
    given = properties.get("EndpointConfigName")
    if isinstance(given, str):
        return given
    if isinstance(given, dict):
        attribute = given.get("Fn::GetAtt")
        logical_id = (
            given.get("Ref")
            or (attribute.split(".") if isinstance(attribute, str) else attribute or [None])[0]
        )
        if logical_id in configs:
            return configs[logical_id]
    return next(iter(configs.values())) if len(configs) == 1 else None
