"""The retention of an endpoint's log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnResource, RemovalPolicy, aws_sagemaker
from constructs import Construct

from mme_cdk.endpoint.endpoint_base import EndpointBase

if TYPE_CHECKING:
    from aws_cdk import aws_logs


class LogRetention(Construct):
    """The endpoint's log group, created by the stack before the endpoint, so that its lines expire.

    Without it, SageMaker creates `/aws/sagemaker/Endpoints/NAME` at the first line; that group never expires
    and is not deleted with the endpoint. **The deployment fails with "already exists" if the group exists**,
    from an earlier endpoint of that name or from this one before retention was set. Fixes:

    - `aws logs put-retention-policy` on the existing group and no `log_retention`: nothing is lost;
    - `cdk import` of the existing group into the stack: nothing is lost;
    - `aws logs delete-log-group` before the deployment: the log is lost.

    `mme endpoint preflight` finds the collision before the deployment.

    Attributes:
        log_group: The log group.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        endpoint: EndpointBase,
        log_group_name: str,
        retention: aws_logs.RetentionDays,
        removal_policy: RemovalPolicy,
    ) -> None:
        """Define the log group.

        Args:
            scope: Parent construct.
            id: Construct id.
            endpoint: Endpoint of this app whose log it is.
            log_group_name: Name of its log group.
            retention: How long lines are kept.
            removal_policy: Removal policy of the group.
        """
        from aws_cdk import aws_logs

        super().__init__(scope, id)
        self.log_group = aws_logs.LogGroup(
            self,
            "Resource",
            log_group_name=log_group_name,
            retention=retention,
            removal_policy=removal_policy,
        )
        self.node.default_child = self.log_group
        resource, group = endpoint.node.default_child, self.log_group.node.default_child
        if isinstance(resource, CfnResource) and isinstance(group, CfnResource):
            # Otherwise the first container creates the group, and the last one recreates it on deletion.
            resource.add_dependency(group)


def retention_fault(endpoint: EndpointBase) -> str | None:
    """Return why the app can't own the log group of this endpoint; None if it can."""
    if isinstance(endpoint.node.default_child, aws_sagemaker.CfnEndpoint):
        return None
    return (
        f"log_retention is given for {endpoint.endpoint_name}, which this app does not define; SageMaker "
        "creates its log group at the first line and does not delete it: leave log_retention out and run aws "
        f"logs put-retention-policy --log-group-name /aws/sagemaker/Endpoints/{endpoint.endpoint_name} "
        "--retention-in-days DAYS"
    )
