"""The size of a managed policy against IAM's limit."""

from __future__ import annotations

from typing import Any, Final

import jsii
from aws_cdk import Stack, aws_iam
from constructs import IValidation

from mme.catalog.limits import MANAGED_POLICY_MAX_CHARS

# Shortest possible values: a policy that may fit is not a fault.
_PSEUDO: Final = {"AWS::Partition": 3, "AWS::Region": 9, "AWS::AccountId": 12, "AWS::URLSuffix": 13}


@jsii.implements(IValidation)
class PolicySize:
    """Checks the size at synth, when all grants are made."""

    def __init__(self, policy: aws_iam.ManagedPolicy) -> None:
        """Check this policy."""
        self._policy = policy

    def validate(self) -> list[str]:
        """Return the fault of a policy that is too long even if its references are short."""
        statements = Stack.of(self._policy).resolve(self._policy.document)["Statement"]
        length = least_chars({"Version": "2012-10-17", "Statement": statements})
        if length <= MANAGED_POLICY_MAX_CHARS:
            return []
        return [
            f"the {len(statements)} statements of the role's policy have at least {length} characters; IAM "
            f"takes {MANAGED_POLICY_MAX_CHARS}: grant shared prefixes and repositories instead of single "
            "ones, or add some in a separate policy with role.add_managed_policy(...)"
        ]


def least_chars(node: Any) -> int:
    """Return the length of a resolved template's compact JSON, with each reference at its shortest.

    Args:
        node: Strings, numbers, lists and mappings, including CloudFormation's functions.
    """
    if isinstance(node, str):
        return len(node) + 2
    if isinstance(node, list):
        return sum(map(least_chars, node)) + max(len(node) - 1, 0) + 2
    if not isinstance(node, dict):
        return len(str(node))
    if len(node) == 1:
        ((name, value),) = node.items()
        if name == "Fn::Join":
            separator, parts = value
            if isinstance(parts, list):
                return sum(least_chars(part) - 2 for part in parts) + len(separator) * (len(parts) - 1) + 2
        if name == "Ref" or name.startswith("Fn::"):
            return _PSEUDO.get(value, 1) + 2 if isinstance(value, str) else 3
    return sum(len(key) + 3 + least_chars(value) for key, value in node.items()) + max(len(node) - 1, 0) + 2
