"""What synthesizes with a warning that an app can acknowledge, by its id and a part of its text."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from aws_cdk import Annotations, App, Environment, Stack, aws_ec2, aws_iam
from constructs import Construct

from mme_cdk import DataCapture, ServingImage, TritonLogLevel, TritonSettings
from tests.mme_cdk.building import (
    GPU,
    NEW_AMI,
    Probe,
    bucket_in,
    config_in,
    endpoint_in,
    imported,
    isolated_vpc,
    model_in,
    placed_in,
    role_in,
    store_in,
    token,
)
from tests.mme_cdk.conftest import Synthesized, synthesize_probes

S3 = aws_ec2.GatewayVpcEndpointAwsService.S3
TABLES = aws_ec2.GatewayVpcEndpointAwsService.DYNAMODB
LOUD = TritonSettings(log_level=TritonLogLevel.INFO)
MUTE = TritonSettings(log_level=TritonLogLevel.WARNING)


def with_gateway(scope: Stack, service: aws_ec2.GatewayVpcEndpointAwsService, *, later: bool) -> None:
    vpc = isolated_vpc(scope)
    if later:
        model_in(scope, vpc=vpc)
    vpc.add_gateway_endpoint("Gateway", service=service)
    if not later:
        model_in(scope, vpc=vpc)


def in_public_subnets(scope: Stack) -> None:
    public = aws_ec2.SubnetSelection(subnet_type=aws_ec2.SubnetType.PUBLIC)
    model_in(scope, vpc=aws_ec2.Vpc(scope, "Vpc", max_azs=2), vpc_subnets=public)


def acknowledged(scope: Stack) -> None:
    model = model_in(scope, vpc=isolated_vpc(scope))
    Annotations.of(model).acknowledge_warning("mme:s3Route", "the landing zone has one")


def second_variant(scope: Stack) -> None:
    config = config_in(scope)
    config.add_variant("second", model=config.model, instance_type=GPU)


def invoked_from(scope: Any, account: str, region: str = "eu-west-1") -> None:
    env = Environment(account=account, region=region)
    theirs = Stack(scope.node.root, f"{scope.node.id}Callers", env=env)
    imported(scope).grant_invoke(role_in(theirs))


def monitored(endpoint: dict[str, Any], **props: Any) -> Callable[[Stack], object]:
    return lambda scope: endpoint_in(scope, **endpoint).add_monitoring(**props)


def changing(scope: Stack, *, scaled: bool) -> None:
    endpoint = endpoint_in(scope, next_instance_type="ml.g5.2xlarge", initial_instance_count=2)
    if scaled:
        endpoint.auto_scale_instance_count(min_capacity=2, max_capacity=8)


WARNED: dict[str, Probe] = {
    "mme:image 25.09 ...path traversal...use 26.03 or newer": partial(
        model_in, image=ServingImage.triton("25.09")
    ),
    "mme:imageUriUnknown no pull rights": lambda s: model_in(s, image=ServingImage.from_uri(token(s))),
    "mme:instanceType does not list": partial(config_in, instance_type="ml.g6.xlarge"),
    "mme:instanceType use the CPU build": partial(config_in, instance_type="ml.m5.large"),
    "mme:inferenceAmi older driver lib": partial(
        config_in, image=ServingImage.triton("24.09"), inference_ami_version=NEW_AMI
    ),
    "mme:severalVariants contradict each other": second_variant,
    "mme:dataCapture does not document data capture": lambda s: endpoint_in(
        s, data_capture=DataCapture(bucket=bucket_in(s), sampling_percentage=5)
    ),
    "mme:crossAccountCaller no resource policy...let it assume a role": partial(
        invoked_from, account="444455556666"
    ),
    "mme:s3Route no route from these subnets to S3": lambda s: model_in(s, vpc=isolated_vpc(s)),
    "mme:s3Route no route from": partial(with_gateway, service=TABLES, later=False),
    # Interfaces in public subnets have no public address.
    "mme:s3Route no route from these": in_public_subnets,
    "mme:logLevel below INFO": monitored({"triton": MUTE}),
    "mme:logLevel names no models": monitored({"environment": {"SAGEMAKER_TRITON_LOG_INFO": "False"}}),
    "mme:notScaled AllTraffic is not scaled while next_instance_type is ml.g5.2xlarge and ...": partial(
        changing, scaled=True
    ),
}


def allowing(*patterns: str) -> Probe:
    return lambda s: endpoint_in(s).grant_invoke_model(role_in(s), *patterns)


WARNED |= {
    f"mme:targetModelPattern {text}": allowing(pattern)
    for pattern, text in {
        "fraud-detection-v1": "matches no model; archives end in .tar.gz: use fraud-detection-v1.tar.gz",
        "acme/": "matches no model; ...: use acme/*",
        "acme/*.tgz": "acme/*.tgz' matches no model; archives end in .tar.gz: use acme/*.tar.gz",
        "acme/a_v0.tar": "archives end in .tar.gz: use acme/a_v0.tar.gz",
        "acme/a_v0.gz": "archives end in .tar.gz: use acme/a_v0.tar.gz",
        "models/acme/*": "TargetModel leaves the models' prefix models/ out: use acme/*",
        "acme*": "acme*' also matches models of other folders...: use acme/* ...or grant_invoke",
        "churn-*.tar.gz": "use churn/* for a folder, churn_v*.tar.gz for the versions of a model",
        "tenant-a*.tar.gz": "tenant-a*.tar.gz' also matches",
        "a?me/*": "a?me/*' also matches",
        "*": "'*' also matches models of other folders...: use grant_invoke for all models",
        "${aws:PrincipalTag/TenantID}*.tar.gz": "TenantID}*.tar.gz' also matches",
        "../*": "'../*' matches no model; keys have no empty folders, and no . or ..",
        "acme//*": "'acme//*' matches no model",
        "acme/*\n": "matches no model; it has white space at an end",
        "acme/\x00*": "matches no model; it has white space at an end or a control character",
    }.items()
}


def with_role(role: Callable[[Stack], Any]) -> Probe:
    return lambda s: endpoint_in(s, role=role(s))


ROLE_ARN = "arn:aws:iam::111122223333:role/theirs"
WARNED |= {
    "mme:grantWithoutEffect an ArnPrincipal, ... it needs sagemaker:InvokeEndpoint on ...endpoint/mine": (
        lambda s: imported(s).grant_invoke(aws_iam.ArnPrincipal(ROLE_ARN))
    ),
    "mme:immutableRole /Role is imported without policy updates...; it needs s3:GetObject": (
        with_role(lambda s: aws_iam.Role.from_role_arn(s, "Role", ROLE_ARN, mutable=False))
    ),
    "mme:immutableRole logs:PutLogEvents on ...log-group:/aws/sagemaker/Endpoints/": (
        with_role(lambda s: role_in(s).without_policy_updates())
    ),
    "mme:grantWithoutEffect a ServicePrincipal, ... it needs s3:GetObject on ...the-bucket/models/*": (
        lambda s: store_in(s).grant_read(aws_iam.ServicePrincipal("lambda.amazonaws.com"))
    ),
}


def flagged(scope: Stack) -> None:
    """A feature flag of this repository's app, which changes the ids of the policies of imported roles."""
    place = Construct(scope, "Place")
    place.node.set_context("@aws-cdk/aws-iam:importedRoleStackSafeDefaultPolicyName", True)
    endpoint_in(scope, role=aws_iam.Role.from_role_arn(place, "Role", ROLE_ARN))


