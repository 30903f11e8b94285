"""How long an endpoint's log is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnResource, RemovalPolicy, aws_sagemaker
from constructs import Construct

from mme_cdk.endpoint.endpoint_base import EndpointBase

if TYPE_CHECKING:
    from aws_cdk import aws_logs

COLLISION = (
    "SageMaker makes the log group of an endpoint at its first line and leaves it behind: CloudFormation "
    "can't make a group that is there"
)
"""What is wrong with giving an endpoint's log group to a stack."""


class LogRetention(Construct):
    """The endpoint's log group, made by the stack before the endpoint, so that its lines expire.

    Without it, SageMaker makes `/aws/sagemaker/Endpoints/NAME` itself at the first line; such a group never
    expires and outlives the endpoint. **It collides with one**: where the group exists, of an endpoint that
    ran before under that name or of this one before retention was asked for, CloudFormation fails with
    "already exists". The ways out, none of which CloudFormation can take by itself:

    - `aws logs put-retention-policy` on the group that is there, and no `log_retention`: nothing is lost;
    - `cdk import`, which gives the group that is there to the stack: nothing is lost;
    - `aws logs delete-log-group` before the deployment: what was logged is lost.

    `mme endpoint preflight` sees the collision before the deployment does.

    Attributes:
        log_group: the group.
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
        """Define the group.

        Args:
            scope: the parent.
            id: the construct's id.
            endpoint: whose log it is; an endpoint that the app defines.
            log_group_name: its group's name.
            retention: how long a line is kept.
            removal_policy: what becomes of the group when it leaves the stack.
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
            # The first container to start would make the group otherwise; and on deletion the last one to
            # write would make it again.
            resource.add_dependency(group)


def retention_fault(endpoint: EndpointBase) -> str | None:
    """Why the app can't keep the log of this endpoint; None where it can."""
    if isinstance(endpoint.node.default_child, aws_sagemaker.CfnEndpoint):
        return None
    return (
        f"log_retention is given for {endpoint.endpoint_name}, which this app does not define. {COLLISION}. "
        "Leave log_retention out and run: aws logs put-retention-policy --log-group-name "
        f"/aws/sagemaker/Endpoints/{endpoint.endpoint_name} --retention-in-days DAYS"
    )
