"""The stacks of a deployment, and the stacks that depend on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mme.operate.stacks import BUCKET, StackResource, StackState, read_stack, stack_resources, stack_template

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


@dataclass(frozen=True, slots=True)
class OwnedStack:
    """A stack to delete, or whose bucket to empty.

    Attributes:
        retained: Logical ids of the resources that remain when it is deleted.
    """

    state: StackState
    resources: tuple[StackResource, ...]
    retained: frozenset[str]

    @property
    def name(self) -> str:
        """Its name."""
        return self.state.name

    @property
    def buckets(self) -> tuple[str, ...]:
        """Its buckets."""
        return tuple(one.physical_id for one in self.resources if one.type == BUCKET)

    def retains(self, bucket: str) -> bool:
        """Return whether a bucket remains when the stack is deleted."""
        return any(
            one.physical_id == bucket and one.type == BUCKET and one.logical_id in self.retained
            for one in self.resources
        )


def owned_stack(cloudformation: CloudFormationClient, name: str) -> OwnedStack | None:
    """Return a stack with its resources; None if it does not exist.

    Args:
        cloudformation: A boto3 client.
        name: Name or ARN of the stack.
    """
    state = read_stack(cloudformation, name)
    if state is None:
        return None
    # A template that is not JSON retains nothing as far as we know, so a bucket with content stops the plan.
    template = stack_template(cloudformation, name) or {}
    retained = frozenset(
        logical_id
        for logical_id, resource in template.get("Resources", {}).items()
        if resource.get("DeletionPolicy") in ("Retain", "RetainExceptOnCreate")
    )
    return OwnedStack(state, tuple(stack_resources(cloudformation, name)), retained)


def owner_of_bucket(cloudformation: CloudFormationClient, bucket: str) -> OwnedStack | None:
    """Return the stack that owns and exports a bucket; None if there is none.

    Args:
        cloudformation: A boto3 client.
        bucket: Name of the bucket.
    """
    for export in _exports(cloudformation):
        if export["Value"] == bucket or export["Value"].endswith(f":::{bucket}"):
            stack = owned_stack(cloudformation, export["ExportingStackId"])
            if stack is not None and bucket in stack.buckets:
                return stack
    return None


def importers(cloudformation: CloudFormationClient, stack: OwnedStack) -> set[str]:
    """Return the names of the stacks that import from a stack, which block its deletion.

    Args:
        cloudformation: A boto3 client.
        stack: The exporting stack.
    """
    from botocore.exceptions import ClientError

    found: set[str] = set()
    for export in _exports(cloudformation):
        if export["ExportingStackId"] != stack.state.id:
            continue
        try:
            pages = cloudformation.get_paginator("list_imports").paginate(ExportName=export["Name"])
            found |= {name for page in pages for name in page["Imports"]}
        except ClientError as error:
            # AWS's response for an export without imports.
            if "is not imported" not in error.response["Error"].get("Message", ""):
                raise
    return found


def _exports(cloudformation: CloudFormationClient) -> list[Any]:
    pages = cloudformation.get_paginator("list_exports").paginate()
    return [export for page in pages for export in page["Exports"]]