def lazy(scope: Stack) -> None:
    role = aws_iam.LazyRole(scope, "Role", assumed_by=aws_iam.ServicePrincipal("lambda.amazonaws.com"))
    imported(scope).grant_invoke(role)


def newer_region(scope: Stack) -> None:
    place = placed_in(scope, "eu-newer-9")
    image = ServingImage.from_uri("111122223333.dkr.ecr.eu-newer-9.amazonaws.com/team/server:7")
    endpoint_in(place, image=image, role=aws_iam.Role.from_role_arn(place, "Role", ROLE_ARN))


def loose_name(scope: Stack) -> None:
    endpoint_in(scope, endpoint_name=token(scope)).grant_invoke(role_in(scope))


def closed(scope: Stack, *, rule: bool) -> None:
    endpoint = endpoint_in(scope, vpc=isolated_vpc(scope), allow_all_outbound=False)
    if rule:
        endpoint.connections.allow_to(aws_ec2.Peer.prefix_list("pl-1"), aws_ec2.Port.HTTPS)


def acknowledged_route(scope: Stack) -> None:
    closed(scope, rule=True)
    Annotations.of(scope).acknowledge_warning("mme:s3Route", "the prefix list is of S3's gateway")


PYTORCH = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-gpu-py312"
WARNED |= {
    "mme:instanceType ml.g9.xlarge is not ...; it is not checked, as it may be newer": partial(
        config_in, instance_type="ml.g9.xlarge"
    ),
    "mme:inferenceAmi instance_type is known only at deployment, so no AMI was chosen": lambda s: config_in(
        s, instance_type=token(s)
    ),
    "mme:instanceType AWS's guide lists Triton only": lambda s: endpoint_in(
        s, image=ServingImage.from_uri(PYTORCH)
    ),
    "mme:endpointNameCase the ARNs of endpoints are in lower case": loose_name,
    "mme:noEgress no model can be downloaded": partial(closed, rule=False),
}

