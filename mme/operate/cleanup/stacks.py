"""Which stacks make up a deployment, and who else depends on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mme.operate.stack_resources import BUCKET, StackResource, stack_resources, stack_template

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


@dataclass(frozen=True, slots=True)
class OwnedStack:
    """A stack that is to be deleted, or whose bucket is to be emptied.

    Attributes:
        name: of the stack.
        stack_id: its ARN, which stays its own also when it is gone.
        status: CloudFormation's word.
        protected: true where termination protection is on.
        resources: what it holds.
        retained: the logical ids of what stays when it is deleted.
    """

    name: str
    stack_id: str
    status: str
    protected: bool
    resources: tuple[StackResource, ...]
    retained: frozenset[str]

    @property
    def buckets(self) -> tuple[str, ...]:
        """The buckets it owns."""
        return tuple(one.physical_id for one in self.resources if one.type == BUCKET)

    def keeps(self, bucket: str) -> bool:
        """True where the bucket stays behind when the stack is deleted."""
        return any(
            one.physical_id == bucket and one.type == BUCKET and one.logical_id in self.retained
            for one in self.resources
        )


def read_stack(cloudformation: CloudFormationClient, name: str) -> OwnedStack | None:
    """The stack, or None where there is none."""
    from botocore.exceptions import ClientError

    try:
        (found,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" in error.response["Error"].get("Message", ""):
            return None
        raise
    if found["StackStatus"] == "DELETE_COMPLETE":
        return None
    template = stack_template(cloudformation, name)
    # Of a template that is not JSON nothing is known: then a bucket that holds something stops the plan.
    retained = frozenset(
        logical_id
        for logical_id, resource in template.get("Resources", {}).items()
        if resource.get("DeletionPolicy") in ("Retain", "RetainExceptOnCreate")
    )
    return OwnedStack(
        name=found["StackName"],
        stack_id=found.get("StackId", name),
        status=found["StackStatus"],
        protected=bool(found.get("EnableTerminationProtection")),
        resources=tuple(stack_resources(cloudformation, name)),
        retained=retained,
    )


def owner_of_bucket(cloudformation: CloudFormationClient, bucket: str) -> OwnedStack | None:
    """The stack that exports the bucket and has it among its resources, or None where there is none."""
    for export in _exports(cloudformation):
        if export["Value"] in (bucket, f"arn:aws:s3:::{bucket}") or export["Value"].endswith(f":::{bucket}"):
            stack = read_stack(cloudformation, export["ExportingStackId"])
            if stack is not None and bucket in stack.buckets:
                return stack
    return None


def importers(cloudformation: CloudFormationClient, stack: OwnedStack) -> set[str]:
    """The stacks that import anything from this one: they use what it holds, and it can't go before them."""
    from botocore.exceptions import ClientError

    found: set[str] = set()
    for export in _exports(cloudformation):
        if export["ExportingStackId"] != stack.stack_id:
            continue
        try:
            pages = cloudformation.get_paginator("list_imports").paginate(ExportName=export["Name"])
            found |= {name for page in pages for name in page["Imports"]}
        except ClientError as error:
            # AWS answers so about an export that nobody imports.
            if "is not imported" not in error.response["Error"].get("Message", ""):
                raise
    return found


def _exports(cloudformation: CloudFormationClient) -> list[Any]:
    pages = cloudformation.get_paginator("list_exports").paginate()
    return [export for page in pages for export in page["Exports"]]
