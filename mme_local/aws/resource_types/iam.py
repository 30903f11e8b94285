"""AWS::IAM::Role, Policy (inline), ManagedPolicy and OIDCProvider."""

from __future__ import annotations

from typing import Any

from mme_local.aws.resource_types.api_type import ApiType, Calls
from mme_local.aws.resource_types.handler import (
    Physical,
    Properties,
    ResourceRequest,
    ResourceType,
)

_PRINCIPALS = {"Roles": ("role", "RoleName"), "Users": ("user", "UserName"), "Groups": ("group", "GroupName")}
_MISSING = "NoSuchEntity"


class RoleType(ApiType):
    """A role with its trust, inline and managed policies. Ref is its name."""

    def update(self, request: ResourceRequest) -> Physical:
        name, after = request.physical.id, request.properties
        trust = after["AssumeRolePolicyDocument"]
        request.call("iam", "update_assume_role_policy", RoleName=name, PolicyDocument=trust)
        described = {"Description": after.get("Description", ""), **request.select("MaxSessionDuration")}
        request.call("iam", "update_role", RoleName=name, **described)
        if boundary := request.select("PermissionsBoundary"):
            request.call("iam", "put_role_permissions_boundary", RoleName=name, **boundary)
        elif "PermissionsBoundary" in request.previous:
            request.call("iam", "delete_role_permissions_boundary", RoleName=name)
        return super().update(request)

    def settle(self, request: ResourceRequest, id: str) -> None:
        self._set_policies(request, id, request.previous, request.properties)

    def delete(self, request: ResourceRequest) -> None:
        """Remove the template's own policies, then DeleteRole, which refuses while others are attached."""
        self._set_policies(request, request.physical.id, request.properties, {})
        super().delete(request)

    def _set_policies(
        self, request: ResourceRequest, role: str, before: Properties, after: Properties
    ) -> None:
        inline = {policy["PolicyName"]: policy["PolicyDocument"] for policy in after.get("Policies") or []}
        for name, document in inline.items():
            policy = {"PolicyName": name, "PolicyDocument": document}
            request.call("iam", "put_role_policy", RoleName=role, **policy)
        for name in {policy["PolicyName"] for policy in before.get("Policies") or []} - set(inline):
            request.call_unless(_MISSING, "iam", "delete_role_policy", RoleName=role, PolicyName=name)
        managed = set(after.get("ManagedPolicyArns") or [])
        for arn in sorted(managed):
            request.call("iam", "attach_role_policy", RoleName=role, PolicyArn=arn)
        for arn in set(before.get("ManagedPolicyArns") or []) - managed:
            request.call_unless(_MISSING, "iam", "detach_role_policy", RoleName=role, PolicyArn=arn)


class InlinePolicyType(ResourceType):
    """A policy in roles, users and groups. Ref is its name."""

    # no name_property: a policy of the same name in other principals does not collide
    create_only = frozenset({"PolicyName"})

    def create(self, request: ResourceRequest) -> Physical:
        policy = request.select("PolicyName", "PolicyDocument")
        _of_principals(request, "put", _principals(request.properties), **policy)
        return Physical(policy["PolicyName"], {"Id": policy["PolicyName"]})

    def update(self, request: ResourceRequest) -> Physical:
        physical = self.create(request)
        removed = _principals(request.previous) - _principals(request.properties)
        _of_principals(request, "delete", removed, PolicyName=physical.id)
        return physical

    def delete(self, request: ResourceRequest) -> None:
        _of_principals(request, "delete", _principals(request.properties), PolicyName=request.physical.id)


class ManagedPolicyType(ApiType):
    """A customer-managed policy. Ref is its ARN."""

    def update(self, request: ResourceRequest) -> Physical:
        """Create a new default version and delete the old one; then attach and detach."""
        arn, document = request.physical.id, request.properties["PolicyDocument"]
        if "PolicyDocument" in request.changed:
            old = request.call("iam", "get_policy", PolicyArn=arn)["Policy"]["DefaultVersionId"]
            new = {"PolicyDocument": document, "SetAsDefault": True}
            request.call("iam", "create_policy_version", PolicyArn=arn, **new)
            request.call("iam", "delete_policy_version", PolicyArn=arn, VersionId=old)
        return super().update(request)

    def settle(self, request: ResourceRequest, id: str) -> None:
        before, after = _principals(request.previous), _principals(request.properties)
        _of_principals(request, "attach", after, PolicyArn=id)
        _of_principals(request, "detach", before - after, PolicyArn=id)

    def delete(self, request: ResourceRequest) -> None:
        _of_principals(request, "detach", _principals(request.properties), PolicyArn=request.physical.id)
        super().delete(request)


class OidcProviderType(ApiType):
    """An OpenID Connect identity provider. Ref is its ARN (CloudFormation user guide)."""

    def update(self, request: ResourceRequest) -> Physical:
        """Create it again under the same ARN, because moto cannot change its clients."""
        self.delete(request)
        return self.create(request)


def _of_principals(
    request: ResourceRequest, verb: str, principals: set[tuple[str, str, str]], **policy: Any
) -> None:
    """Put, delete, attach or detach a policy; one that is deleted already is no error."""
    for noun, member, principal in sorted(principals):
        missing = _MISSING if verb in {"delete", "detach"} else "\0"
        request.call_unless(missing, "iam", f"{verb}_{noun}_policy", **{member: principal}, **policy)


def _principals(properties: Properties) -> set[tuple[str, str, str]]:
    """Return the principals of a policy as (role, RoleName, name)."""
    return {(*_PRINCIPALS[kind], name) for kind in _PRINCIPALS for name in properties.get(kind) or []}


TYPES = {
    "AWS::IAM::ManagedPolicy": ManagedPolicyType(
        Calls("iam", "create_policy", "delete_policy", "PolicyArn"),
        "{answer[Policy][Arn]}",
        attributes={"PolicyArn": "{id}"},
        named="ManagedPolicyName",
        longest=128,
        create_only=("Description", "Path"),
        renamed={"ManagedPolicyName": "PolicyName"},
        separate=_PRINCIPALS,
        tagged=False,
        missing=_MISSING,
    ),
    "AWS::IAM::OIDCProvider": OidcProviderType(
        Calls(
            "iam",
            "create_open_id_connect_provider",
            "delete_open_id_connect_provider",
            "OpenIDConnectProviderArn",
        ),
        "{answer[OpenIDConnectProviderArn]}",
        attributes={"Arn": "{id}"},
        create_only=("Url",),
        renamed={"ClientIdList": "ClientIDList"},
        tagged=False,
        missing=_MISSING,
    ),
    "AWS::IAM::Policy": InlinePolicyType(),
    "AWS::IAM::Role": RoleType(
        Calls("iam", "create_role", "delete_role", "RoleName"),
        attributes={"Arn": "{answer[Role][Arn]}", "RoleId": "{answer[Role][RoleId]}"},
        named="RoleName",
        longest=64,
        create_only=("Path",),
        separate=("ManagedPolicyArns", "Policies"),
        missing=_MISSING,
    ),
}
