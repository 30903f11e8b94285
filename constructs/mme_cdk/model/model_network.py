"""Network interfaces of a model's containers in a VPC."""

from __future__ import annotations

from collections.abc import Sequence

import jsii
from aws_cdk import Annotations, Stack, aws_ec2, aws_iam, aws_sagemaker
from constructs import Construct, IValidation

from mme.catalog.limits import VPC_MAX_SECURITY_GROUPS, VPC_MAX_SUBNETS, VPC_MIN_SUBNETS
from mme_cdk._internal.acknowledgements import acknowledge_grant
from mme_cdk._internal.grants import allow
from mme_cdk._internal.validation import known, require

# SageMaker AI developer guide, `sagemaker-roles`, CreateModel API: execution role permissions in a VPC.
_INTERFACE_ACTIONS = [
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
]
_DESCRIBE_ACTIONS = [
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
]


class ModelNetwork:
    """Subnets and security groups of a model.

    Attributes:
        connections: Network connections of the containers.
    """

    def __init__(
        self,
        scope: Construct,
        vpc: aws_ec2.IVpc,
        *,
        vpc_subnets: aws_ec2.SubnetSelection | None,
        security_groups: Sequence[aws_ec2.ISecurityGroup],
        allow_all_outbound: bool,
    ) -> None:
        """Select the subnets, and define a security group if none is given.

        Args:
            scope: The model.
            vpc: Owned or imported.
            vpc_subnets: At least two in two zones; None = private ones with egress, else isolated ones.
            security_groups: Up to 5; empty = a new one.
            allow_all_outbound: Whether the new group allows all outbound connections.

        Raises:
            PropsError: Fewer than two subnets or zones, more than 16 subnets, or more than 5 security groups.
        """
        self._scope = scope
        self._vpc = vpc
        self._subnets = vpc.select_subnets() if vpc_subnets is None else _selected(vpc, vpc_subnets)
        require(*self._faults(security_groups), at=scope)
        self._groups = list(security_groups) or [
            aws_ec2.SecurityGroup(
                scope,
                "SecurityGroup",
                vpc=vpc,
                description="Containers of a SageMaker multi-model endpoint",
                allow_all_outbound=allow_all_outbound,
            )
        ]
        self.connections = aws_ec2.Connections(security_groups=self._groups)
        closed = None if security_groups or allow_all_outbound else self._groups[0]
        scope.node.add_validation(_Routes(scope, vpc, self._subnets, closed))

    @property
    def vpc_config(self) -> aws_sagemaker.CfnModel.VpcConfigProperty:
        """The `VpcConfig` property of the model."""
        return aws_sagemaker.CfnModel.VpcConfigProperty(
            subnets=self._subnets.subnet_ids,
            security_group_ids=[group.security_group_id for group in self._groups],
        )

    def grant_interfaces(self, role: aws_iam.IRole) -> None:
        """Allow SageMaker to create network interfaces in these subnets and groups with this role."""
        stack = Stack.of(self._scope)
        interfaces = stack.format_arn(service="ec2", resource="network-interface", resource_name="*")
        # A list token can't be split into ARNs.
        ids = self._subnets.subnet_ids if known(self._subnets.subnet_ids) else ["*"]
        # Subnets of a shared VPC belong to another account; their ids are unique anyway.
        subnets = [
            stack.format_arn(service="ec2", account="*", resource="subnet", resource_name=id) for id in ids
        ]
        groups = [
            stack.format_arn(
                service="ec2", account="*", resource="security-group", resource_name=group.security_group_id
            )
            for group in self._groups
        ]
        allow(role, _INTERFACE_ACTIONS, [interfaces, *subnets, *groups])
        acknowledge_grant(
            role, "SageMaker names the network interfaces, in these subnets and groups only", interfaces
        )
        acknowledge_grant(
            role, "each ARN is one subnet or group; in a shared VPC the account is another", *subnets, *groups
        )
        allow(role, _DESCRIBE_ACTIONS, ["*"], reason="describe actions take no resource and change nothing")

    def _faults(self, security_groups: Sequence[aws_ec2.ISecurityGroup]) -> list[str | None]:
        found: list[str | None] = []
        if len(security_groups) > VPC_MAX_SECURITY_GROUPS:
            found.append(
                f"security_groups has {len(security_groups)}; SageMaker takes {VPC_MAX_SECURITY_GROUPS}"
            )
        subnets = self._subnets.subnet_ids
        # Pending lookups and tokens can't be counted.
        if self._subnets.is_pending_lookup or not known(subnets):
            return found
        if len(subnets) > VPC_MAX_SUBNETS:
            found.append(
                f"vpc_subnets selects {len(subnets)} subnets; SageMaker takes {VPC_MAX_SUBNETS}: "
                "select one per zone, with one_per_az=True"
            )
        zones = set(self._subnets.availability_zones)
        if len(subnets) < VPC_MIN_SUBNETS or len(zones) < VPC_MIN_SUBNETS:
            found.append(
                f"vpc_subnets selects {_count(len(subnets), 'subnet')} in {_count(len(zones), 'zone')}; a "
                f"multi-model endpoint needs {VPC_MIN_SUBNETS} subnets in {VPC_MIN_SUBNETS} zones: use a VPC "
                "with more zones, or select other subnets"
            )
        return found


