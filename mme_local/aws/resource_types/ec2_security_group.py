"""AWS::EC2::SecurityGroup, SecurityGroupIngress and SecurityGroupEgress. Ref of a group is its id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mme_local.aws.cloudformation.resource import Physical, Properties, Request, ResourceType, changed
from mme_local.aws.resource_types.ec2 import refuse_others, retag, specification

_LONGEST_NAME = 255
_FIXED = frozenset({"GroupDescription", "GroupName", "VpcId"})
_EVERYWHERE = {"CidrIp": "0.0.0.0/0", "IpProtocol": "-1"}

# A rule's peer in CloudFormation's words: the list of the API, and the name in that list's members.
_PEERS = {
    "CidrIp": ("IpRanges", "CidrIp"),
    "CidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
    "DestinationPrefixListId": ("PrefixListIds", "PrefixListId"),
    "DestinationSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    "SourcePrefixListId": ("PrefixListIds", "PrefixListId"),
    "SourceSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
}


class SecurityGroup:
    """A group with its rules; without rules of its own for egress it keeps the one that allows everything."""

    name_property = "GroupName"

    def replaces(self, before: Properties, after: Properties) -> bool:
        """A change of the name, the description or the VPC."""
        return bool(changed(before, after) & _FIXED)

    def create(self, request: Request, properties: Properties) -> Physical:
        """CreateSecurityGroup, then its rules."""
        provided = _FIXED | {"SecurityGroupEgress", "SecurityGroupIngress", "Tags"}
        refuse_others("AWS::EC2::SecurityGroup", properties, provided)
        name = properties.get("GroupName") or request.generated_name(_LONGEST_NAME)
        made = {"GroupName": name, "Description": properties["GroupDescription"]}
        made |= {"VpcId": properties["VpcId"]} if "VpcId" in properties else {}
        made |= specification("security-group", properties)
        group = request.aws.call("ec2", "create_security_group", made)["GroupId"]
        _change_rules(request, group, {}, properties)
        return Physical(group, {"GroupId": group, "Id": group, "VpcId": properties.get("VpcId", "")})

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:
        """The rules and tags that differ."""
        _change_rules(request, physical.id, before, after)
        retag(request, physical.id, before, after)
        return physical

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """DeleteSecurityGroup."""
        request.aws.call("ec2", "delete_security_group", {"GroupId": physical.id})


class SecurityGroupRule:
    """A rule beside its group, as those between two groups are."""

    name_property = None

    def __init__(self, direction: str) -> None:
        self._direction = direction

    def replaces(self, before: Properties, after: Properties) -> bool:
        """Always: the old rule goes once the new one is there."""
        return before != after

    def create(self, request: Request, properties: Properties) -> Physical:
        """AuthorizeSecurityGroupIngress or -Egress."""
        rule = {name: value for name, value in properties.items() if name != "GroupId"}
        _authorize(request, properties["GroupId"], self._direction, rule)
        id = request.generated_name(_LONGEST_NAME)
        return Physical(id, {"Id": id})

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:
        """Never called, as `replaces` is always true."""
        raise NotImplementedError

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """RevokeSecurityGroupIngress or -Egress."""
        rule = {name: value for name, value in properties.items() if name != "GroupId"}
        _revoke(request, properties["GroupId"], self._direction, rule)


def _change_rules(request: Request, group: str, before: Properties, after: Properties) -> None:
    for direction in ("ingress", "egress"):
        name = f"SecurityGroup{direction.title()}"
        # A new group has EC2's own rule for egress.
        nothing = [_EVERYWHERE] if direction == "egress" else []
        old, new = before.get(name) or nothing, after.get(name) or nothing
        for rule in old:
            if _same(rule) not in map(_same, new):
                _revoke(request, group, direction, rule)
        for rule in new:
            if _same(rule) not in map(_same, old):
                _authorize(request, group, direction, rule)


def _same(rule: Properties) -> dict[str, str]:
    """The rule without its words, and with numbers and their texts alike."""
    return {name: str(value) for name, value in rule.items() if name != "Description"}


def _authorize(request: Request, group: str, direction: str, rule: Properties) -> None:
    permission = {"GroupId": group, "IpPermissions": [_permission(rule)]}
    request.aws.call("ec2", f"authorize_security_group_{direction}", permission)


def _revoke(request: Request, group: str, direction: str, rule: Properties) -> None:
    permission = {"GroupId": group, "IpPermissions": [_permission(rule)]}
    request.aws.call("ec2", f"revoke_security_group_{direction}", permission)


def _permission(rule: Properties) -> dict[str, Any]:
    refuse_others(
        "a rule of AWS::EC2::SecurityGroup",
        rule,
        frozenset({"Description", "FromPort", "IpProtocol", "ToPort", *_PEERS}),
    )
    permission: dict[str, Any] = {
        name: rule[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in rule
    }
    for name, (members, member) in _PEERS.items():
        if name in rule:
            words = {"Description": rule["Description"]} if "Description" in rule else {}
            permission.setdefault(members, []).append({member: rule[name], **words})
    return permission


TYPES: dict[str, Callable[[], ResourceType]] = {
    "AWS::EC2::SecurityGroup": SecurityGroup,
    "AWS::EC2::SecurityGroupEgress": lambda: SecurityGroupRule("egress"),
    "AWS::EC2::SecurityGroupIngress": lambda: SecurityGroupRule("ingress"),
}
