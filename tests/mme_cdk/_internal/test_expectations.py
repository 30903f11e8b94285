"""What a construct says of a value of the wrong kind: which prop, which value, what to write instead."""

# mypy: disable-error-code="arg-type, list-item, typeddict-item"
# Values of the wrong kind are what these tests give.

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import Duration, Stack, Token, aws_ec2, aws_iam, aws_s3
from hypothesis import given
from hypothesis import strategies as st

from mme_cdk import (
    DataCapture,
    DeploymentStrategy,
    Endpoint,
    EndpointBase,
    EndpointConfig,
    ModelBucket,
    ModelStore,
    MultiModel,
    MultiModelEndpoint,
    PipelineContainer,
    Processor,
    PropsError,
    ServingImage,
    TritonSettings,
)
from mme_cdk._internal.expectations import FLAG, NUMBER, TEXT, WHOLE, expect, expect_each, expect_texts

ARN = "arn:aws:iam::111122223333:role/endpoint"


def make(stack: Stack, models: ModelStore, id: str = "Serving", **props: Any) -> MultiModelEndpoint:
    settings: dict[str, Any] = {
        "image": ServingImage.triton("26.05", processor=Processor.CPU),
        "models": models,
        "instance_type": "ml.m5.large",
        **props,
    }
    return MultiModelEndpoint(stack, id, **settings)


def faults(raised: pytest.ExceptionInfo[PropsError]) -> str:
    return "; ".join(raised.value.faults)


