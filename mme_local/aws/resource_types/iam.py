"""AWS::IAM::Role, Policy (inline), ManagedPolicy and OIDCProvider."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from mme_local.aws.cloudformation.resource import Physical, Properties, Request, ResourceType, changed

_LONGEST_NAME = 64  # RoleName; policies take 128
_PRINCIPALS = {"Roles": ("role", "RoleName"), "Users": ("user", "UserName"), "Groups": ("group", "GroupName")}


class Role:
    """A role with its trust, inline and managed policies. Ref is its name."""

    name_property = "RoleName"

    def replaces(self, before: Properties, after: Properties) -> bool:
        """A change of name or path."""
        return bool(changed(before, after) & {"RoleName", "Path"})

    def create(self, request: Request, properties: Properties) -> Physical:
        """CreateRole, then its policies."""
        name = properties.get("RoleName") or request.generated_name(_LONGEST_NAME)
        made = {
            "RoleName": name,
            "AssumeRolePolicyDocument": _json(properties["AssumeRolePolicyDocument"]),
            "Tags": properties.get("Tags") or [],
        }
        for member in ("Description", "MaxSessionDuration", "Path", "PermissionsBoundary"):
            if member in properties:
                made[member] = properties[member]
        role = request.aws.call("iam", "create_role", made)["Role"]
        self._settle(request, name, {}, properties)
        return Physical(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:
        """Everything but name and path, in place."""
        name = {"RoleName": physical.id}
        trust = {"PolicyDocument": _json(after["AssumeRolePolicyDocument"])}
        request.aws.call("iam", "update_assume_role_policy", {**name, **trust})
        described = {"Description": after.get("Description", "")}
        if "MaxSessionDuration" in after:
            described["MaxSessionDuration"] = after["MaxSessionDuration"]
        request.aws.call("iam", "update_role", {**name, **described})
        if boundary := after.get("PermissionsBoundary"):
            request.aws.call(
                "iam", "put_role_permissions_boundary", {**name, "PermissionsBoundary": boundary}
            )
        elif "PermissionsBoundary" in before:
            request.aws.call("iam", "delete_role_permissions_boundary", name)
        gone = [tag["Key"] for tag in before.get("Tags") or [] if tag not in (after.get("Tags") or [])]
        request.aws.call("iam", "untag_role", {**name, "TagKeys": gone})
        request.aws.call("iam", "tag_role", {**name, "Tags": after.get("Tags") or []})
        self._settle(request, physical.id, before, after)
        return physical

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:
        """Let go of the template's own policies, then DeleteRole, which refuses while others are attached."""
        self._settle(request, physical.id, properties, {})
        _unless_missing(request, "delete_role", {"RoleName": physical.id})

    def _settle(self, request: Request, name: str, before: Properties, after: Properties) -> None:
        inline = {policy["PolicyName"]: policy["PolicyDocument"] for policy in after.get("Policies") or []}
        for policy, document in inline.items():
            put = {"RoleName": name, "PolicyName": policy, "PolicyDocument": _json(document)}
            request.aws.call("iam", "put_role_policy", put)
        for policy in before.get("Policies") or []:
            if policy["PolicyName"] not in inline:
                gone = {"RoleName": name, "PolicyName": policy["PolicyName"]}
                _unless_missing(request, "delete_role_policy", gone)
        managed = set(after.get("ManagedPolicyArns") or [])
        for arn in sorted(managed):
            request.aws.call("iam", "attach_role_policy", {"RoleName": name, "PolicyArn": arn})
        for arn in sorted(set(before.get("ManagedPolicyArns") or []) - managed):
            _unless_missing(request, "detach_role_policy", {"RoleName": name, "PolicyArn": arn})


class Policy:
    """A policy written into roles, users and groups. Ref is its name."""

    name_property = None  # one name may be written into many principals, so a replacement never collides

    def replaces(self, before: Properties, after: Properties) -> bool:
        """A change of the name."""
        return bool(before["PolicyName"] != after["PolicyName"])

    def create(self, request: Request, properties: Properties) -> Physical:
        """Put*Policy for every principal."""
        for noun, member, principal in _principals(properties):
            put = {
                member: principal,
                "PolicyName": properties["PolicyName"],
                "PolicyDocument": _json(properties["PolicyDocument"]),
            }
            request.aws.call("iam", f"put_{noun}_policy", put)
        return Physical(properties["PolicyName"], {"Id": properties["PolicyName"]})

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:
        """Write it again, and take it from the principals that are no longer named."""
        left = [one for one in _principals(before) if one not in _principals(after)]
        self.create(request, after)
        self._take(request, physical.id, left)
        return physical

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:
        """Delete*Policy for every principal."""
        self._take(request, physical.id, _principals(properties))

    def _take(self, request: Request, name: str, principals: list[tuple[str, str, str]]) -> None:
        for noun, member, principal in principals:
            _unless_missing(request, f"delete_{noun}_policy", {member: principal, "PolicyName": name})


