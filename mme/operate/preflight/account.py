"""Read what is deployed and running."""

from __future__ import annotations

from typing import Any

from mme.aws.clients import AwsClients, open_session
from mme.aws.settings import Settings
from mme.operate.endpoint_state import EndpointState, config_variants, find_endpoint
from mme.operate.log_events import has_log_group
from mme.operate.scaling_state import ScalingState, read_scaling, scalable_targets
from mme.operate.stacks import StackState, last_of_arn, read_stack, stack_template


class Account:
    """Read-only access to an account and region.

    Args:
        clients: boto3 clients.
    """

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients

    @property
    def region(self) -> str:
        """The region."""
        return self._clients.region

    def id(self) -> str:
        """Return the account number of the credentials."""
        return self._clients.sts.get_caller_identity()["Account"]

    def stack(self, name: str) -> StackState | None:
        """Return a stack; None if it does not exist."""
        return read_stack(self._clients.cloudformation, name)

    def template(self, stack: str) -> dict[str, Any] | None:
        """Return a stack's template as it was sent; None if it is not JSON."""
        return stack_template(self._clients.cloudformation, stack, "Original")

    def physical_name(self, stack: str, logical_id: str) -> str:
        """Return the name that CloudFormation generated for a resource.

        Args:
            stack: Name of the stack.
            logical_id: The resource.
        """
        cloudformation = self._clients.cloudformation
        detail = cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
        return last_of_arn(detail["StackResourceDetail"].get("PhysicalResourceId", ""))

    def endpoint(self, name: str) -> EndpointState | None:
        """Return an endpoint; None if it does not exist."""
        return find_endpoint(self._clients.sagemaker, name)

    def registered(self, endpoint: EndpointState) -> frozenset[str]:
        """Return the names of the variants that are scalable targets of Application Auto Scaling."""
        return frozenset(scalable_targets(self._clients.scaling, endpoint))

    def scaling(self, endpoint: EndpointState) -> tuple[ScalingState, ...]:
        """Return the scaling of each variant that is registered with Application Auto Scaling."""
        return read_scaling(self._clients.scaling, endpoint)

    def has_log_group(self, name: str) -> bool:
        """Return whether a log group exists."""
        return has_log_group(self._clients.logs, name)

    def instance_types(self, config_name: str) -> dict[str, str]:
        """Return the instance type of each variant of an endpoint config; empty if it does not exist."""
        variants = config_variants(self._clients.sagemaker, config_name)
        return {name: one["InstanceType"] for name, one in variants.items() if "InstanceType" in one}


def connect(settings: Settings, region: str | None = None) -> Account:
    """Return the account and region of the settings.

    Args:
        settings: Credentials, region and AWS endpoint URL.
        region: The region, if the settings have none.
    """
    placed = settings.model_copy(update={"region": settings.region or region})
    return Account(AwsClients(open_session(placed), placed))
