"""AWS::EC2::SecurityGroup, SecurityGroupIngress and SecurityGroupEgress. Ref of a group is its id."""

from __future__ import annotations

from typing import Any

from mme_local.aws.resource_types.ec2_tags import tag_specifications, update_tags
from mme_local.aws.resource_types.handler import (
    Physical,
    Properties,
    ResourceRequest,
    ResourceType,
    refuse_others,
)

_LONGEST_NAME = 255
_EVERYWHERE = {"CidrIp": "0.0.0.0/0", "IpProtocol": "-1"}

# CloudFormation's name of a rule's peer: the API's list, and the name in the list's members.
_PEERS = {
    "CidrIp": ("IpRanges", "CidrIp"),
    "CidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
    "DestinationPrefixListId": ("PrefixListIds", "PrefixListId"),
    "DestinationSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    "SourcePrefixListId": ("PrefixListIds", "PrefixListId"),
    "SourceSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
}
_RULE = frozenset({"Description", "FromPort", "IpProtocol", "ToPort", *_PEERS})


class SecurityGroupType(ResourceType):
    """A group with its rules; without egress rules it has EC2's rule that allows everything."""

    name_property = "GroupName"
    create_only = frozenset({"GroupDescription", "GroupName", "VpcId"})
    provided = create_only | {"SecurityGroupEgress", "SecurityGroupIngress", "Tags"}
    delete_call = ("ec2", "delete_security_group", "GroupId")

    def create(self, request: ResourceRequest) -> Physical:
        group = request.call(
            "ec2",
            "create_security_group",
            GroupName=request.name("GroupName", _LONGEST_NAME),
            Description=request.properties["GroupDescription"],
            **request.select("VpcId"),
            **tag_specifications("security-group", request),
        )["GroupId"]
        _change_rules(request, group)
        return Physical(group, {"GroupId": group, "Id": group, "VpcId": request.properties.get("VpcId", "")})

    def update(self, request: ResourceRequest) -> Physical:
        _change_rules(request, request.physical.id)
        update_tags(request)
        return request.physical


class SecurityGroupIngressType(ResourceType):
    """A rule of its own, for example between two groups; a change creates the new one first."""

    create_only = _RULE | {"GroupId"}
    provided = create_only
    _DIRECTION = "ingress"

    def create(self, request: ResourceRequest) -> Physical:
        self._call("authorize", request)
        id = request.name("", _LONGEST_NAME)
        return Physical(id, {"Id": id})

    def delete(self, request: ResourceRequest) -> None:
        self._call("revoke", request)

    def _call(self, verb: str, request: ResourceRequest) -> None:
        _call(request, verb, self._DIRECTION, request.properties["GroupId"], request.without("GroupId"))


class SecurityGroupEgressType(SecurityGroupIngressType):
    """The same for outgoing traffic."""

    _DIRECTION = "egress"


def _change_rules(request: ResourceRequest, group: str) -> None:
    for direction in ("ingress", "egress"):
        name = f"SecurityGroup{direction.title()}"
        # a new group has EC2's own egress rule
        default = [_EVERYWHERE] if direction == "egress" else []
        old, new = request.previous.get(name) or default, request.properties.get(name) or default
        for rule in old:
            if _comparable(rule) not in map(_comparable, new):
                _call(request, "revoke", direction, group, rule)
        for rule in new:
            if _comparable(rule) not in map(_comparable, old):
                _call(request, "authorize", direction, group, rule)


def _comparable(rule: Properties) -> dict[str, str]:
    """Return the rule without its description, and with its numbers as strings."""
    return {name: str(value) for name, value in rule.items() if name != "Description"}


def _call(request: ResourceRequest, verb: str, direction: str, group: str, rule: Properties) -> None:
    refuse_others("a rule of AWS::EC2::SecurityGroup", rule, _RULE)
    permission: dict[str, Any] = {n: rule[n] for n in ("IpProtocol", "FromPort", "ToPort") if n in rule}
    description = {"Description": rule["Description"]} if "Description" in rule else {}
    for name, (members, member) in _PEERS.items():
        if name in rule:
            permission.setdefault(members, []).append({member: rule[name], **description})
    operation = f"{verb}_security_group_{direction}"
    request.call("ec2", operation, GroupId=group, IpPermissions=[permission])
