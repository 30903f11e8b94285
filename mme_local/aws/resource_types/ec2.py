"""AWS::EC2 types of a network without internet.

Gateways, NAT and routes to them are not provided: there is no traffic here. Ref of each is its id
(CloudFormation user guide, return values of each type).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mme_local.aws.resource_types.api_type import ApiType, Calls
from mme_local.aws.resource_types.handler import (
    Physical,
    Properties,
    ResourceRequest,
    ResourceType,
    refuse_others,
)

_EVERYWHERE = {"CidrIp": "0.0.0.0/0", "IpProtocol": "-1"}
_DNS = ("EnableDnsHostnames", "EnableDnsSupport")
_SUBNET = ("AvailabilityZone", "CidrBlock", "VpcId")
_ENDPOINT_LISTS = ("RouteTableIds", "SecurityGroupIds", "SubnetIds")

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
_DIRECTIONS = ("Ingress", "Egress")


class VpcType(ApiType):
    """A VPC of one address range."""

    def create(self, request: ResourceRequest) -> Physical:
        """Create it; its default security group is an attribute."""
        vpc = super().create(request)
        filters = [{"Name": "vpc-id", "Values": [vpc.id]}, {"Name": "group-name", "Values": ["default"]}]
        (group,) = request.call("ec2", "describe_security_groups", Filters=filters)["SecurityGroups"]
        return Physical(vpc.id, {**vpc.attributes, "DefaultSecurityGroup": group["GroupId"]})

    def settle(self, request: ResourceRequest, id: str) -> None:
        for name, value in request.select(*_DNS).items():
            request.call("ec2", "modify_vpc_attribute", VpcId=id, **{name: {"Value": value}})


class SubnetType(ApiType):
    """A subnet in one zone."""

    def settle(self, request: ResourceRequest, id: str) -> None:
        public = {"Value": request.properties.get("MapPublicIpOnLaunch", False)}
        request.call("ec2", "modify_subnet_attribute", SubnetId=id, MapPublicIpOnLaunch=public)


class VpcEndpointType(ApiType):
    """A gateway (the default) or interface endpoint of an AWS service."""

    def create(self, request: ResourceRequest) -> Physical:
        """Create it with its type, without which moto cannot delete it."""
        return super().create(
            replace(request, properties={"VpcEndpointType": "Gateway", **request.properties})
        )

    def update(self, request: ResourceRequest) -> Physical:
        changes: dict[str, Any] = {}
        for name in _ENDPOINT_LISTS:
            old, new = request.previous.get(name) or [], request.properties.get(name) or []
            changes[f"Add{name}"] = [one for one in new if one not in old]
            changes[f"Remove{name}"] = [one for one in old if one not in new]
        if "PolicyDocument" in request.changed:
            changes["PolicyDocument"] = request.properties.get("PolicyDocument") or {}
        if changes := {name: value for name, value in changes.items() if value}:
            request.call("ec2", "modify_vpc_endpoint", VpcEndpointId=request.physical.id, **changes)
        return super().update(request)


class SecurityGroupType(ApiType):
    """A group with its rules; without egress rules it has EC2's rule that allows everything."""

    def settle(self, request: ResourceRequest, id: str) -> None:
        for direction in _DIRECTIONS:
            # a new group has EC2's own egress rule
            default = [_EVERYWHERE] if direction == "Egress" else []
            name = f"SecurityGroup{direction}"
            old, new = request.previous.get(name) or default, request.properties.get(name) or default
            for rule in old:
                if _comparable(rule) not in map(_comparable, new):
                    _change_rule(request, "revoke", direction, id, rule)
            for rule in new:
                if _comparable(rule) not in map(_comparable, old):
                    _change_rule(request, "authorize", direction, id, rule)


class SecurityGroupRuleType(ResourceType):
    """A rule outside its group, for example between two groups; a change creates the new one first.

    Args:
        direction: `Ingress` or `Egress`.
    """

    create_only = provided = _RULE | {"GroupId"}

    def __init__(self, direction: str) -> None:
        self._direction = direction

    def create(self, request: ResourceRequest) -> Physical:
        self._change("authorize", request)
        id = request.name(None, 255)
        return Physical(id, {"Id": id})

    def delete(self, request: ResourceRequest) -> None:
        self._change("revoke", request)

    def _change(self, verb: str, request: ResourceRequest) -> None:
        group, rule = request.properties["GroupId"], request.without("GroupId")
        _change_rule(request, verb, self._direction, group, rule)


