"""Values of the wrong type: the error names the prop, the value, the type and a hint."""

# mypy: disable-error-code="arg-type, list-item, typeddict-item, typeddict-unknown-key, call-arg"

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Duration, Stack, Token, aws_cloudwatch, aws_ec2, aws_iam, aws_s3
from hypothesis import given
from hypothesis import strategies as st

from mme_cdk import (
    CapacitySize,
    DataCapture,
    DeploymentStrategy,
    Endpoint,
    EndpointBase,
    EndpointConfig,
    EndpointMonitoring,
    ExecutionRole,
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
from mme_cdk._internal.type_checks import checked, type_faults

ROLE = "arn:aws:iam::111122223333:role/endpoint"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1"
ECR = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/a:b"


def make(stack: Stack, models: ModelStore, id: str = "Serving", **props: Any) -> MultiModelEndpoint:
    settings: dict[str, Any] = {
        "image": ServingImage.triton("26.05", processor=Processor.CPU),
        "models": models,
        "instance_type": "ml.m5.large",
        **props,
    }
    return MultiModelEndpoint(stack, id, **settings)


@pytest.fixture
def endpoint(stack: Stack, models: ModelStore) -> MultiModelEndpoint:
    return make(stack, models)


@pytest.mark.parametrize(
    ("prop", "value", "fault"),
    [
        ("instance_type", None, "None; must be a string"),
        ("instance_type", aws_ec2.InstanceType("m5.large"), 'must be a string: use "ml.m5.large"'),
        ("endpoint_name", 7, '7; must be a string: use "7"'),
        ("initial_instance_count", 2.5, "2.5; must be an integer: use 2 or 3"),
        ("initial_instance_count", "2", '"2"; must be an integer: use 2, without quotes'),
        ("initial_instance_count", True, "True; must be an integer"),
        ("initial_variant_weight", "heavy", '"heavy"; must be a number'),
        ("volume_size", 100, "100; must be a Size: use Size.mebibytes(100) or Size.gibi"),
        ("model_data_download_timeout", 300, "300; must be a Duration: use Duration.seconds(300)"),
        ("deployment", "canary", "must be a DeploymentStrategy: use DeploymentStrategy.canary()"),
        ("deployment", 3, "3; must be a DeploymentStrategy: use DeploymentStrategy.all_at_once(), canary()"),
        ("routing_strategy", "RANDOM", "must be a RoutingStrategy: use RoutingStrategy.RANDOM"),
        ("routing_strategy", "fastest", "use one of RoutingStrategy.RANDOM, RoutingStrategy.LEAST_"),
        ("image", "triton", 'must be a ServingImage: use ServingImage.triton("26.05")'),
        ("image", ECR, f'use ServingImage.from_uri("{ECR}")'),
        ("image", ServingImage, "image is the class ServingImage; must be a ServingImage"),
        ("environment", "A=1", "must be a mapping"),
        ("role", ROLE, f'must be a role: use Role.from_role_arn(self, "Id", "{ROLE}")'),
        ("role", aws_iam.Role, "role is the class Role; must be a role"),
        ("vpc", "vpc-1", 'must be a VPC: use Vpc.from_lookup(self, "Id", vpc_id="vpc-1")'),
        ("security_groups", "sg-1", "must be a list, each item a security group: put it in brackets"),
        ("encryption_key", KEY, "must be a KMS key: use Key.from_key_arn("),
        ("data_capture", 10, "10; must be a DataCapture: use DataCapture(bucket="),
        ("triton", {"thread_count": 8}, "must be a TritonSettings: use TritonSettings("),
        ("network_isolation", "false", '"false"; must be True or False'),
        ("retain_variant_properties", 1, "1; must be True or False"),
    ],
)
def test_props_of_an_endpoint(stack: Stack, models: ModelStore, prop: str, value: object, fault: str) -> None:
    with pytest.raises(PropsError) as raised:
        make(stack, models, **{prop: value})
    (found,) = raised.value.faults
    assert found.startswith(f"{prop} is ")
    assert fault in found
    assert raised.value.path == "Test/Serving"


@pytest.mark.parametrize(
    ("props", "fault"),
    [
        ({"environment": {"A": 1}}, 'environment["A"] is 1; must be a string: use "1"'),
        ({"environment": {1: "A"}}, 'key of environment is 1; must be a string: use "1"'),
        ({"security_groups": ["sg-1"]}, 'security_groups[0] is "sg-1"; must be a security group: use Sec'),
        (
            {"containers_after": [ServingImage.xgboost("3.2-0")]},
            "containers_after[0] is a _CatalogServingImage; must be a PipelineContainer: use PipelineCont",
        ),
    ],
)
def test_items(stack: Stack, models: ModelStore, props: dict[str, Any], fault: str) -> None:
    with pytest.raises(PropsError) as raised:
        make(stack, models, **props)
    assert fault in str(raised.value)


def test_all_faults_are_raised_at_once_and_leave_the_id_free(stack: Stack, models: ModelStore) -> None:
    model = MultiModel(stack, "Model", image=ServingImage.triton("26.05"), models=models)
    props: dict[str, Any] = {"instance_type": None, "volume_size": 10, "initial_instance_count": "2"}
    with pytest.raises(PropsError, match=r"^Test/Config: ") as raised:
        EndpointConfig(stack, "Config", model=model, **props)
    assert len(raised.value.faults) == 3
    EndpointConfig(stack, "Config", model=model, instance_type="ml.g5.xlarge")


def test_tokens_pass(stack: Stack, models: ModelStore) -> None:
    make(
        stack,
        models,
        instance_type=Token.as_string({"Ref": "Type"}),
        initial_instance_count=Token.as_number({"Ref": "Count"}),
        endpoint_name=Token.as_string({"Ref": "Name"}),
        environment={"A": Token.as_string({"Ref": "A"})},
        role=aws_iam.Role.from_role_arn(stack, "Role", ROLE),
    )


def test_a_string_token_is_not_a_number(stack: Stack, models: ModelStore) -> None:
    with pytest.raises(PropsError, match=r"must be an integer: use Token\.as_number for a value known at"):
        make(stack, models, initial_instance_count=Token.as_string({"Ref": "Count"}))


def test_unknown_and_missing_props_are_type_errors_as_usual(stack: Stack, models: ModelStore) -> None:
    with pytest.raises(
        TypeError, match=r"MultiModel\.__init__\(\) got an unexpected keyword argument 'tritn'"
    ):
        MultiModel(stack, "Model", image=ServingImage.triton("26.05"), models=models, tritn=None)
    with pytest.raises(TypeError, match=r"missing 1 required keyword-only argument: 'models'"):
        MultiModel(stack, "Model", image=ServingImage.triton("26.05"))


def test_constructs_and_factories(stack: Stack, tmp_path: Path) -> None:
    bucket = aws_s3.Bucket.from_bucket_name(stack, "There", "models")
    image = ServingImage.xgboost("3.2-0")
    policy = "arn:aws:iam::aws:policy/PowerUserAccess"
    wrong: Any = [
        (
            lambda: ModelStore.from_bucket("models"),
            r'^ModelStore: bucket is "models"; .* Bucket\.from_bucket_na',
        ),
        (
            lambda: make(stack, bucket),
            r"^Test/Serving: models is .*; must be a ModelStore: use ModelStore\.from",
        ),
        (
            lambda: ModelBucket(stack, "B", old_versions_expire_after=30),
            r"^Test/B: old_versions_.* a Duration",
        ),
        (lambda: ModelBucket(stack, "B", removal_policy="destroy"), r": use RemovalPolicy\.DESTROY$"),
        (lambda: ServingImage.triton(26.05), r'^ServingImage\.triton: version is 26\.05; .* use "26\.05"$'),
        (lambda: ServingImage.triton("26.05", account=1111), r'account is 1111; .* use "1111"$'),
        (
            lambda: ServingImage.from_ecr_repository("mine"),
            r'repository is "mine"; must be an ECR repository',
        ),
        (lambda: ServingImage.from_uri(None), r"uri is None; must be a string"),
        (lambda: ServingImage.from_docker_asset(5), r"directory is 5; must be a string or a Path"),
        (
            lambda: ServingImage.from_docker_asset(tmp_path, platform="arm"),
            r'platform is "arm"; .* a Platform',
        ),
        (
            lambda: DataCapture(bucket="x", sampling_percentage=1),
            r'^DataCapture: bucket is "x"; must be a bucket',
        ),
        (
            lambda: TritonSettings(thread_count="8"),
            r'^TritonSettings: thread_count is "8"; .* use 8, without',
        ),
        (lambda: TritonSettings(log_level="info"), r"log_level .* use TritonLogLevel\.INFO$"),
        (
            lambda: TritonSettings(additional_arguments="--a"),
            r"additional_arguments .* a list, each item a str",
        ),
        (
            lambda: PipelineContainer(image="scorer"),
            r'^PipelineContainer: image is "scorer"; must be a Serving',
        ),
        (lambda: PipelineContainer(image=image, key=1), r"key is 1; must be a string"),
        (
            lambda: EndpointBase.from_endpoint_arn(stack, "E", 5),
            r"^Test/E: endpoint_arn is 5; must be a string",
        ),
        (
            lambda: Endpoint(stack, "E", config="c"),
            r'^Test/E: config is "c"; must be an EndpointConfig: use End',
        ),
        (lambda: ExecutionRole(stack, "R", permissions_boundary=policy), r"\.from_managed_policy_arn\(self"),
        (lambda: DeploymentStrategy.canary(size=50), r"size is 50; .* CapacitySize\.percent\(50\) or Cap"),
        (
            lambda: DeploymentStrategy.rolling(rollback_batch="all"),
            r'rollback_batch is "all"; .* a CapacitySize',
        ),
        (lambda: DeploymentStrategy.all_at_once(wait_interval=300), r"wait_interval is 300; .* a Duration"),
        (
            lambda: DeploymentStrategy.all_at_once(rollback_alarms=["high"]),
            r'rollback_alarms\[0\] is "high"; must be an alarm: use Alarm\.from_alarm_name',
        ),
        (
            lambda: CapacitySize.percent("50"),
            r'^CapacitySize\.percent: value is "50"; .* use 50, with',
        ),
    ]
    for call, fault in wrong:
        with pytest.raises(PropsError, match=fault):
            call()


def test_methods(stack: Stack, endpoint: MultiModelEndpoint) -> None:
    role = aws_iam.Role(stack, "Caller", assumed_by=aws_iam.AccountRootPrincipal())
    metric = aws_cloudwatch.Metric(namespace="Shop", metric_name="Orders")
    scaling = endpoint.auto_scale_instance_count(max_capacity=3)
    wrong: Any = [
        (
            lambda: endpoint.grant(role, ["sagemaker:X"]),
            r"actions\[0\] is \['sagemaker:X'\]; must be a string",
        ),
        (lambda: endpoint.grant_invoke(ROLE), rf'grantee is .* a role, a user .*ArnPrincipal\("{ROLE}"\)'),
        (lambda: endpoint.grant_publish_models(role, prefix=None), r"prefix is None; must be a string"),
        (lambda: endpoint.grant_read_models("me"), r'grantee is "me"; must be a role, a user or another'),
        (
            lambda: endpoint.metric_invocations(period=60),
            r"^Test/Serving: period is 60; must be a Duration: use",
        ),
        (
            lambda: endpoint.add_monitoring(log_retention=30),
            r"log_retention .* use RetentionDays\.ONE_MONTH",
        ),
        (
            lambda: endpoint.add_monitoring(actions={"critical": ["arn"]}),
            r'\["critical"\]\[0\] is "arn"; must be',
        ),
        (
            lambda: endpoint.add_monitoring(thresholds={"cpu_percent": 1}),
            r"thresholds .* must be an AlarmT",
        ),
        (lambda: EndpointMonitoring(endpoint, "M", endpoint="ep"), r"EndpointBase\.from_endpoint_name\(self"),
        (lambda: endpoint.add_rollback_alarm("high"), r'alarms\[0\] is "high"; must be an alarm'),
        (
            lambda: endpoint.auto_scale_instance_count(max_capacity="3"),
            r"max_capacity .* use 3, without quotes",
        ),
        (
            lambda: endpoint.on_deployment_state_change("Rule", target="topic"),
            r'^Test/Serving/Rule: target is "topic"; must be an event rule target: use a class of aws_',
        ),
        (
            lambda: scaling.scale_on_schedule("A", schedule="rate(1 day)", min_capacity=1),
            r'schedule is "rate.*; must be a Schedule: use Schedule\.expression\("rate',
        ),
        (lambda: scaling.scale_on_schedule("A", schedule=1, time_zone="UTC"), r'use TimeZone\.of\("UTC"\)'),
        (
            lambda: scaling.scale_on_invocations("B", max_requests_per_second=4, scale_in_cooldown=300),
            r"^Test/Serving/Endpoint/Scaling/B: scale_in_cooldown is 300; must be a Duration",
        ),
        (
            lambda: scaling.scale_to_track_metric("F", metric="Orders", target_value=1),
            r'metric is "Orders"; must be a metric: use endpoint\.metric',
        ),
        (
            lambda: scaling.scale_on_metric("G", metric=metric, scaling_steps=[], cooldown=60),
            r"cooldown is 60; must be a Duration",
        ),
    ]
    for call, fault in wrong:
        with pytest.raises(PropsError, match=fault):
            call()


plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()), st.binary()
)


@given(plain)
def test_a_fault_names_the_prop_and_the_value(value: object) -> None:
    accepted = {
        "str": isinstance(value, str),
        "bool": isinstance(value, bool),
        "list[int]": isinstance(value, list),
        "str | None": value is None or isinstance(value, str),
    }
    for annotation, right in accepted.items():
        found = type_faults("prop", value, annotation, {})
        assert (not found) == right
        assert all(fault.startswith("prop is ") and "; must be " in fault for fault in found)
        assert all(len(fault) < 160 for fault in found if not isinstance(value, str))


def test_annotations_that_are_not_checked() -> None:
    @checked
    def function(anything: Any, made: Sequence[Duration], maybe: Mapping[str, Any], call: type[int]) -> str:
        return "done"

    assert function(object(), [Duration.seconds(1)], {"a": object()}, int) == "done"
