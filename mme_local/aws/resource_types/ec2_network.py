"""A network without internet: AWS::EC2::VPC, Subnet, RouteTable and its association, VPCEndpoint, FlowLog.

Gateways, NAT and routes to them are not provided: there is no traffic here. Ref of each is its id
(CloudFormation user guide, return values of each type).
"""

from __future__ import annotations

from typing import Any

from mme_local.aws.resource_types.ec2_tags import TaggedType, tag_specifications, update_tags
from mme_local.aws.resource_types.handler import (
    Physical,
    ResourceRequest,
    ResourceType,
    changed,
    json_text,
)

_DNS = ("EnableDnsHostnames", "EnableDnsSupport")


class VpcType(ResourceType):
    """A VPC of one address range."""

    create_only = frozenset({"CidrBlock"})
    provided = frozenset({"CidrBlock", "InstanceTenancy", "Tags", *_DNS})
    delete_call = ("ec2", "delete_vpc", "VpcId")

    def create(self, request: ResourceRequest) -> Physical:
        given = request.select("CidrBlock", "InstanceTenancy")
        vpc = request.call("ec2", "create_vpc", **given, **tag_specifications("vpc", request))["Vpc"]
        id = vpc["VpcId"]
        self._set_dns(request, id)
        filters = [{"Name": "vpc-id", "Values": [id]}, {"Name": "group-name", "Values": ["default"]}]
        (group,) = request.call("ec2", "describe_security_groups", Filters=filters)["SecurityGroups"]
        attributes = {"VpcId": id, "CidrBlock": vpc["CidrBlock"], "DefaultSecurityGroup": group["GroupId"]}
        return Physical(id, attributes)

    def update(self, request: ResourceRequest) -> Physical:
        self._set_dns(request, request.physical.id)
        update_tags(request)
        return request.physical

    def _set_dns(self, request: ResourceRequest, vpc: str) -> None:
        for name, value in request.select(*_DNS).items():
            request.call("ec2", "modify_vpc_attribute", VpcId=vpc, **{name: {"Value": value}})


class SubnetType(ResourceType):
    """A subnet in one zone."""

    create_only = frozenset({"AvailabilityZone", "CidrBlock", "VpcId"})
    provided = create_only | {"MapPublicIpOnLaunch", "Tags"}
    delete_call = ("ec2", "delete_subnet", "SubnetId")

    def create(self, request: ResourceRequest) -> Physical:
        given = request.select(*self.create_only)
        subnet = request.call("ec2", "create_subnet", **given, **tag_specifications("subnet", request))
        described = subnet["Subnet"]
        self._set_addresses(request, described["SubnetId"])
        attributes = {n: described[n] for n in ("SubnetId", "VpcId", "CidrBlock", "AvailabilityZone")}
        return Physical(described["SubnetId"], attributes)

    def update(self, request: ResourceRequest) -> Physical:
        self._set_addresses(request, request.physical.id)
        update_tags(request)
        return request.physical

    def _set_addresses(self, request: ResourceRequest, subnet: str) -> None:
        public = {"Value": request.properties.get("MapPublicIpOnLaunch", False)}
        request.call("ec2", "modify_subnet_attribute", SubnetId=subnet, MapPublicIpOnLaunch=public)


class RouteTableType(TaggedType):
    """A route table with the VPC's local route."""

    create_only = frozenset({"VpcId"})
    provided = frozenset({"VpcId", "Tags"})
    delete_call = ("ec2", "delete_route_table", "RouteTableId")

    def create(self, request: ResourceRequest) -> Physical:
        tagged = tag_specifications("route-table", request)
        made = request.call("ec2", "create_route_table", VpcId=request.properties["VpcId"], **tagged)
        id = made["RouteTable"]["RouteTableId"]
        return Physical(id, {"RouteTableId": id})


class SubnetRouteTableAssociationType(ResourceType):
    """Which route table a subnet uses; a change creates a new association."""

    create_only = frozenset({"RouteTableId", "SubnetId"})
    delete_call = ("ec2", "disassociate_route_table", "AssociationId")

    def create(self, request: ResourceRequest) -> Physical:
        id = request.call("ec2", "associate_route_table", **request.properties)["AssociationId"]
        return Physical(id, {"Id": id})


class VpcEndpointType(ResourceType):
    """A gateway or interface endpoint of an AWS service."""

    create_only = frozenset({"ServiceName", "VpcEndpointType", "VpcId"})
    _LISTS = ("RouteTableIds", "SecurityGroupIds", "SubnetIds")
    provided = create_only | {"PolicyDocument", "PrivateDnsEnabled", "Tags", *_LISTS}

    def create(self, request: ResourceRequest) -> Physical:
        given = request.without("PolicyDocument", "Tags") | tag_specifications("vpc-endpoint", request)
        if "PolicyDocument" in request.properties:
            given["PolicyDocument"] = json_text(request.properties["PolicyDocument"])
        id = request.call("ec2", "create_vpc_endpoint", **given)["VpcEndpoint"]["VpcEndpointId"]
        return Physical(id, {"Id": id})

    def update(self, request: ResourceRequest) -> Physical:
        changes: dict[str, Any] = {}
        for name in self._LISTS:
            old, new = request.previous.get(name) or [], request.properties.get(name) or []
            changes[f"Add{name}"] = [one for one in new if one not in old]
            changes[f"Remove{name}"] = [one for one in old if one not in new]
        if "PolicyDocument" in changed(request.previous, request.properties):
            changes["PolicyDocument"] = json_text(request.properties.get("PolicyDocument") or {})
        if changes := {name: value for name, value in changes.items() if value}:
            request.call("ec2", "modify_vpc_endpoint", VpcEndpointId=request.physical.id, **changes)
        update_tags(request)
        return request.physical

    def delete(self, request: ResourceRequest) -> None:
        request.call("ec2", "delete_vpc_endpoints", VpcEndpointIds=[request.physical.id])


class FlowLogType(TaggedType):
    """A log of a network's traffic, of which there is none; only its tags change in place."""

    create_only = frozenset(
        {
            "DeliverLogsPermissionArn",
            "LogDestination",
            "LogDestinationType",
            "LogFormat",
            "LogGroupName",
            "MaxAggregationInterval",
            "ResourceId",
            "ResourceType",
            "TrafficType",
        }
    )
    provided = create_only | {"Tags"}

    def create(self, request: ResourceRequest) -> Physical:
        given = request.without("ResourceId", "Tags") | tag_specifications("vpc-flow-log", request)
        given["ResourceIds"] = [request.properties["ResourceId"]]
        (id,) = request.call("ec2", "create_flow_logs", **given)["FlowLogIds"]
        return Physical(id, {"Id": id})

    def delete(self, request: ResourceRequest) -> None:
        request.call("ec2", "delete_flow_logs", FlowLogIds=[request.physical.id])
