"""Read what is deployed and running."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

from mme.aws.clients import AwsClients, open_session
from mme.aws.settings import Settings
from mme.operate.aws_errors import DENIED, error_code
from mme.operate.endpoint_state import EndpointState, config_variants, find_endpoint
from mme.operate.log_events import has_log_group
from mme.operate.preflight.quota_checks import QuotaRoom
from mme.operate.quotas import endpoint_quotas, instances_of_others
from mme.operate.scaling_state import ScalingState, read_scaling, scalable_targets
from mme.operate.stacks import StackState, last_of_arn, read_stack, stack_template


class Account:
    """Read-only access to an account and region.

    Args:
        clients: boto3 clients.
        local: Whether this is the local endpoint, which has no quotas.
    """

    def __init__(self, clients: AwsClients, *, local: bool = False) -> None:
        self._clients = clients
        self._local = local

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

    def quota_room(self, endpoint: str, instance_types: Collection[str]) -> dict[str, QuotaRoom]:
        """Return what the account's quotas leave for an endpoint; nothing if they can't be read.

        Args:
            endpoint: Its name.
            instance_types: Its types, now and then.
        """
        if self._local or not instance_types:
            return {}
        from botocore.exceptions import ClientError

        try:
            quotas = endpoint_quotas(self._clients.quotas, instance_types)
            others = instances_of_others(self._clients.sagemaker, endpoint) if quotas else Counter()
        except ClientError as error:
            if error_code(error) not in DENIED:
                raise
            return {}
        return {kind: QuotaRoom(quota, others[kind]) for kind, quota in quotas.items()}

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
    return Account(AwsClients(open_session(placed), placed), local=settings.on_this_machine)
