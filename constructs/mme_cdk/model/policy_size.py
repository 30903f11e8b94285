"""Whether a managed policy fits into what IAM takes."""

from __future__ import annotations

from typing import Any, Final

import jsii
from aws_cdk import Stack, aws_iam
from constructs import IValidation

from mme.catalog.limits import MANAGED_POLICY_MAX_CHARS

# The shortest that each can become: what only deployment knows must not make a fault of what may fit.
_PSEUDO: Final = {"AWS::Partition": 3, "AWS::Region": 9, "AWS::AccountId": 12, "AWS::URLSuffix": 13}


@jsii.implements(IValidation)
class PolicySize:
    """Called by CDK at synth, when every grant has been made."""

    def __init__(self, policy: aws_iam.ManagedPolicy) -> None:
        """Check this policy."""
        self._policy = policy

    def validate(self) -> list[str]:
        """The fault of a policy that is too long however short its references turn out; empty = none."""
        statements = Stack.of(self._policy).resolve(self._policy.document)["Statement"]
        length = least_chars({"Version": "2012-10-17", "Statement": statements})
        if length <= MANAGED_POLICY_MAX_CHARS:
            return []
        return [
            f"the {len(statements)} statements of the role's policy take at least {length} characters, and "
            f"IAM takes {MANAGED_POLICY_MAX_CHARS}: grant prefixes and repositories that many share rather "
            "than one by one, or put some into a policy of their own and give it to the role by "
            "role.add_managed_policy(...)"
        ]


def least_chars(node: Any) -> int:
    """The length of a resolved template's JSON without white space, each reference at its shortest.

    Args:
        node: texts, numbers, lists, mappings, and CloudFormation's functions among them.
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
