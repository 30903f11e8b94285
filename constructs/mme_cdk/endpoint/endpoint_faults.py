"""What is wrong with names, ARNs and actions of endpoints."""

from __future__ import annotations

import re
from typing import Final

from mme.catalog.limits import ENDPOINT_NAME_MAX_CHARS, ENDPOINT_NAME_PATTERN
from mme_cdk._internal.validation import known

# What only the app that defines an endpoint can do, and what to do instead.
_NOT_HERE: Final = {
    "add_monitoring": 'use EndpointMonitoring(self, "Monitoring", endpoint=imported)',
    "add_outputs": "write its outputs where it is defined",
    "add_rollback_alarm": "add the alarm where it is defined",
    "apply_removal_policy": "set the policy where it is defined",
    "auto_scale_instance_count": "scale it where it is defined",
    "connections": "import its security group: ec2.SecurityGroup.from_security_group_id(...)",
    "grant_principal": "import its role: iam.Role.from_role_arn(...)",
    "model": "keep a reference to the MultiModelEndpoint that defines it",
    "role": "import its role: iam.Role.from_role_arn(...)",
}


def missing_attribute(kind: str, name: str) -> str:
    """Return the message about an attribute that an imported endpoint does not have.

    Args:
        kind: Its class.
        name: The attribute.
    """
    if hint := _NOT_HERE.get(name):
        return f"an imported endpoint has no {name}, as this app does not define it: {hint}"
    return f"{kind!r} object has no attribute {name!r}"


def name_fault(name: str) -> str | None:
    """Return why a name is not one of an endpoint."""
    if not name:
        return "endpoint_name is empty: give a name, or leave it out for one derived from the path"
    if not known(name) or (
        len(name) <= ENDPOINT_NAME_MAX_CHARS and re.fullmatch(ENDPOINT_NAME_PATTERN, name) is not None
    ):
        return None
    return (
        f"endpoint_name {name} is not valid: use at most {ENDPOINT_NAME_MAX_CHARS} letters, digits and "
        "hyphens, starting and ending with a letter or digit"
    )


def action_fault(action: str) -> str | None:
    """Return why a string is no IAM action."""
    if not known(action) or re.fullmatch(r"[\w-]+:[\w*?]+", action):
        return None
    return f'"{action}" is not an IAM action: write SERVICE:ACTION, such as sagemaker:InvokeEndpoint'


def arn_fault(arn: str | None, name: str | None) -> str | None:
    """Return why an ARN is not the one of the endpoint.

    Args:
        arn: None passes.
        name: The endpoint's name; None = not given.
    """
    if arn is None or not known(arn):
        return None
    match = re.fullmatch(r"arn:[\w-]+:sagemaker:[\w-]+:\d{12}:endpoint/([^/]+)", arn)
    if match is None:
        return f"{arn} is not an endpoint's ARN: use arn:aws:sagemaker:REGION:ACCOUNT:endpoint/NAME"
    if name is not None and known(name) and name.lower() != match[1].lower():
        return f"endpoint_name {name} is not the name in {arn}: give one of them"
    return None
