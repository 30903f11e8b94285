"""AWS::IAM::Role, Policy (inline), ManagedPolicy and OIDCProvider."""

from __future__ import annotations

from mme_local.aws.resource_types.api_type import ApiType, Calls
from mme_local.aws.resource_types.handler import (
    Physical,
    Properties,
    ResourceRequest,
    ResourceType,
)

_LONGEST_NAME = 64  # RoleName; policies allow 128
_PRINCIPALS = {"Roles": ("role", "RoleName"), "Users": ("user", "UserName"), "Groups": ("group", "GroupName")}
_MISSING = "NoSuchEntity"


class RoleType(ResourceType):
    """A role with its trust, inline and managed policies. Ref is its name."""

    name_property = "RoleName"
    create_only = frozenset({"RoleName", "Path"})

    def create(self, request: ResourceRequest) -> Physical:
        name = request.name("RoleName", _LONGEST_NAME)
        role = request.call(
            "iam",
            "create_role",
            RoleName=name,
            AssumeRolePolicyDocument=request.properties["AssumeRolePolicyDocument"],
            Tags=request.properties.get("Tags") or [],
            **request.select("Description", "MaxSessionDuration", "Path", "PermissionsBoundary"),
        )["Role"]
        self._set_policies(request, name, {}, request.properties)
        return Physical(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})

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
        request.update_tags("iam", request.physical)
        self._set_policies(request, name, request.previous, after)
        return request.physical

    def delete(self, request: ResourceRequest) -> None:
        """Remove the template's own policies, then DeleteRole, which refuses while others are attached."""
        self._set_policies(request, request.physical.id, request.properties, {})
        request.call_unless(_MISSING, "iam", "delete_role", RoleName=request.physical.id)

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
        name, document = request.properties["PolicyName"], request.properties["PolicyDocument"]
        for noun, member, principal in _principals(request.properties):
            policy = {member: principal, "PolicyName": name, "PolicyDocument": document}
            request.call("iam", f"put_{noun}_policy", **policy)
        return Physical(name, {"Id": name})

    def update(self, request: ResourceRequest) -> Physical:
        physical = self.create(request)
        self._remove(request, _principals(request.previous) - _principals(request.properties))
        return physical

    def delete(self, request: ResourceRequest) -> None:
        self._remove(request, _principals(request.properties))

    def _remove(self, request: ResourceRequest, principals: set[tuple[str, str, str]]) -> None:
        for noun, member, principal in principals:
            policy = {member: principal, "PolicyName": request.physical.id}
            request.call_unless(_MISSING, "iam", f"delete_{noun}_policy", **policy)


class ManagedPolicyType(ResourceType):
    """A customer-managed policy. Ref is its ARN."""

    name_property = "ManagedPolicyName"
    create_only = frozenset({"ManagedPolicyName", "Path", "Description"})

    def create(self, request: ResourceRequest) -> Physical:
        arn = request.call(
            "iam",
            "create_policy",
            PolicyName=request.name("ManagedPolicyName", 2 * _LONGEST_NAME),
            PolicyDocument=request.properties["PolicyDocument"],
            **request.select("Description", "Path"),
        )["Policy"]["Arn"]
        self._attach(request, arn)
        return Physical(arn, {"PolicyArn": arn})

    def update(self, request: ResourceRequest) -> Physical:
        """Create a new default version, delete the old one, attach and detach."""
        arn = request.physical.id
        if request.previous["PolicyDocument"] != request.properties["PolicyDocument"]:
            old = request.call("iam", "get_policy", PolicyArn=arn)["Policy"]["DefaultVersionId"]
            new = {
                "PolicyDocument": request.properties["PolicyDocument"],
                "SetAsDefault": True,
            }
            request.call("iam", "create_policy_version", PolicyArn=arn, **new)
            request.call("iam", "delete_policy_version", PolicyArn=arn, VersionId=old)
        self._attach(request, arn)
        self._detach(request, _principals(request.previous) - _principals(request.properties))
        return request.physical

    def delete(self, request: ResourceRequest) -> None:
        self._detach(request, _principals(request.properties))
        request.call_unless(_MISSING, "iam", "delete_policy", PolicyArn=request.physical.id)

    def _attach(self, request: ResourceRequest, arn: str) -> None:
        for noun, member, principal in _principals(request.properties):
            request.call("iam", f"attach_{noun}_policy", **{member: principal, "PolicyArn": arn})

    def _detach(self, request: ResourceRequest, principals: set[tuple[str, str, str]]) -> None:
        for noun, member, principal in principals:
            policy = {member: principal, "PolicyArn": request.physical.id}
            request.call_unless(_MISSING, "iam", f"detach_{noun}_policy", **policy)


class OidcProviderType(ApiType):
    """An OpenID Connect identity provider. Ref is its ARN (CloudFormation user guide)."""

    def update(self, request: ResourceRequest) -> Physical:
        """Create it again under the same ARN, because moto cannot change its clients."""
        self.delete(request)
        return self.create(request)


def _principals(properties: Properties) -> set[tuple[str, str, str]]:
    """Return the principals of a policy as (role, RoleName, name)."""
    return {(*_PRINCIPALS[kind], name) for kind in _PRINCIPALS for name in properties.get(kind) or []}


TYPES = {
    "AWS::IAM::ManagedPolicy": ManagedPolicyType(),
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
    "AWS::IAM::Role": RoleType(),
}
