"""The names that the endpoints of a stack have: no two may share one."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from aws_cdk import Stack
from constructs import Construct

from mme_cdk._internal.validation import known, require

_claimed: WeakKeyDictionary[Stack, dict[str, str]] = WeakKeyDictionary()


def claim_name(endpoint: Construct, name: str) -> None:
    """Keep a name for an endpoint; SageMaker tells names apart whatever their case.

    Args:
        endpoint: whose name it is to be.
        name: the name.

    Raises:
        PropsError: another endpoint of the stack has that name.
    """
    if not known(name):
        return
    claimed = _claimed.setdefault(Stack.of(endpoint), {})
    owner = claimed.setdefault(name.lower(), endpoint.node.path)
    require(
        f"endpoint_name {name} is the name of {owner}, too: give one of them another"
        if owner != endpoint.node.path
        else None,
        at=endpoint,
    )
