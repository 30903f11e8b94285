from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import Annotations as Warnings
from aws_cdk import App, Environment, Stack, Token, aws_ec2, aws_s3
from aws_cdk.assertions import Annotations, Match

from mme_cdk import ModelStore, MultiModel, MultiModelEndpoint, PropsError, ServingImage

MODEL = "AWS::SageMaker::Model"
TRITON = ServingImage.triton("26.05")
S3 = aws_ec2.GatewayVpcEndpointAwsService.S3
ISOLATED = aws_ec2.SubnetConfiguration(name="isolated", subnet_type=aws_ec2.SubnetType.PRIVATE_ISOLATED)


def isolated_vpc(scope: Stack, zones: int = 2) -> aws_ec2.Vpc:
    return aws_ec2.Vpc(scope, "Vpc", max_azs=zones, nat_gateways=0, subnet_configuration=[ISOLATED])


def imported_vpc(scope: Stack, *zones: str) -> aws_ec2.IVpc:
    return aws_ec2.Vpc.from_vpc_attributes(
        scope,
        "Imported",
        vpc_id="vpc-1",
        availability_zones=list(zones),
        isolated_subnet_ids=[f"subnet-{number}" for number, _ in enumerate(zones)],
    )


def model_in(scope: Stack, models: ModelStore, **props: Any) -> MultiModel:
    return MultiModel(scope, "Model", image=TRITON, models=models, **props)


def route_warnings(stack: Stack) -> int:
    text = Match.string_like_regexp("no route from these subnets to S3 is known")
    return len(Annotations.from_stack(stack).find_warning("/Test/Model", text))


def test_private_subnets_and_a_new_security_group(stack: Stack, models: ModelStore, synth) -> None:
    model_in(stack, models, vpc=aws_ec2.Vpc(stack, "Vpc", max_azs=2))
    template = synth(stack)
    config = template.one(MODEL)["VpcConfig"]
    assert ["PrivateSubnet" in subnet["Ref"] for subnet in config["Subnets"]] == [True, True]
    (group,) = config["SecurityGroupIds"]
    assert group["Fn::GetAtt"][0].startswith("ModelSecurityGroup")
    assert template.one("AWS::EC2::SecurityGroup")["SecurityGroupEgress"][0]["IpProtocol"] == "-1"
    assert route_warnings(stack) == 0


def test_groups_of_ones_own(stack: Stack, models: ModelStore, synth) -> None:
    group = aws_ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-1")
    model_in(stack, models, vpc=isolated_vpc(stack), security_groups=[group])
    template = synth(stack)
    assert template.one(MODEL)["VpcConfig"]["SecurityGroupIds"] == ["sg-1"]
    assert template.all("AWS::EC2::SecurityGroup") == []


def test_connections(stack: Stack, models: ModelStore, synth) -> None:
    vpc = isolated_vpc(stack)
    cache = aws_ec2.SecurityGroup(stack, "Cache", vpc=vpc)
    endpoint = MultiModelEndpoint(
        stack,
        "Endpoint",
        image=TRITON,
        models=models,
        instance_type="ml.g5.xlarge",
        vpc=vpc,
        allow_all_outbound=False,
    )
    endpoint.connections.allow_to(cache, aws_ec2.Port.tcp(6379))
    # As any aws-cdk construct with connections, it can be given itself.
    cache.connections.allow_from(endpoint, aws_ec2.Port.tcp(6380))
    template = synth(stack)
    ports = {found["Properties"]["FromPort"] for found in template.all("AWS::EC2::SecurityGroupIngress")}
    assert ports == {6379, 6380}
    assert len(template.all("AWS::EC2::SecurityGroupEgress")) == 2


def test_without_a_vpc_there_are_no_connections(stack: Stack, models: ModelStore) -> None:
    with pytest.raises(PropsError, match=r"^Test/Model: the model is not in a VPC .*: give vpc$"):
        _ = model_in(stack, models).connections