class ManagedPolicy:
    """A customer-managed policy. Ref is its ARN."""

    name_property = "ManagedPolicyName"

    def replaces(self, before: Properties, after: Properties) -> bool:
        """A change of name, path or description."""
        return bool(changed(before, after) & {"ManagedPolicyName", "Path", "Description"})

    def create(self, request: Request, properties: Properties) -> Physical:
        """CreatePolicy, then attach it."""
        made = {
            "PolicyName": properties.get("ManagedPolicyName") or request.generated_name(2 * _LONGEST_NAME),
            "PolicyDocument": _json(properties["PolicyDocument"]),
        }
        for member in ("Description", "Path"):
            if member in properties:
                made[member] = properties[member]
        arn = request.aws.call("iam", "create_policy", made)["Policy"]["Arn"]
        for noun, member, principal in _principals(properties):
            request.aws.call("iam", f"attach_{noun}_policy", {member: principal, "PolicyArn": arn})
        return Physical(arn, {"PolicyArn": arn})

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:
        """A new default version, the old one deleted; attached to and detached from who changed."""
        arn = {"PolicyArn": physical.id}
        if before["PolicyDocument"] != after["PolicyDocument"]:
            old = request.aws.call("iam", "get_policy", arn)["Policy"]["DefaultVersionId"]
            new = {**arn, "PolicyDocument": _json(after["PolicyDocument"]), "SetAsDefault": True}
            request.aws.call("iam", "create_policy_version", new)
            request.aws.call("iam", "delete_policy_version", {**arn, "VersionId": old})
        for noun, member, principal in _principals(after):
            request.aws.call("iam", f"attach_{noun}_policy", {member: principal, **arn})
        for noun, member, principal in _principals(before):
            if (noun, member, principal) not in _principals(after):
                _unless_missing(request, f"detach_{noun}_policy", {member: principal, **arn})
        return physical

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:
        """Detach it from the template's principals, then DeletePolicy."""
        for noun, member, principal in _principals(properties):
            _unless_missing(request, f"detach_{noun}_policy", {member: principal, "PolicyArn": physical.id})
        _unless_missing(request, "delete_policy", {"PolicyArn": physical.id})


class OidcProvider:
    """An identity provider of OpenID Connect. Ref is its ARN (CloudFormation user guide)."""

    name_property = None

    def replaces(self, before: Properties, after: Properties) -> bool:
        """A change of the issuer."""
        return "Url" in changed(before, after)

    def create(self, request: Request, properties: Properties) -> Physical:
        """CreateOpenIDConnectProvider."""
        made = {
            "Url": properties["Url"],
            "ClientIDList": properties.get("ClientIdList") or [],
            "ThumbprintList": properties.get("ThumbprintList") or [],
            "Tags": properties.get("Tags") or [],
        }
        arn = request.aws.call("iam", "create_open_id_connect_provider", made)["OpenIDConnectProviderArn"]
        return Physical(arn, {"Arn": arn})

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:
        """Made again under the same ARN, as moto can't change the clients: in place for all who look."""
        self.delete(request, physical, before)
        return self.create(request, after)

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """DeleteOpenIDConnectProvider."""
        arn = {"OpenIDConnectProviderArn": physical.id}
        _unless_missing(request, "delete_open_id_connect_provider", arn)


def _principals(properties: Properties) -> list[tuple[str, str, str]]:
    """What a policy is attached to, as (role, RoleName, name)."""
    return [(*_PRINCIPALS[kind], name) for kind in _PRINCIPALS for name in properties.get(kind) or []]


def _json(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


def _unless_missing(request: Request, operation: str, parameters: dict[str, Any]) -> None:
    """Run a delete; one of something already gone is done."""
    try:
        request.aws.call("iam", operation, parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise


TYPES: dict[str, Callable[[], ResourceType]] = {
    "AWS::IAM::ManagedPolicy": ManagedPolicy,
    "AWS::IAM::OIDCProvider": OidcProvider,
    "AWS::IAM::Policy": Policy,
    "AWS::IAM::Role": Role,
}