NOT_WARNED: dict[str, Probe] = {
    "an endpoint": endpoint_in,
    "a caller in another region": partial(invoked_from, account="111122223333", region="us-east-1"),
    "a route to S3": partial(with_gateway, service=S3, later=False),
    "a route to S3 that is added later": partial(with_gateway, service=S3, later=True),
    "private subnets with egress": lambda s: model_in(s, vpc=aws_ec2.Vpc(s, "Vpc", max_azs=2)),
    "an acknowledged warning": acknowledged,
    "monitoring": monitored({"triton": LOUD}),
    "monitoring without log queries": monitored({"triton": MUTE}, log_queries=False),
    "patterns of one tenant, and of versions": allowing(
        "acme/*", "acme/**", "acme/m_v0.tar.gz", "m_v*.tar.gz", "${aws:PrincipalTag/TenantID}/*", "a/m*"
    ),
    "an outbound rule": acknowledged_route,
    "an own image that is named like one of AWS's": lambda s: endpoint_in(
        s, image=ServingImage.from_uri(PYTORCH.replace("763104351884", "111122223333"))
    ),
    "an imported role": with_role(lambda s: aws_iam.Role.from_role_arn(s, "Role", ROLE_ARN)),
    "an imported role with its flag": flagged,
    "an imported role with a named policy": with_role(
        lambda s: aws_iam.Role.from_role_arn(s, "Role", ROLE_ARN, default_policy_name="Serving")
    ),
    "a lazy role": lazy,
    "a role in a region that aws-cdk does not know": newer_region,
    "a change of type without scaling": partial(changing, scaled=False),
}


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Synthesized]:
    app = App(analytics_reporting=False, outdir=str(tmp_path_factory.mktemp("warned")))
    return synthesize_probes(app, {**WARNED, **NOT_WARNED})


def warnings(found: Synthesized) -> list[str]:
    return [text for texts in found.warnings.values() for text in texts if "ack: mme:" in text]


@pytest.mark.parametrize("warning", WARNED)
def test_warned(synthesized: dict[str, Synthesized], warning: str) -> None:
    id, _, text = warning.partition(" ")
    found = [each for each in warnings(synthesized[warning]) if f"[ack: {id}]" in each]
    wanted = ".*".join(map(re.escape, text.split("...")))
    assert any(re.search(wanted, each) for each in found), warnings(synthesized[warning])


@pytest.mark.parametrize("name", NOT_WARNED)
def test_not_warned(synthesized: dict[str, Synthesized], name: str) -> None:
    assert warnings(synthesized[name]) == []
