"""Read what is deployed and running."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mme.aws.clients import AwsClients, open_session
from mme.aws.settings import Settings
from mme.operate.endpoint_state import config_variants, find_endpoint
from mme.operate.log_events import has_log_group
from mme.operate.scaling_state import scalable_targets
from mme.operate.stacks import last_of_arn, read_stack, stack_template


@dataclass(frozen=True)
class DeployedStack:
    """A deployed stack.

    Attributes:
        name: Name.
        account: Account number.
        status: Such as `UPDATE_COMPLETE`.
        template: The template as it was sent; None if it is not JSON.
        parameters: Parameter values, with SSM parameters resolved.
    """

    name: str
    account: str
    status: str
    template: Mapping[str, Any] | None
    parameters: Mapping[str, str]


@dataclass(frozen=True)
class LiveVariant:
    """A running variant.

    Attributes:
        name: Name.
        instance_type: None for a serverless variant, or if the endpoint config was deleted.
        instance_count: Number of wanted instances.
        registered: Whether it is a scalable target of Application Auto Scaling.
    """

    name: str
    instance_type: str | None
    instance_count: int
    registered: bool


@dataclass(frozen=True)
class LiveEndpoint:
    """A running endpoint.

    Attributes:
        name: Name.
        status: Such as `InService`.
        failure: SageMaker's reason of a failure; may be empty.
        variants: By name.
    """

    name: str
    status: str
    failure: str
    variants: Mapping[str, LiveVariant]


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

    def stack(self, name: str) -> DeployedStack | None:
        """Return a stack; None if it does not exist."""
        stack = read_stack(self._clients.cloudformation, name)
        if stack is None:
            return None
        account = stack.id.split(":")[4] if ":" in stack.id else ""
        template = stack_template(self._clients.cloudformation, name, "Original")
        return DeployedStack(name, account, stack.status, template, stack.parameters)

    def physical_name(self, stack: str, logical_id: str) -> str:
        """Return the name that CloudFormation generated for a resource.

        Args:
            stack: Name of the stack.
            logical_id: The resource.
        """
        detail = self._clients.cloudformation.describe_stack_resource(
            StackName=stack, LogicalResourceId=logical_id
        )
        return last_of_arn(detail["StackResourceDetail"].get("PhysicalResourceId", ""))

    def endpoint(self, name: str) -> LiveEndpoint | None:
        """Return an endpoint; None if it does not exist."""
        found = find_endpoint(self._clients.sagemaker, name)
        if found is None:
            return None
        targets = scalable_targets(self._clients.scaling, name, [one.name for one in found.variants])
        variants = {
            one.name: LiveVariant(
                name=one.name,
                instance_type=one.instance_type or None,
                instance_count=one.current or 0 if one.desired is None else one.desired,
                registered=one.name in targets,
            )
            for one in found.variants
        }
        return LiveEndpoint(name, found.status, found.failure_reason, variants)

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