def _selected(vpc: aws_ec2.IVpc, chosen: aws_ec2.SubnetSelection) -> aws_ec2.SelectedSubnets:
    return vpc.select_subnets(
        availability_zones=chosen.availability_zones,
        one_per_az=chosen.one_per_az,
        subnet_filters=chosen.subnet_filters,
        subnet_group_name=chosen.subnet_group_name,
        subnets=chosen.subnets,
        subnet_type=chosen.subnet_type,
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


@jsii.implements(IValidation)
class _Routes:
    """Warns at synth, when all VPC endpoints and rules are defined, if no way to S3 is known."""

    def __init__(
        self,
        scope: Construct,
        vpc: aws_ec2.IVpc,
        subnets: aws_ec2.SelectedSubnets,
        closed: aws_ec2.ISecurityGroup | None,
    ) -> None:
        self._scope = scope
        self._vpc = vpc
        self._subnets = subnets
        self._closed = closed

    def validate(self) -> list[str]:
        if not self._has_nat() and not self._has_s3_endpoint():
            Annotations.of(self._scope).add_warning_v2(
                "mme:s3Route",
                "no route from these subnets to S3 is known; without one no model can be downloaded: add "
                "vpc.add_gateway_endpoint('S3', service=GatewayVpcEndpointAwsService.S3), or acknowledge "
                "this warning if the VPC has a route",
            )
        if self._closed is not None and not self._has_egress(self._closed):
            Annotations.of(self._scope).add_warning_v2(
                "mme:noEgress",
                "allow_all_outbound is False and no outbound rule was added; no model can be downloaded: add "
                "connections.allow_to(ec2.Peer.prefix_list(...), ec2.Port.HTTPS) with the prefix list of S3",
            )
        return []

    def _has_egress(self, group: aws_ec2.ISecurityGroup) -> bool:
        """Return whether the group has a rule other than CDK's, which allows nothing."""
        resource = group.node.default_child
        if not isinstance(resource, aws_ec2.CfnSecurityGroup):
            return True
        rules = Stack.of(self._scope).resolve(resource.security_group_egress) or []
        return len(group.node.children) > 1 or any("255.255.255.255/32" not in str(rule) for rule in rules)

    def _has_nat(self) -> bool:
        """Return whether all subnets have egress; interfaces in public ones get no public address."""
        private = {subnet.subnet_id for subnet in self._vpc.private_subnets}
        return set(self._subnets.subnet_ids) <= private

    def _has_s3_endpoint(self) -> bool:
        stack = Stack.of(self._vpc)
        return any(
            ".s3" in str(stack.resolve(child.service_name))
            for child in self._vpc.node.find_all()
            if isinstance(child, aws_ec2.CfnVPCEndpoint)
        )
