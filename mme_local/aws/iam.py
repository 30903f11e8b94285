"""IAM with AWS's own managed policies, each created when it is first used."""

from __future__ import annotations

import json
from functools import cache
from types import ModuleType
from typing import Any

from moto.iam import urls
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, IAMBackend, ManagedPolicy

_AWS_OWNED = ":iam::aws:policy/"


@cache
def _documents() -> dict[str, dict[str, Any]]:
    """Return moto's copy of AWS's managed policies by name."""
    documents: dict[str, dict[str, Any]] = json.loads(aws_managed_policies_data)
    return documents


class EmbeddedIam(IAMBackend):
    """moto's IAM for `cdk bootstrap`, which attaches AWS's ReadOnlyAccess and AdministratorAccess to its
    roles.

    moto itself either has none of AWS's policies or creates all of them for every partition: half a second,
    90 MB.
    """

    @property
    def _url_module(self) -> ModuleType:
        """moto's routes; by default moto looks next to the backend's class."""
        return urls

    def attach_role_policy(self, policy_arn: str, role_name: str) -> None:
        self._ensure(policy_arn)
        super().attach_role_policy(policy_arn, role_name)

    def attach_group_policy(self, policy_arn: str, group_name: str) -> None:
        self._ensure(policy_arn)
        super().attach_group_policy(policy_arn, group_name)

    def attach_user_policy(self, policy_arn: str, user_name: str) -> None:
        self._ensure(policy_arn)
        super().attach_user_policy(policy_arn, user_name)

    def get_policy(self, policy_arn: str) -> ManagedPolicy:
        self._ensure(policy_arn)
        return super().get_policy(policy_arn)

    def _ensure(self, policy_arn: str) -> None:
        name = policy_arn.rpartition("/")[2]
        if policy_arn in self.managed_policies or _AWS_OWNED not in policy_arn or name not in _documents():
            return
        policy = AWSManagedPolicy.from_data(name, self.account_id, self.region_name, _documents()[name])
        # an ARN with a wrong path stays unknown
        self.managed_policies[policy.arn] = policy
