"""Policies of a role that an update replaces, so that rights widen before a change and narrow after it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Final, cast

import jsii
from aws_cdk import CfnDeletionPolicy, CfnResource, Stack, aws_iam
from constructs import IValidation

_DIGITS: Final = 8
# How aws-cdk names an inline policy: the end of its logical id (`generatePolicyName` in aws-iam).
_NAME_MAX_CHARS: Final = 128


@jsii.implements(IValidation)
class PolicyGeneration:
    """Gives the policies of a role logical ids that follow their statements, at synth.

    An update creates a policy of a new id first, and deletes the one of the old id at its end, when the
    endpoint has moved. Changed in place, the policy would take the old fleet's rights before the new fleet
    serves, and that fleet could load no model: during a canary, and after a rollback.
    """

    def __init__(self, role: aws_iam.IRole) -> None:
        """Take the role, whose policies may get statements until synth.

        Args:
            role: Role of the containers.
        """
        self._role = role
        self._generated: set[str] = set()  # paths of inline policies whose name is not the user's

    def validate(self) -> list[str]:
        """Set the ids; there are no faults."""
        for policy in self._policies():
            stack, resource = Stack.of(policy), policy.node.default_child
            base = stack.get_logical_id(cast(CfnResource, resource))
            statements = json.dumps(stack.resolve(policy.document), sort_keys=True)
            id = f"{base}{hashlib.sha256(statements.encode()).hexdigest()[:_DIGITS]}"
            # A retained policy would never go, and a fixed name would collide with itself: both stay.
            if cast(CfnResource, resource).cfn_options.deletion_policy is CfnDeletionPolicy.RETAIN:
                continue
            if isinstance(resource, aws_iam.CfnManagedPolicy):
                if stack.resolve(resource.managed_policy_name) is None:
                    resource.override_logical_id(id)
            elif isinstance(resource, aws_iam.CfnPolicy):
                name, path = stack.resolve(resource.policy_name), policy.node.path
                if name == base[-_NAME_MAX_CHARS:]:
                    self._generated.add(path)
                if path in self._generated:
                    resource.override_logical_id(id)
                    resource.policy_name = id[-_NAME_MAX_CHARS:]
        return []

    def _policies(self) -> Iterator[aws_iam.Policy | aws_iam.ManagedPolicy]:
        for child in self._role.node.children:
            if isinstance(child, aws_iam.Policy | aws_iam.ManagedPolicy):
                yield child
