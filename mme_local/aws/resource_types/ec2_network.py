"""A network without internet: AWS::EC2::VPC, Subnet, RouteTable and its association, VPCEndpoint, FlowLog.

What costs a network its isolation (gateways, NAT, routes to them) is not provided: nothing here has traffic.
Ref of each is its id (CloudFormation user guide, return values of each type).
"""

from __future__ import annotations

import json
from collections.abc import Callable

from mme_local.aws.cloudformation.resource import Physical, Properties, Request, ResourceType, changed
from mme_local.aws.resource_types.ec2 import refuse_others, retag, specification

_DNS = ("EnableDnsHostnames", "EnableDnsSupport")


class Vpc:
    """A VPC of one address range."""

    name_property = None
    _PROVIDED = frozenset({"CidrBlock", "InstanceTenancy", "Tags", *_DNS})

    def replaces(self, before: Properties, after: Properties) -> bool:
        """A change of the address range."""
        return "CidrBlock" in changed(before, after)

    def create(self, request: Request, properties: Properties) -> Physical:
        """CreateVpc, then its DNS settings."""
        refuse_others("AWS::EC2::VPC", properties, self._PROVIDED)
        made = {name: value for name, value in properties.items() if name in {"CidrBlock", "InstanceTenancy"}}
        made |= specification("vpc", properties)
        vpc = request.aws.call("ec2", "create_vpc", made)["Vpc"]
        self._set_dns(request, vpc["VpcId"], properties)
        filters = [
            {"Name": "vpc-id", "Values": [vpc["VpcId"]]},
            {"Name": "group-name", "Values": ["default"]},
        ]
        (group,) = request.aws.call("ec2", "describe_security_groups", {"Filters": filters})["SecurityGroups"]
        return Physical(
            vpc["VpcId"],
            {
                "VpcId": vpc["VpcId"],
                "CidrBlock": vpc["CidrBlock"],
                "DefaultSecurityGroup": group["GroupId"],
            },
        )

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:
        """DNS settings and tags."""
        self._set_dns(request, physical.id, after)
        retag(request, physical.id, before, after)
        return physical

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """DeleteVpc."""
        request.aws.call("ec2", "delete_vpc", {"VpcId": physical.id})

    def _set_dns(self, request: Request, vpc: str, properties: Properties) -> None:
        for name in _DNS:
            if name in properties:
                setting = {"VpcId": vpc, name: {"Value": properties[name]}}
                request.aws.call("ec2", "modify_vpc_attribute", setting)


class Subnet:
    """A subnet in one zone."""

    name_property = None
    _FIXED = frozenset({"AvailabilityZone", "CidrBlock", "VpcId"})

    def replaces(self, before: Properties, after: Properties) -> bool:
        """A change of where it is."""
        return bool(changed(before, after) & self._FIXED)

    def create(self, request: Request, properties: Properties) -> Physical:
        """CreateSubnet, then whether its interfaces get public addresses."""
        refuse_others("AWS::EC2::Subnet", properties, self._FIXED | {"MapPublicIpOnLaunch", "Tags"})
        made = {name: value for name, value in properties.items() if name in self._FIXED}
        subnet = request.aws.call("ec2", "create_subnet", made | specification("subnet", properties))[
            "Subnet"
        ]
        self._set_addresses(request, subnet["SubnetId"], properties)
        attributes = {name: subnet[name] for name in ("SubnetId", "VpcId", "CidrBlock", "AvailabilityZone")}
        return Physical(subnet["SubnetId"], attributes)

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:
        """Public addresses and tags."""
        self._set_addresses(request, physical.id, after)
        retag(request, physical.id, before, after)
        return physical

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """DeleteSubnet."""
        request.aws.call("ec2", "delete_subnet", {"SubnetId": physical.id})

    def _set_addresses(self, request: Request, subnet: str, properties: Properties) -> None:
        setting = {"Value": properties.get("MapPublicIpOnLaunch", False)}
        request.aws.call(
            "ec2", "modify_subnet_attribute", {"SubnetId": subnet, "MapPublicIpOnLaunch": setting}
        )


class RouteTable:
    """A route table with the VPC's local route."""

    name_property = None

    def replaces(self, before: Properties, after: Properties) -> bool:
        """A change of the VPC."""
        return "VpcId" in changed(before, after)

    def create(self, request: Request, properties: Properties) -> Physical:
        """CreateRouteTable."""
        refuse_others("AWS::EC2::RouteTable", properties, frozenset({"VpcId", "Tags"}))
        made = {"VpcId": properties["VpcId"], **specification("route-table", properties)}
        table = request.aws.call("ec2", "create_route_table", made)["RouteTable"]["RouteTableId"]
        return Physical(table, {"RouteTableId": table})

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:
        """Tags."""
        retag(request, physical.id, before, after)
        return physical

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """DeleteRouteTable."""
        request.aws.call("ec2", "delete_route_table", {"RouteTableId": physical.id})


