"""The role of the containers as a stack grants it rights."""

from __future__ import annotations

from aws_cdk import Stack, aws_iam
from constructs import Construct


def local_role(scope: Construct, role: aws_iam.IRole) -> aws_iam.IRole:
    """Return the role, or an import of it if another stack defines it.

    The rights name this stack's resources. In a policy of the role's own stack they would make that stack
    depend on this one, which depends on it: a cycle.

    Args:
        scope: The construct that uses the role.
        role: Role of the containers.
    """
    if not isinstance(role, aws_iam.Role) or Stack.of(role) is Stack.of(scope):
        return role
    return aws_iam.Role.from_role_name(scope, "SharedRole", role.role_name)
