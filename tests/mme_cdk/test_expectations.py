"""What a construct says of a value of the wrong kind: which prop, which value, what to write instead."""

# mypy: disable-error-code="arg-type, list-item, typeddict-item"
# Values of the wrong kind are what these tests give.

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import Duration, Stack, Token, aws_cloudwatch, aws_ec2, aws_iam, aws_logs, aws_s3
from hypothesis import given
from hypothesis import strategies as st

from mme_cdk import (
    CapacitySize,
    DataCapture,
    DeploymentStrategy,
    Endpoint,
    EndpointBase,
    EndpointConfig,
    ExecutionRole,
    ModelBucket,
    ModelStore,
    MultiModel,
    MultiModelEndpoint,
    PipelineContainer,
    Processor,
    PropsError,
    ScalableInstanceCount,
    ServingImage,
    TritonSettings,
)
from mme_cdk.expectations import FLAG, NUMBER, TEXT, WHOLE, expect, expect_each, expect_texts
from mme_cdk.log_days import LOG_DAYS
from mme_cdk.monitoring import AlarmThresholds, EndpointMonitoring

ARN = "arn:aws:iam::111122223333:role/endpoint"


@pytest.fixture
def endpoint(stack: Stack, models: ModelStore) -> MultiModelEndpoint:
    return make(stack, models)


@pytest.fixture
def scaling(endpoint: MultiModelEndpoint) -> ScalableInstanceCount:
    return endpoint.auto_scale_instance_count(max_capacity=3)


@pytest.fixture
def role(stack: Stack) -> aws_iam.Role:
    return aws_iam.Role(stack, "Caller", assumed_by=aws_iam.ServicePrincipal("lambda.amazonaws.com"))


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


def test_grants(stack: Stack, endpoint: MultiModelEndpoint, role: aws_iam.Role) -> None:
    wrong: Any = [
        (lambda: endpoint.grant(role), r"no action was given, so it would allow nothing: name one, such as"),
        (
            lambda: endpoint.grant(role, "InvokeEndpoint"),
            r'"InvokeEndpoint" is no action of IAM: write SERVICE:',
        ),
        (
            lambda: endpoint.grant(role, ["sagemaker:X"]),
            r"action is \['sagemaker:X'\]; it must be a text: give",
        ),
        (
            lambda: endpoint.grant_invoke(ARN),
            rf'grantee is "{ARN}"; it must be a role, .*ArnPrincipal\("{ARN}"\)',
        ),
        (
            lambda: endpoint.grant_invoke_model(role, ["a/*"]),
            r"pattern is \['a/\*'\]; it must be a text: give each item for itself",
        ),
        (
            lambda: endpoint.grant_publish_models(role, prefix="../x/"),
            r"prefix \.\./x/ holds \. or \.\., which S3",
        ),
        (lambda: endpoint.grant_publish_models(role, prefix=None), r"prefix is None; it must be a text"),
        (lambda: endpoint.grant_resolve_aliases("me"), r'grantee is "me"; it must be a role'),
        (lambda: endpoint.grant_read_models("me"), r'grantee is "me"; it must be a role, a user or another'),
    ]
    for call, fault in wrong:
        with pytest.raises(PropsError, match=fault):
            call()


def test_metrics_of_a_variant_that_is_not_there(stack: Stack, endpoint: MultiModelEndpoint) -> None:
    for known in (endpoint, endpoint.endpoint):
        with pytest.raises(
            PropsError, match=r"there is no variant Nope: use one of AllTraffic, or add it first"
        ):
            known.metric_invocations(variant_name="Nope")
    with pytest.raises(PropsError, match=r"period is 60; it must be a Duration: use Duration\.seconds\(60\)"):
        endpoint.metric_invocations(period=60)
    imported = EndpointBase.from_endpoint_name(stack, "Imported", "fraud")
    metric = imported.metric_invocations(variant_name="Nope")
    assert metric.dimensions == {"EndpointName": "fraud", "VariantName": "Nope"}