def _comparable(rule: Properties) -> dict[str, str]:
    """Return the rule without its description, and with its numbers as strings."""
    return {name: str(value) for name, value in rule.items() if name != "Description"}


def _change_rule(request: ResourceRequest, verb: str, direction: str, group: str, rule: Properties) -> None:
    refuse_others("a rule of AWS::EC2::SecurityGroup", rule, _RULE)
    permission: dict[str, Any] = {n: rule[n] for n in ("IpProtocol", "FromPort", "ToPort") if n in rule}
    description = {"Description": rule["Description"]} if "Description" in rule else {}
    for name, (members, member) in _PEERS.items():
        if name in rule:
            permission.setdefault(members, []).append({member: rule[name], **description})
    operation = f"{verb}_security_group_{direction.lower()}"
    request.call("ec2", operation, GroupId=group, IpPermissions=permission)


TYPES = {
    "AWS::EC2::FlowLog": ApiType(
        Calls("ec2", "create_flow_logs", "delete_flow_logs", "FlowLogIds"),
        "{answer[FlowLogIds][0]}",
        attributes={"Id": "{id}"},
        renamed={"ResourceId": "ResourceIds"},
        provided=("Tags",),
        create_only=(
            "DeliverLogsPermissionArn",
            "LogDestination",
            "LogDestinationType",
            "LogFormat",
            "LogGroupName",
            "MaxAggregationInterval",
            "ResourceId",
            "ResourceType",
            "TrafficType",
        ),
    ),
    "AWS::EC2::RouteTable": ApiType(
        Calls("ec2", "create_route_table", "delete_route_table", "RouteTableId"),
        "{answer[RouteTable][RouteTableId]}",
        attributes={"RouteTableId": "{id}"},
        create_only=("VpcId",),
        provided=("Tags",),
    ),
    "AWS::EC2::SecurityGroup": SecurityGroupType(
        Calls("ec2", "create_security_group", "delete_security_group", "GroupId"),
        "{answer[GroupId]}",
        attributes={"GroupId": "{id}", "Id": "{id}", "VpcId": "{given[VpcId]}"},
        named="GroupName",
        create_only=("GroupDescription", "VpcId"),
        renamed={"GroupDescription": "Description"},
        separate=("SecurityGroupEgress", "SecurityGroupIngress"),
        provided=("Tags",),
    ),
    "AWS::EC2::SecurityGroupEgress": SecurityGroupRuleType("Egress"),
    "AWS::EC2::SecurityGroupIngress": SecurityGroupRuleType("Ingress"),
    "AWS::EC2::Subnet": SubnetType(
        Calls("ec2", "create_subnet", "delete_subnet", "SubnetId"),
        "{answer[Subnet][SubnetId]}",
        attributes={name: f"{{answer[Subnet][{name}]}}" for name in ("SubnetId", *_SUBNET)},
        create_only=_SUBNET,
        separate=("MapPublicIpOnLaunch",),
        provided=("Tags",),
    ),
    "AWS::EC2::SubnetRouteTableAssociation": ApiType(
        Calls("ec2", "associate_route_table", "disassociate_route_table", "AssociationId"),
        "{answer[AssociationId]}",
        attributes={"Id": "{id}"},
        create_only=("RouteTableId", "SubnetId"),
        tagged=False,
    ),
    "AWS::EC2::VPC": VpcType(
        Calls("ec2", "create_vpc", "delete_vpc", "VpcId"),
        "{answer[Vpc][VpcId]}",
        attributes={"VpcId": "{id}", "CidrBlock": "{answer[Vpc][CidrBlock]}"},
        create_only=("CidrBlock",),
        separate=_DNS,
        provided=("InstanceTenancy", "Tags"),
    ),
    "AWS::EC2::VPCEndpoint": VpcEndpointType(
        Calls("ec2", "create_vpc_endpoint", "delete_vpc_endpoints", "VpcEndpointIds"),
        "{answer[VpcEndpoint][VpcEndpointId]}",
        attributes={"Id": "{id}"},
        create_only=("ServiceName", "VpcEndpointType", "VpcId"),
        provided=("PolicyDocument", "PrivateDnsEnabled", "Tags", *_ENDPOINT_LISTS),
    ),
}