class SubnetRouteTableAssociation:
    """Which route table a subnet uses."""

    name_property = None

    def replaces(self, before: Properties, after: Properties) -> bool:
        """Always: CloudFormation makes a new association."""
        return before != after

    def create(self, request: Request, properties: Properties) -> Physical:
        """AssociateRouteTable."""
        made = request.aws.call("ec2", "associate_route_table", properties)["AssociationId"]
        return Physical(made, {"Id": made})

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:
        """Never called, as `replaces` is always true."""
        raise NotImplementedError

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """DisassociateRouteTable."""
        request.aws.call("ec2", "disassociate_route_table", {"AssociationId": physical.id})


class VpcEndpoint:
    """A gateway or interface endpoint of an AWS service."""

    name_property = None
    _FIXED = frozenset({"ServiceName", "VpcEndpointType", "VpcId"})
    _LISTS = ("RouteTableIds", "SecurityGroupIds", "SubnetIds")
    _PROVIDED = _FIXED | {"PolicyDocument", "PrivateDnsEnabled", "Tags", *_LISTS}

    def replaces(self, before: Properties, after: Properties) -> bool:
        """A change of the service, the kind or the VPC."""
        return bool(changed(before, after) & self._FIXED)

    def create(self, request: Request, properties: Properties) -> Physical:
        """CreateVpcEndpoint."""
        refuse_others("AWS::EC2::VPCEndpoint", properties, self._PROVIDED)
        made = {name: value for name, value in properties.items() if name not in {"PolicyDocument", "Tags"}}
        if "PolicyDocument" in properties:
            made["PolicyDocument"] = _text(properties["PolicyDocument"])
        made |= specification("vpc-endpoint", properties)
        endpoint = request.aws.call("ec2", "create_vpc_endpoint", made)["VpcEndpoint"]["VpcEndpointId"]
        return Physical(endpoint, {"Id": endpoint})

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:
        """ModifyVpcEndpoint with what was added and removed, then tags."""
        changes: Properties = {}
        for name in self._LISTS:
            old, new = before.get(name) or [], after.get(name) or []
            changes[f"Add{name}"] = [one for one in new if one not in old]
            changes[f"Remove{name}"] = [one for one in old if one not in new]
        if before.get("PolicyDocument") != after.get("PolicyDocument"):
            changes["PolicyDocument"] = _text(after.get("PolicyDocument") or {})
        changes = {name: value for name, value in changes.items() if value}
        if changes:
            request.aws.call("ec2", "modify_vpc_endpoint", {"VpcEndpointId": physical.id, **changes})
        retag(request, physical.id, before, after)
        return physical

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """DeleteVpcEndpoints."""
        request.aws.call("ec2", "delete_vpc_endpoints", {"VpcEndpointIds": [physical.id]})


class FlowLog:
    """A log of a network's traffic, of which there is none here. Ref is its id; every change replaces it."""

    name_property = None
    _PROVIDED = frozenset(
        {
            "DeliverLogsPermissionArn",
            "LogDestination",
            "LogDestinationType",
            "LogFormat",
            "LogGroupName",
            "MaxAggregationInterval",
            "ResourceId",
            "ResourceType",
            "Tags",
            "TrafficType",
        }
    )

    def replaces(self, before: Properties, after: Properties) -> bool:
        """A change of anything but its tags."""
        return bool(changed(before, after) - {"Tags"})

    def create(self, request: Request, properties: Properties) -> Physical:
        """CreateFlowLogs."""
        refuse_others("AWS::EC2::FlowLog", properties, self._PROVIDED)
        made = {name: value for name, value in properties.items() if name not in {"ResourceId", "Tags"}}
        made["ResourceIds"] = [properties["ResourceId"]]
        made |= specification("vpc-flow-log", properties)
        (log,) = request.aws.call("ec2", "create_flow_logs", made)["FlowLogIds"]
        return Physical(log, {"Id": log})

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:
        """Tags."""
        retag(request, physical.id, before, after)
        return physical

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """DeleteFlowLogs."""
        request.aws.call("ec2", "delete_flow_logs", {"FlowLogIds": [physical.id]})


def _text(document: object) -> str:
    return document if isinstance(document, str) else json.dumps(document)


TYPES: dict[str, Callable[[], ResourceType]] = {
    "AWS::EC2::FlowLog": FlowLog,
    "AWS::EC2::RouteTable": RouteTable,
    "AWS::EC2::Subnet": Subnet,
    "AWS::EC2::SubnetRouteTableAssociation": SubnetRouteTableAssociation,
    "AWS::EC2::VPC": Vpc,
    "AWS::EC2::VPCEndpoint": VpcEndpoint,
}