@pytest.mark.parametrize(
    ("make_strategy", "fault"),
    [
        (
            lambda: DeploymentStrategy.canary(size=50),
            r"^canary is 50; .* use CapacitySize\.percent\(50\) or CapacitySize\.instances\(50\)$",
        ),
        (lambda: DeploymentStrategy.linear(step=0), r"^linear step is 0; it must be a CapacitySize"),
        (
            lambda: DeploymentStrategy.rolling(rollback_batch="all"),
            r'^rollback_batch is "all"; it must be a CapacitySize',
        ),
        (
            lambda: DeploymentStrategy.all_at_once(wait_interval=300),
            r"^wait_interval is 300; it must be a Duration: use Duration\.seconds\(300\)$",
        ),
        (
            lambda: DeploymentStrategy.all_at_once(rollback_alarms=["high"]),
            r'^rollback_alarms\[0\] is "high"; it must be an alarm: use Alarm\.from_alarm_name',
        ),
        (
            lambda: DeploymentStrategy.all_at_once(rollback_alarms="high"),
            r'^rollback_alarms is "high"; it must be a list, each item an alarm',
        ),
        (lambda: CapacitySize.percent("50"), r'^percent is "50"; .* give 50, without quotes$'),
        (lambda: CapacitySize.instances(1.5), r"^instances is 1\.5; .* give 1 or 2$"),
    ],
)
def test_deployment_strategies(make_strategy: Any, fault: str) -> None:
    with pytest.raises(PropsError, match=fault):
        make_strategy()


def test_rollback_alarms(endpoint: MultiModelEndpoint) -> None:
    with pytest.raises(PropsError, match=r'alarms\[0\] is "high"; it must be an alarm'):
        endpoint.add_rollback_alarm("high")


def test_scaling(scaling: ScalableInstanceCount, endpoint: MultiModelEndpoint) -> None:
    metric = aws_cloudwatch.Metric(namespace="Shop", metric_name="Orders")
    wrong: Any = [
        (
            lambda: scaling.scale_on_schedule("A", schedule="cron(0 8 * * ? *)", min_capacity=1),
            r'schedule is "cron\(0 8 \* \* \? \*\)"; it must be a Schedule: use Schedule\.expression\("cron',
        ),
        (
            lambda: scaling.scale_on_invocations("B", max_requests_per_second="40"),
            r'max_requests_per_second is "40"; it must be a number: give 40, without quotes',
        ),
        (
            lambda: scaling.scale_on_invocations("C", max_requests_per_second=40, scale_in_cooldown=300),
            r"scale_in_cooldown is 300; it must be a Duration",
        ),
        (
            lambda: scaling.scale_on_cpu_utilization("D", target_utilization_percent="70"),
            r'target_utilization_percent is "70"; it must be a number: give 70',
        ),
        (
            lambda: scaling.scale_on_cpu_utilization("E", target_utilization_percent=70, vcpus=0),
            r"vcpus is 0; it must be at least 1",
        ),
        (
            lambda: scaling.scale_to_track_metric("F", metric="Orders", target_value=1),
            r'metric is "Orders"; it must be a metric: use endpoint\.metric',
        ),
        (
            lambda: scaling.scale_on_metric("G", metric=metric, scaling_steps=[], cooldown=60),
            r"cooldown is 60; it must be a Duration",
        ),
        (
            lambda: endpoint.endpoint.auto_scale_instance_count(max_capacity="3", variant_name="AllTraffic"),
            r"was called twice",
        ),
    ]
    for call, fault in wrong:
        with pytest.raises(PropsError, match=fault):
            call()


def test_bounds_of_scaling(endpoint: MultiModelEndpoint) -> None:
    with pytest.raises(PropsError, match=r'max_capacity is "3"; it must be a whole number: give 3, without'):
        endpoint.auto_scale_instance_count(max_capacity="3")
    # The fault left nothing behind.
    endpoint.auto_scale_instance_count(max_capacity=3)