@pytest.mark.parametrize(
    ("props", "fault"),
    [
        (
            {"instance_type": None},
            'instance_type is None; it must be a text: name one of SageMaker\'s, such as "ml.g5.xlarge"',
        ),
        (
            {"instance_type": aws_ec2.InstanceType("m5.large")},
            'instance_type is an InstanceType; it must be a text: use "ml.m5.large"',
        ),
        (
            {"next_instance_type": aws_ec2.InstanceType("m5.xlarge")},
            'next_instance_type is an InstanceType; it must be a text: use "ml.m5.xlarge"',
        ),
        (
            {"endpoint_name": ""},
            "endpoint_name is empty: give a name, or leave it out for one derived from the path",
        ),
        ({"endpoint_name": 7}, 'endpoint_name is 7; it must be a text: use "7"'),
        ({"variant_name": ""}, "variant_name (empty) is not valid: use at most 63 letters"),
        (
            {"initial_instance_count": 2.5},
            "initial_instance_count is 2.5; it must be a whole number: give 2 or 3",
        ),
        (
            {"initial_instance_count": "2"},
            'initial_instance_count is "2"; it must be a whole number: give 2, without quotes',
        ),
        (
            {"initial_instance_count": True},
            "initial_instance_count is True; it must be a whole number: give a number",
        ),
        (
            {"initial_variant_weight": "heavy"},
            'initial_variant_weight is "heavy"; it must be a number: give a number',
        ),
        ({"volume_size": 100}, "volume_size is 100; it must be a Size: use Size.gibibytes(100)"),
        (
            {"model_data_download_timeout": 300},
            "model_data_download_timeout is 300; it must be a Duration: use Duration.seconds(300)",
        ),
        (
            {"container_startup_health_check_timeout": 600},
            "container_startup_health_check_timeout is 600; it must be a Duration: use Duration.seconds(600)",
        ),
        (
            {"metric_publish_frequency": 60},
            "metric_publish_frequency is 60; it must be a Duration: use Duration.seconds(60)",
        ),
        (
            {"deployment": "canary"},
            'deployment is "canary"; it must be a DeploymentStrategy: use DeploymentStrategy.canary()',
        ),
        (
            {"deployment": 3},
            "deployment is 3; it must be a DeploymentStrategy: use DeploymentStrategy.all_at_once(),",
        ),
        (
            {"routing_strategy": "RANDOM"},
            'routing_strategy is "RANDOM"; it must be a RoutingStrategy: use RoutingStrategy.RANDOM',
        ),
        (
            {"routing_strategy": "fastest"},
            'routing_strategy is "fastest"; it must be a RoutingStrategy: use one of RoutingStrategy',
        ),
        (
            {"image": "triton"},
            'image is "triton"; it must be a ServingImage: use ServingImage.triton("26.05")',
        ),
        (
            {"image": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/a:b"},
            'use ServingImage.from_uri("111122223333.dkr.ecr.eu-west-1.amazonaws.com/a:b")',
        ),
        (
            {"environment": {"A": 1}},
            'environment["A"] is 1; it must be a text: use "1"',
        ),
        (
            {"environment": "A=1"},
            'environment is "A=1"; it must be a mapping of texts: use {"NAME": "value"}',
        ),
        (
            {"role": ARN},
            f'role is "{ARN}"; it must be a role: use Role.from_role_arn(self, "Id", "{ARN}")',
        ),
        ({"vpc": "vpc-1"}, 'vpc is "vpc-1"; it must be a VPC: use aws_ec2.Vpc.from_lookup'),
        (
            {"security_groups": "sg-1"},
            'security_groups is "sg-1"; it must be a list, each item a security group: write it in brackets',
        ),
        (
            {"security_groups": ["sg-1"]},
            'security_groups[0] is "sg-1"; it must be a security group: use SecurityGroup.',
        ),
        (
            {"encryption_key": "arn:aws:kms:eu-west-1:111122223333:key/1"},
            "it must be a KMS key: use Key.from_key_arn(",
        ),
        ({"data_capture": 10}, "data_capture is 10; it must be a DataCapture: use DataCapture(bucket="),
        ({"triton": {"thread_count": 8}}, "triton is {'thread_count': 8}; it must be a TritonSettings: use"),
        (
            {"triton": TritonSettings(thread_count="8")},
            'thread_count is "8"; it must be a whole number: give 8, without quotes',
        ),
        (
            {"triton": TritonSettings(log_level="info")},
            'log_level is "info"; it must be a TritonLogLevel: use TritonLogLevel.INFO',
        ),
        (
            {"triton": TritonSettings(additional_arguments="--a")},
            'additional_arguments is "--a"; it must be a list, each item a text: write it in brackets',
        ),
        (
            {"containers_after": [ServingImage.xgboost("3.2-0")]},
            "containers_after[0] is a CatalogServingImage; it must be a PipelineContainer: ",
        ),
        (
            {"containers_after": [PipelineContainer(image="scorer")]},
            'image of a pipeline container is "scorer"; it must be a ServingImage',
        ),
        (
            {"network_isolation": "false"},
            'network_isolation is "false"; it must be True or False: give one of them, without quotes',
        ),
        ({"retain_variant_properties": 1}, "retain_variant_properties is 1; it must be True or False"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_props_of_an_endpoint(stack: Stack, models: ModelStore, props: dict[str, Any], fault: str) -> None:
    with pytest.raises(PropsError) as raised:
        make(stack, models, **props)
    assert fault in faults(raised)
    assert raised.value.path.startswith("Test/Serving")


def test_a_bucket_is_no_store(stack: Stack) -> None:
    bucket = ModelBucket(stack, "Models", access_logs=False)
    with pytest.raises(
        PropsError,
        match=r"^Test/Serving: models is a ModelBucket; it must be a ModelStore: use ModelStore\.from",
    ):
        make(stack, bucket)


def test_every_value_of_a_wrong_kind_is_named_at_once(stack: Stack, models: ModelStore) -> None:
    model = MultiModel(stack, "Model", image=ServingImage.triton("26.05"), models=models)
    props: dict[str, Any] = {"instance_type": None, "volume_size": 10, "initial_instance_count": "2"}
    with pytest.raises(PropsError) as raised:
        EndpointConfig(stack, "Config", model=model, **props)
    assert len(raised.value.faults) == 3
    # A fault that was caught leaves no half-made construct: the id is free.
    EndpointConfig(stack, "Config", model=model, instance_type="ml.g5.xlarge")


def test_what_only_deployment_knows_is_taken(stack: Stack, models: ModelStore) -> None:
    make(
        stack,
        models,
        instance_type=Token.as_string({"Ref": "Type"}),
        initial_instance_count=Token.as_number({"Ref": "Count"}),
        endpoint_name=Token.as_string({"Ref": "Name"}),
        environment={"A": Token.as_string({"Ref": "A"})},
        role=aws_iam.Role.from_role_arn(stack, "Role", ARN),
    )


def test_a_text_of_deployment_is_no_number(stack: Stack, models: ModelStore) -> None:
    with pytest.raises(PropsError, match=r"initial_instance_count is .*: use Token\.as_number"):
        make(stack, models, initial_instance_count=Token.as_string({"Ref": "Count"}))


@pytest.mark.parametrize("second", ["Fraud", "FRAUD"])
def test_two_endpoints_of_one_name(stack: Stack, models: ModelStore, second: str) -> None:
    make(stack, models, "One", endpoint_name="Fraud")
    with pytest.raises(
        PropsError, match=rf"endpoint_name {second} is the name of Test/One/Endpoint, too: give one of them"
    ):
        make(stack, models, "Two", endpoint_name=second)


def test_two_stacks_may_use_one_name(stack: Stack, placed: Stack, models: ModelStore) -> None:
    make(stack, models, endpoint_name="fraud")
    there = ModelStore.from_bucket(aws_s3.Bucket.from_bucket_name(placed, "Bucket", "models"))
    make(placed, there, endpoint_name="fraud")


def test_stores_buckets_and_images(stack: Stack) -> None:
    bucket = aws_s3.Bucket.from_bucket_name(stack, "There", "models")
    wrong: Any = [
        (
            lambda: ModelStore.from_bucket("models"),
            r'^bucket is "models"; .* Bucket\.from_bucket_name\(self, "Id", "mo',
        ),
        (
            lambda: ModelStore.from_bucket(bucket, prefix="a/../b/"),
            r"^prefix a/\.\./b/ holds \. or \.\., which S3",
        ),
        (
            lambda: ModelBucket(stack, "Bucket", old_versions_expire_after=30),
            r"old_versions_expire_after is 30; it must be a Duration",
        ),
        (lambda: ServingImage.triton(26.05), r'^version is 26\.05; it must be a text: use "26\.05"$'),
        (
            lambda: ServingImage.triton("26.05", account=111122223333),
            r'^account is 111122223333; .* use "1111',
        ),
        (
            lambda: ServingImage.from_ecr_repository("mine"),
            r'^repository is "mine"; it must be an ECR repository',
        ),
        (lambda: ServingImage.from_uri(None), r"^uri is None; it must be a text"),
        (
            lambda: DataCapture(bucket="captured", sampling_percentage=10),
            r'^bucket of data capture is "captured"; it must be a bucket',
        ),
        (
            lambda: DataCapture(bucket=bucket, sampling_percentage="10"),
            r'^sampling_percentage is "10"; .* give 10,',
        ),
        (lambda: EndpointBase.from_endpoint_arn(stack, "E", 5), r"endpoint_arn is 5; it must be a text"),
        (
            lambda: Endpoint(stack, "Endpoint", config="config"),
            r'^Test/Endpoint: config is "config"; it must be an EndpointConfig',
        ),
    ]
    for call, fault in wrong:
        with pytest.raises(PropsError, match=fault):
            call()


plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()), st.binary()
)


@given(plain)
def test_a_fault_names_prop_and_value_or_there_is_none(value: object) -> None:
    for kind in (TEXT, WHOLE, NUMBER, FLAG):
        fault = expect("prop", value, kind)
        assert (fault is None) == kind.accepts(value)
        assert fault is None or (fault.startswith("prop is ") and f"it must be {kind.noun}: " in fault)


@given(st.dictionaries(st.text(), plain))
def test_mappings_of_texts(values: dict[str, object]) -> None:
    found = [fault for fault in expect_texts("environment", values) if fault]
    assert len(found) == sum(not isinstance(value, str) for value in values.values())


@given(st.lists(plain))
def test_each_of_several(values: list[object]) -> None:
    found = [place for place, fault in enumerate(expect_each("items", values, TEXT)) if fault]
    assert found == [place for place, value in enumerate(values) if not isinstance(value, str)]


def test_long_values_are_cut() -> None:
    fault = expect("prop", {"a": "b" * 200}, TEXT)
    assert fault is not None
    assert len(fault) < 160
    assert "..." in fault


def test_durations_that_are_right() -> None:
    assert DeploymentStrategy.all_at_once(wait_interval=Duration.seconds(0)).wait_interval.to_seconds() == 0
