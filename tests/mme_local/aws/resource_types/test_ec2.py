"""Networks: updates in place, replacements and refusals."""

from __future__ import annotations

from typing import Any

import pytest


def network(ports: list[int], *, routed: bool = True, egress: list[dict[str, Any]] | None = None) -> Any:
    """A VPC with a subnet, a gateway endpoint of S3, and a group open on these ports from another group."""
    group: dict[str, Any] = {
        "GroupDescription": "models",
        "VpcId": {"Ref": "Vpc"},
        "SecurityGroupIngress": [
            {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "CidrIp": "10.0.0.0/8"} for port in ports
        ],
        "Tags": [{"Key": "ports", "Value": str(len(ports))}],
    }
    if egress is not None:
        group["SecurityGroupEgress"] = egress
    return {
        "Resources": {
            "Vpc": {
                "Type": "AWS::EC2::VPC",
                "Properties": {"CidrBlock": "10.0.0.0/16", "EnableDnsHostnames": "true"},
            },
            "Subnet": {
                "Type": "AWS::EC2::Subnet",
                "Properties": {
                    "VpcId": {"Ref": "Vpc"},
                    "CidrBlock": "10.0.0.0/24",
                    "AvailabilityZone": "us-east-1a",
                },
            },
            "Table": {"Type": "AWS::EC2::RouteTable", "Properties": {"VpcId": {"Ref": "Vpc"}}},
            "Routes": {
                "Type": "AWS::EC2::SubnetRouteTableAssociation",
                "Properties": {"SubnetId": {"Ref": "Subnet"}, "RouteTableId": {"Ref": "Table"}},
            },
            "S3": {
                "Type": "AWS::EC2::VPCEndpoint",
                "Properties": {
                    "VpcId": {"Ref": "Vpc"},
                    "ServiceName": "com.amazonaws.us-east-1.s3",
                    "VpcEndpointType": "Gateway",
                    "RouteTableIds": [{"Ref": "Table"}] if routed else [],
                },
            },
            "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": group},
        }
    }


def described(aws: Any, id: str) -> dict[str, Any]:
    (group,) = aws("ec2").describe_security_groups(GroupIds=[id])["SecurityGroups"]
    return dict(group)


def ports(group: dict[str, Any]) -> set[int]:
    return {rule["FromPort"] for rule in group["IpPermissions"]}


def test_rules_change_in_place(deploy: Any, resource_id: Any, aws: Any) -> None:
    deploy(network([80, 443]))
    group, vpc = resource_id("Group"), resource_id("Vpc")
    assert ports(described(aws, group)) == {80, 443}
    # without egress rules, a group allows all traffic out
    (out,) = described(aws, group)["IpPermissionsEgress"]
    assert (out["IpProtocol"], out["IpRanges"][0]["CidrIp"]) == ("-1", "0.0.0.0/0")

    tls = {"IpProtocol": "tcp", "FromPort": "443", "ToPort": "443", "CidrIp": "0.0.0.0/0"}
    assert deploy(network([443, 8080], egress=[tls]))["StackStatus"] == "UPDATE_COMPLETE"

    assert (resource_id("Group"), resource_id("Vpc")) == (group, vpc)
    assert ports(described(aws, group)) == {443, 8080}
    (out,) = described(aws, group)["IpPermissionsEgress"]
    assert (out["IpProtocol"], out["FromPort"]) == ("tcp", 443)


def test_an_endpoints_route_tables_change_in_place(deploy: Any, resource_id: Any, aws: Any) -> None:
    deploy(network([80]))
    endpoint = resource_id("S3")
    deploy(network([80], routed=False))
    assert resource_id("S3") == endpoint
    (found,) = aws("ec2").describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
    assert found["RouteTableIds"] == []


def test_a_rule_between_groups_is_deleted(deploy: Any, cloudformation: Any, aws: Any) -> None:
    before = {vpc["VpcId"] for vpc in aws("ec2").describe_vpcs()["Vpcs"]}
    document = network([80])
    document["Resources"]["Peer"] = {
        "Type": "AWS::EC2::SecurityGroup",
        "Properties": {"GroupDescription": "peer", "VpcId": {"Ref": "Vpc"}},
    }
    rule = {"IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6379, "GroupId": {"Ref": "Peer"}}
    document["Resources"]["In"] = {
        "Type": "AWS::EC2::SecurityGroupIngress",
        "Properties": {**rule, "SourceSecurityGroupId": {"Ref": "Group"}, "Description": "cache"},
    }
    document["Outputs"] = {"Peer": {"Value": {"Fn::GetAtt": ["Peer", "GroupId"]}}}
    peer = deploy(document)["Outputs"][0]["OutputValue"]
    (permission,) = described(aws, peer)["IpPermissions"]
    assert permission["UserIdGroupPairs"][0]["Description"] == "cache"

    del document["Resources"]["In"]
    deploy(document)
    assert described(aws, peer)["IpPermissions"] == []
    cloudformation.delete_stack(StackName="app")
    assert {vpc["VpcId"] for vpc in aws("ec2").describe_vpcs()["Vpcs"]} == before


@pytest.mark.parametrize(
    ("resource", "name", "value"),
    [("Vpc", "Ipv4IpamPoolId", "pool"), ("Subnet", "AssignIpv6AddressOnCreation", True)],
)
def test_a_network_property_that_is_not_provided_is_named(
    resource: str, name: str, value: Any, deploy: Any, events: Any
) -> None:
    document = network([80])
    document["Resources"][resource]["Properties"][name] = value
    assert deploy(document)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert any(
        f"Embedded AWS does not provide {name} of AWS::EC2::{resource}" in reason.replace("VPC", "Vpc")
        for _, _, reason in events()
    )