def test_monitoring(endpoint: MultiModelEndpoint) -> None:
    wrong: Any = [
        ({"period": 60}, r"period is 60; it must be a Duration: use Duration\.seconds\(60\)"),
        ({"thresholds": {"cpu_percent": 90}}, r"thresholds is .*; it must be an AlarmThresholds: use"),
        ({"actions": []}, r"actions is \[\]; it must be a mapping of severities to actions: use"),
        ({"minimum_requests": "10"}, r'minimum_requests is "10"; it must be a whole number: give 10,'),
        ({"dashboard": None}, r"dashboard is None; it must be True or False"),
        ({"contributor_insights": 1}, r"contributor_insights is 1; it must be True or False"),
        ({"log_retention": 30}, r"log_retention is 30; it .* a RetentionDays: use RetentionDays\.ONE_MONTH$"),
        ({"log_retention": "two_weeks"}, r'log_retention is "two_weeks"; .* use RetentionDays\.TWO_WEEKS$'),
        ({"log_retention": 31}, r"log_retention is 31; .* use one of aws_logs\.RetentionDays, such as"),
        ({"log_removal_policy": "destroy"}, r'log_removal_policy is "destroy"; .* RemovalPolicy\.DESTROY$'),
        (
            {"thresholds": AlarmThresholds(cpu_percent=90)},
            r'cpu_percent is 90; it must be a mapping of severities to thresholds: use \{"critical": 90\}',
        ),
        (
            {"thresholds": AlarmThresholds(cpu_percent={"page": "90"})},
            r'cpu_percent\["page"\] is "90"; it must be a number: give 90, without quotes',
        ),
        ({"thresholds": AlarmThresholds(cpu_percent={1: 90})}, r"a severity in cpu_percent is 1; .* a text"),
        (
            {"actions": {"critical": "arn"}},
            r'actions\["critical"\] is "arn"; it must be a list, each item an',
        ),
        ({"actions": {"critical": ["arn"]}}, r'actions\["critical"\]\[0\] is "arn"; .* use .*SnsAction'),
        ({"variant_name": "Nope"}, r"there is no variant Nope: use one of AllTraffic"),
    ]
    for props, fault in wrong:
        with pytest.raises(PropsError, match=fault):
            endpoint.add_monitoring(**props)
    # The faults left nothing behind.
    endpoint.add_monitoring()
    with pytest.raises(PropsError, match=r'endpoint is "ep"; .* EndpointBase\.from_endpoint_name\(self, "Id'):
        EndpointMonitoring(endpoint, "Other", endpoint="ep")


def test_every_span_of_a_log_is_known_by_its_days() -> None:
    spans = [int(LOG_DAYS.accepts(each)) for each in aws_logs.RetentionDays]
    assert all(spans)
    named = {days: expect("log_retention", days, LOG_DAYS) for days in (1, 14, 365, 3288, 3653)}
    ends = {1: "ONE_DAY", 14: "TWO_WEEKS", 365: "ONE_YEAR", 3288: "NINE_YEARS", 3653: "TEN_YEARS"}
    assert {days: str(fault).rpartition(".")[2] for days, fault in named.items()} == ends


def test_events_and_roles(stack: Stack, endpoint: MultiModelEndpoint) -> None:
    with pytest.raises(PropsError, match=r'target is "topic"; .* use one of aws_events_targets'):
        endpoint.on_deployment_state_change("Rule", target="topic")
    with pytest.raises(PropsError, match=r"description is 5; it must be a text"):
        endpoint.on_deployment_state_change("Rule", description=5)
    with pytest.raises(PropsError, match=r"permissions_boundary is .*; .*\.from_managed_policy_arn\(self"):
        ExecutionRole(stack, "Role", permissions_boundary="arn:aws:iam::aws:policy/PowerUserAccess")


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
