"""What platform teams pass: refused with its reason, warned with an id, or accepted. One line each.

`!` begins the text of a `PropsError`, `?` the id of a warning; empty = accepted without a warning. Warnings
that need the whole tree (routes to S3, egress) are in `test_warned.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from aws_cdk import Annotations, Stack, TimeZone, aws_ec2, aws_ecr, aws_iam, aws_kms, aws_s3, aws_ssm
from aws_cdk.aws_applicationautoscaling import Schedule

from mme_cdk import (
    DataCapture,
    EndpointBase,
    ModelStore,
    PipelineContainer,
    PropsError,
    ServingImage,
    TritonSettings,
)
from tests.mme_cdk.building import CPU, XGBOOST, endpoint_in, imported, placed_in, role_in, scaling_in, token

Probe = Callable[[Stack], object]
E = partial(partial, endpoint_in)
AWS = "763104351884.dkr.ecr.{}/{}"
HERE, THERE = "eu-west-1.amazonaws.com", "us-east-1.amazonaws.com"
GPU_PYTORCH = "pytorch-inference:2.6.0-gpu-py312"
KEY = "arn:{}:kms:{}:111122223333:key/1"
ROLE = "arn:{}:iam::{}:role/x"


def uri(text: str) -> ServingImage:
    return ServingImage.from_uri(text)


def with_lookup(prop: str, make: Callable[[str], Any] = str, **more: Any) -> Probe:
    """The dummy value of a lookup, which the CDK CLI replaces."""
    return lambda s: endpoint_in(
        s, **{prop: make(aws_ssm.StringParameter.value_from_lookup(s, "/x")), **more}
    )


def with_repository(name: str, **more: Any) -> Probe:
    return lambda s: endpoint_in(
        s,
        image=ServingImage.from_ecr_repository(aws_ecr.Repository.from_repository_name(s, "Repo", name), "1"),
        **more,
    )


def bucket_at(scope: Stack, region: str) -> aws_s3.IBucket:
    return aws_s3.Bucket.from_bucket_attributes(scope, f"In{region}", bucket_name="theirs", region=region)


def store_at(scope: Stack, region: str) -> ModelStore:
    return ModelStore.from_bucket(bucket_at(scope, region))


def key_at(partition: str, region: str) -> Probe:
    def probe(scope: Stack) -> object:
        key = aws_kms.Key.from_key_arn(scope, "Key", KEY.format(partition, region))
        return endpoint_in(scope, instance_type=CPU, encryption_key=key)

    return probe


def role_at(partition: str, account: str) -> Probe:
    return lambda s: endpoint_in(
        s, role=aws_iam.Role.from_role_arn(s, "Role", ROLE.format(partition, account))
    )


def vpc_at(scope: Stack, region: str) -> aws_ec2.IVpc:
    zones = [f"{region}a", f"{region}b"]
    ids = {"private_subnet_ids": ["subnet-1", "subnet-2"], "private_subnet_route_table_ids": ["r-1", "r-2"]}
    return aws_ec2.Vpc.from_vpc_attributes(
        scope, "Vpc", vpc_id="vpc-1", region=region, availability_zones=zones, **ids
    )


def scheduled(expression: str, id: str = "Day", **more: Any) -> Probe:
    given = {"schedule": Schedule.expression(expression), "min_capacity": 2, **more}
    return lambda s: scaling_in(s).scale_on_schedule(id, **given)


def twice(scope: Stack) -> None:
    count = scaling_in(scope)
    count.scale_on_invocations("One", max_requests_per_second=1)
    count.scale_on_invocations("Two", max_requests_per_second=2)


def scaled(instance_type: str) -> Probe:
    return lambda s: endpoint_in(s, image=XGBOOST, instance_type=instance_type).auto_scale_instance_count(
        max_capacity=2
    )


def named_twice(region: str) -> Probe:
    def probe(scope: Stack) -> None:
        endpoint_in(scope, endpoint_name=f"{scope.node.id}-a")
        endpoint_in(placed_in(scope, region), endpoint_name=f"{scope.node.id}-A")

    return probe


def granted(pattern: str) -> Probe:
    return lambda s: endpoint_in(s).grant_invoke_model(role_in(s), pattern)


def invoked_by(principal: Callable[[Stack], Any]) -> Probe:
    return lambda s: imported(s).grant_invoke(principal(s))


def argument(text: str) -> Probe:
    return lambda _: TritonSettings(additional_arguments=(text,))


EARLY, LATE = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 2, tzinfo=UTC)
PROBES: dict[str, dict[str, tuple[str, Probe]]] = {
    "images": {
        "PyTorch on a GPU": ("? mme:instanceType", E(image=uri(AWS.format(HERE, GPU_PYTORCH)))),
        "an own PyTorch on a GPU": ("", E(image=uri(f"111122223333.dkr.ecr.{HERE}/{GPU_PYTORCH}"))),
        "an own repository named pytorch-inference": ("", with_repository("pytorch-inference")),
        "an own repository named sagemaker-xgboost": ("", with_repository("sagemaker-xgboost")),
        "AWS's XGBoost on a GPU": ("! CPUs only", E(image=XGBOOST)),
        "a registry of the company": (
            "! don't support registries in a VPC",
            lambda _: uri("registry.corp/x:1"),
        ),
        "another region": ("! copy it there", E(image=uri(AWS.format(THERE, "sagemaker-tritonserver:1")))),
        "another partition": (
            "! is in another partition than eu-west-1",
            E(image=uri(AWS.format(f"{HERE}.cn", "sagemaker-tritonserver:1"))),
        ),
        "scikit-learn without a program": (
            "! has no program",
            E(image=ServingImage.scikit_learn("1.9-0"), instance_type=CPU),
        ),
    },
    "lookups": {
        "instance type": ("", with_lookup("instance_type")),
        "next instance type": ("", with_lookup("next_instance_type")),
        "AMI": ("", with_lookup("inference_ami_version")),
        "endpoint name": ("", with_lookup("endpoint_name")),
        "variant name": ("", with_lookup("variant_name")),
        "version": ("", with_lookup("image", ServingImage.triton)),
        "URI": ("? mme:imageUriUnknown", with_lookup("image", uri)),
    },
    "instance types": {
        "one that is newer than botocore": ("? mme:instanceType", E(instance_type="ml.g9.xlarge")),
        "a metal one": ("? mme:instanceType", E(instance_type="ml.c9.metal-24xl")),
        "a typing error": ("! is not a SageMaker hosting", E(instance_type="ml.g5.xlage")),
        "several GPUs": ("! has 4 GPUs", E(instance_type="ml.g5.12xlarge")),
        "a parameter, with CUDA 13": ("? mme:inferenceAmi", lambda s: endpoint_in(s, instance_type=token(s))),
    },
    "places": {
        "bucket": ("! the bucket is in region", lambda s: endpoint_in(s, models=store_at(s, "us-east-1"))),
        "bucket here": ("", lambda s: endpoint_in(s, models=store_at(s, "eu-west-1"))),
        "captured data": (
            "! the bucket is in region",
            lambda s: endpoint_in(
                s, data_capture=DataCapture(bucket=bucket_at(s, "us-east-1"), sampling_percentage=1)
            ),
        ),
        "a pipeline's model": (
            "! bucket theirs is in region",
            lambda s: endpoint_in(
                s,
                containers_after=[
                    PipelineContainer(image=XGBOOST, bucket=bucket_at(s, "us-east-1"), key="a.tar.gz")
                ],
            ),
        ),
        "key": ("! encryption_key is in region us-east-1", key_at("aws", "us-east-1")),
        "key of another partition": ("! is in partition aws-cn", key_at("aws-cn", "eu-west-1")),
        "key here": ("", key_at("aws", "eu-west-1")),
        "role of another account": ("! is of account 4", role_at("aws", "444455556666")),
        "role of another partition": ("! is in partition aws-cn", role_at("aws-cn", "111122223333")),
        "role here": ("", role_at("aws", "111122223333")),
        "VPC": ("! the vpc is in region", lambda s: endpoint_in(s, vpc=vpc_at(s, "us-east-1"))),
    },
    "names": {
        "one name twice": ("! is already the name of", named_twice("eu-west-1")),
        "one name in two regions": ("", named_twice("us-east-1")),
        "a parameter, and a grant": (
            "? mme:endpointNameCase",
            lambda s: endpoint_in(s, endpoint_name=token(s)).grant_invoke(role_in(s)),
        ),
    },
    "grants": {
        "an ARN": ("! use Role.from_role_arn(", invoked_by(lambda _: ROLE.format("aws", 1))),
        "an ArnPrincipal": (
            "? mme:grantWithoutEffect",
            invoked_by(lambda _: aws_iam.ArnPrincipal(ROLE.format("aws", "111122223333"))),
        ),
        "an unknown principal": ("", invoked_by(lambda s: aws_iam.UnknownPrincipal(resource=s))),
        "a model without its ending": ("? mme:targetModelPattern", granted("fraud-detection-v1")),
        "a folder": ("? mme:targetModelPattern", granted("acme/")),
        "with the models' prefix": ("? mme:targetModelPattern", granted("models/acme/*")),
        "the start of a name": ("? mme:targetModelPattern", granted("acme*")),
        "a tenant": ("", granted("acme/*")),
        "an absolute path": ("! matches no model", granted("/acme/x.tar.gz")),
    },
    "scaling": {
        "two policies for a metric": ("! policy One tracks", twice),
        "t2": ("! is burstable", scaled("ml.t2.large")),
        "m5": ("", scaled("ml.m5.large")),
        "words": ("! schedule is every day; must be", scheduled("every day")),
        "no such day": ("! which is not a valid time", scheduled("at(2030-13-45T99:00:00)")),
        "no seconds": ("! must be at(yyyy-mm-ddThh:mm:ss)", scheduled("at(2030-01-31T12:00)")),
        "five fields": ("! with six fields", scheduled("cron(0 8 * *)")),
        "six fields": ("", scheduled("cron(0 8 * * ? *)")),
        "no such zone": ("! does not exist: use", scheduled("rate(1 day)", time_zone=TimeZone.of("Mars/X"))),
        "a naive time": ("! has no time zone", scheduled("rate(1 day)", start_time=datetime(2030, 1, 1))),
        "an end before the start": (
            "! is not after start_time",
            scheduled("rate(1 day)", start_time=LATE, end_time=EARLY),
        ),
        "start and end": ("", scheduled("rate(1 day)", start_time=EARLY, end_time=LATE)),
        "a colon": ("! is not a valid name", scheduled("rate(1 day)", id="a:b")),
        "no bound": ("! would change nothing", scheduled("rate(1 day)", min_capacity=None)),
    },
    "Triton's arguments": {
        text: (outcome, argument(f"--{text}"))
        for text, outcome in {
            "load-model=helper": "! contradicts",
            "sagemaker-port=1": "! contradicts",
            "model-repository=/x": "! contradicts",
            "model-control-mode=poll": "! contradicts",
            "model-namespacing=false": "! contradicts",
            "exit-timeout-secs=3": "",
        }.items()
    },
    "imports": {
        "metrics with a keyword of another library": (
            "! ",
            lambda s: imported(s).metric_model_latency(stat="p99"),  # type: ignore[call-arg]
        ),
        "a name": ("", lambda s: EndpointBase.from_endpoint_name(s, "I", "x").grant_invoke(role_in(s))),
    },
}
ROWS = [(topic, name) for topic, probes in PROBES.items() for name in probes]


@pytest.mark.parametrize(("topic", "name"), ROWS)
def test_probe(probe_stack: Stack, monkeypatch: pytest.MonkeyPatch, topic: str, name: str) -> None:
    outcome, probe = PROBES[topic][name]
    scope = placed_in(probe_stack)
    ids: set[str] = set()
    monkeypatch.setattr(Annotations, "add_warning_v2", lambda _, id, text: ids.add(id))
    if outcome.startswith("!"):
        with pytest.raises((PropsError, TypeError)) as refused:
            probe(scope)
        assert outcome[2:] in str(refused.value)
        return
    probe(scope)
    assert ids == ({outcome[2:]} if outcome else set())
