"""The retention of an endpoint's log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnResource, RemovalPolicy, aws_sagemaker
from constructs import Construct

from mme_cdk.endpoint.endpoint_base import EndpointBase

if TYPE_CHECKING:
    from aws_cdk import aws_logs


def define_log_group(
    scope: Construct,
    *,
    endpoint: EndpointBase,
    log_group_name: str,
    retention: aws_logs.RetentionDays,
    removal_policy: RemovalPolicy,
) -> aws_logs.LogGroup:
    """Define the endpoint's log group, which the stack creates before the endpoint, so that its lines expire.

    Otherwise SageMaker creates the group at the first line, without expiry, and does not delete it with the
    endpoint. The deployment fails if the group exists; docs/runbook.md lists the fixes.

    Args:
        scope: Parent construct.
        endpoint: Endpoint of this app whose log it is.
        log_group_name: Name of its log group.
        retention: How long lines are kept.
        removal_policy: Removal policy of the group.
    """
    from aws_cdk import aws_logs

    log_group = aws_logs.LogGroup(
        Construct(scope, "Log"),
        "Resource",
        log_group_name=log_group_name,
        retention=retention,
        removal_policy=removal_policy,
    )
    resource, group = endpoint.node.default_child, log_group.node.default_child
    if isinstance(resource, CfnResource) and isinstance(group, CfnResource):
        # Otherwise the first container creates the group, and the last one recreates it on deletion.
        resource.add_dependency(group)
    return log_group


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
