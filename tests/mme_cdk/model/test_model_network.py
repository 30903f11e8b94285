from __future__ import annotations

from aws_cdk import App, Environment, Stack, Token, aws_ec2

from mme_cdk import MultiModel
from tests.mme_cdk.building import TRITON, endpoint_in, group_in, isolated_vpc, model_in, store_in

MODEL = "AWS::SageMaker::Model"


def test_private_subnets_and_a_new_security_group(stack: Stack, synth) -> None:
    model_in(stack, vpc=aws_ec2.Vpc(stack, "Vpc", max_azs=2))
    template = synth(stack)
    config = template.one(MODEL)["VpcConfig"]
    assert ["PrivateSubnet" in subnet["Ref"] for subnet in config["Subnets"]] == [True, True]
    (group,) = config["SecurityGroupIds"]
    assert group["Fn::GetAtt"][0].startswith("ModelSecurityGroup")
    assert template.one("AWS::EC2::SecurityGroup")["SecurityGroupEgress"][0]["IpProtocol"] == "-1"


def test_custom_security_groups(stack: Stack, synth) -> None:
    model_in(stack, vpc=isolated_vpc(stack), security_groups=[group_in(stack)])
    template = synth(stack)
    assert template.one(MODEL)["VpcConfig"]["SecurityGroupIds"] == ["sg-1"]
    assert template.all("AWS::EC2::SecurityGroup") == []


def test_connections(stack: Stack, synth) -> None:
    vpc = isolated_vpc(stack)
    cache = aws_ec2.SecurityGroup(stack, "Cache", vpc=vpc)
    endpoint = endpoint_in(stack, vpc=vpc, allow_all_outbound=False)
    endpoint.connections.allow_to(cache, aws_ec2.Port.tcp(6379))
    # As any aws-cdk construct with connections, it can be given itself.
    cache.connections.allow_from(endpoint, aws_ec2.Port.tcp(6380))
    template = synth(stack)
    ports = {found["Properties"]["FromPort"] for found in template.all("AWS::EC2::SecurityGroupIngress")}
    assert ports == {6379, 6380}
    assert len(template.all("AWS::EC2::SecurityGroupEgress")) == 2


def test_a_vpc_that_a_lookup_will_find(app: App) -> None:
    stack = Stack(app, "Looking", env=Environment(account="111122223333", region="eu-west-1"))
    model_in(stack, vpc=aws_ec2.Vpc.from_lookup(stack, "Vpc", vpc_name="shared"))


def test_a_vpc_known_only_at_deployment(stack: Stack, synth) -> None:
    vpc = aws_ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id=Token.as_string({"Ref": "VpcId"}),
        availability_zones=Token.as_list({"Ref": "Zones"}),
        private_subnet_ids=Token.as_list({"Ref": "Subnets"}),
    )
    model_in(stack, vpc=vpc)
    template = synth(stack)
    assert template.one(MODEL)["VpcConfig"]["Subnets"] == {"Ref": "Subnets"}
    (create,) = template.allowing("ec2:CreateNetworkInterface")
    assert ":*:subnet/*" in str(create["Resource"])


def test_a_subclass_is_connectable(stack: Stack, synth) -> None:
    class OwnModel(MultiModel):
        pass

    vpc = isolated_vpc(stack)
    cache = aws_ec2.SecurityGroup(stack, "Cache", vpc=vpc)
    for number in (1, 2):
        own = OwnModel(stack, f"Own{number}", image=TRITON, models=store_in(stack), vpc=vpc)
        cache.connections.allow_from(own, aws_ec2.Port.tcp(6380))
    assert len(synth(stack).all("AWS::EC2::SecurityGroupIngress")) == 2