def test_interfaces_in_these_subnets_and_groups_only(placed: Stack, synth) -> None:
    store = ModelStore.from_bucket(aws_s3.Bucket.from_bucket_name(placed, "Bucket", "the-bucket"))
    group = aws_ec2.SecurityGroup.from_security_group_id(placed, "Group", "sg-1")
    vpc = imported_vpc(placed, "eu-west-1a", "eu-west-1b")
    model_in(placed, store, vpc=vpc, security_groups=[group])
    template = synth(placed)
    (create,) = template.allowing("ec2:CreateNetworkInterface")
    assert set(create["Resource"]) == {
        "arn:aws:ec2:eu-west-1:111122223333:network-interface/*",
        "arn:aws:ec2:eu-west-1:*:subnet/subnet-0",
        "arn:aws:ec2:eu-west-1:*:subnet/subnet-1",
        "arn:aws:ec2:eu-west-1:*:security-group/sg-1",
    }
    assert {action.split(":")[0] for action in create["Action"]} == {"ec2"}
    (describe,) = template.allowing("ec2:DescribeSubnets")
    assert describe["Resource"] == "*"
    assert {action for action in describe["Action"] if "Describe" not in action} == {
        "ecr:GetAuthorizationToken"
    }


def test_nothing_for_the_network_without_a_vpc(stack: Stack, models: ModelStore, synth) -> None:
    model_in(stack, models)
    template = synth(stack)
    assert "VpcConfig" not in template.one(MODEL)
    assert "EnableNetworkIsolation" not in template.one(MODEL)
    assert template.allowing("ec2:CreateNetworkInterface") == []


def test_a_locked_down_endpoint_passes_the_checks(
    stack: Stack, models: ModelStore, synth, findings: Callable
) -> None:
    vpc = isolated_vpc(stack)
    vpc.add_gateway_endpoint("S3", service=S3)
    vpc.add_flow_log("Flow")
    MultiModelEndpoint(
        stack,
        "Endpoint",
        image=TRITON,
        models=models,
        instance_type="ml.g5.xlarge",
        vpc=vpc,
        network_isolation=True,
    )
    assert synth(stack).one(MODEL)["EnableNetworkIsolation"] is True
    assert findings() == []


def test_no_route_to_s3_warns(stack: Stack, models: ModelStore) -> None:
    model_in(stack, models, vpc=isolated_vpc(stack))
    assert route_warnings(stack) == 1


def test_an_endpoint_added_later_is_a_route(stack: Stack, models: ModelStore) -> None:
    vpc = isolated_vpc(stack)
    model_in(stack, models, vpc=vpc)
    vpc.add_gateway_endpoint("S3", service=S3)
    assert route_warnings(stack) == 0


def test_another_services_endpoint_is_none(stack: Stack, models: ModelStore) -> None:
    vpc = isolated_vpc(stack)
    vpc.add_gateway_endpoint("Table", service=aws_ec2.GatewayVpcEndpointAwsService.DYNAMODB)
    model_in(stack, models, vpc=vpc)
    assert route_warnings(stack) == 1


def test_interfaces_in_public_subnets_reach_nothing(stack: Stack, models: ModelStore) -> None:
    public = aws_ec2.SubnetSelection(subnet_type=aws_ec2.SubnetType.PUBLIC)
    model_in(stack, models, vpc=aws_ec2.Vpc(stack, "Vpc", max_azs=2), vpc_subnets=public)
    assert route_warnings(stack) == 1


def test_the_reminder_can_be_acknowledged(stack: Stack, models: ModelStore) -> None:
    model = model_in(stack, models, vpc=isolated_vpc(stack))
    Warnings.of(model).acknowledge_warning("mme:s3Route", "the landing zone has one")
    assert route_warnings(stack) == 0


def test_one_zone_is_too_few(stack: Stack, models: ModelStore) -> None:
    with pytest.raises(PropsError, match=r"^Test/Model: vpc_subnets selects 1 subnet in 1 zone; .* 2 zones"):
        model_in(stack, models, vpc=isolated_vpc(stack, zones=1))


def test_two_subnets_in_one_zone(stack: Stack, models: ModelStore) -> None:
    with pytest.raises(PropsError, match=r"selects 2 subnets in 1 zone;"):
        model_in(stack, models, vpc=imported_vpc(stack, "eu-west-1a", "eu-west-1a"))


def test_too_many_of_each(stack: Stack, models: ModelStore) -> None:
    subnets = [
        aws_ec2.Subnet.from_subnet_attributes(
            stack, f"Subnet{n}", subnet_id=f"subnet-{n}", availability_zone=f"eu-west-1{'abc'[n % 3]}"
        )
        for n in range(17)
    ]
    groups = [aws_ec2.SecurityGroup.from_security_group_id(stack, f"Group{n}", f"sg-{n}") for n in range(6)]
    with pytest.raises(PropsError, match=r"selects 17 subnets; SageMaker takes 16: .*one_per_az") as raised:
        model_in(
            stack,
            models,
            vpc=isolated_vpc(stack),
            vpc_subnets=aws_ec2.SubnetSelection(subnets=subnets),
            security_groups=groups,
        )
    assert "security_groups has 6; SageMaker takes 5" in raised.value.faults


@pytest.mark.parametrize("prop", ["vpc_subnets", "security_groups"])
def test_subnets_or_groups_without_a_vpc(stack: Stack, models: ModelStore, prop: str) -> None:
    group = aws_ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-0123456789abcdef0")
    props: dict[str, Any] = {"vpc_subnets": aws_ec2.SubnetSelection(), "security_groups": [group]}
    with pytest.raises(PropsError, match=rf"{prop} is given without vpc: give vpc, too"):
        model_in(stack, models, **{prop: props[prop]})


def test_subnets_that_are_no_selection(stack: Stack, models: ModelStore) -> None:
    vpc = aws_ec2.Vpc(stack, "Vpc", restrict_default_security_group=False)
    with pytest.raises(
        PropsError, match=r"vpc_subnets\[?.* must be a SubnetSelection: use SubnetSelection\("
    ):
        model_in(stack, models, vpc=vpc, vpc_subnets=vpc.private_subnets)


def test_a_vpc_that_a_lookup_will_find(app: App) -> None:
    stack = Stack(app, "Looking", env=Environment(account="111122223333", region="eu-west-1"))
    store = ModelStore.from_bucket(aws_s3.Bucket.from_bucket_name(stack, "Bucket", "the-bucket"))
    model_in(stack, store, vpc=aws_ec2.Vpc.from_lookup(stack, "Vpc", vpc_name="shared"))


def test_a_vpc_known_only_at_deployment(stack: Stack, models: ModelStore, synth) -> None:
    vpc = aws_ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id=Token.as_string({"Ref": "VpcId"}),
        availability_zones=Token.as_list({"Ref": "Zones"}),
        private_subnet_ids=Token.as_list({"Ref": "Subnets"}),
    )
    model_in(stack, models, vpc=vpc)
    template = synth(stack)
    assert template.one(MODEL)["VpcConfig"]["Subnets"] == {"Ref": "Subnets"}
    (create,) = template.allowing("ec2:CreateNetworkInterface")
    assert ":*:subnet/*" in str(create["Resource"])


def test_a_class_of_ones_own(stack: Stack, models: ModelStore, synth) -> None:
    class OwnModel(MultiModel):
        pass

    vpc = isolated_vpc(stack)
    cache = aws_ec2.SecurityGroup(stack, "Cache", vpc=vpc)
    for number in (1, 2):
        own = OwnModel(stack, f"Own{number}", image=TRITON, models=models, vpc=vpc)
        cache.connections.allow_from(own, aws_ec2.Port.tcp(6380))
    assert len(synth(stack).all("AWS::EC2::SecurityGroupIngress")) == 2
