"""What props and calls become in the template: the properties of one type of resource, as a snapshot.

`pytest tests/mme_cdk/test_accepted.py --snapshot-update` after a change; review the difference.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from aws_cdk import (
    App,
    Duration,
    Size,
    Stack,
    TimeZone,
    Token,
    aws_cloudwatch,
    aws_events_targets,
    aws_iam,
    aws_kms,
    aws_sqs,
)
from aws_cdk.aws_applicationautoscaling import AdjustmentType, ScalingInterval, Schedule
from syrupy.assertion import SnapshotAssertion

from mme_cdk import (
    CapacitySize,
    DataCapture,
    DeploymentStrategy,
    EndpointBase,
    ExecutionRole,
    ModelBucket,
    ModelStore,
    PipelineContainer,
    RoutingStrategy,
    ServingImage,
    TritonLogLevel,
    TritonSettings,
)
from tests.mme_cdk.building import (
    CPU,
    XGBOOST,
    Probe,
    bucket_in,
    config_in,
    cpu_endpoint_in,
    endpoint_in,
    imported,
    model_in,
    role_in,
    scaling_in,
)
from tests.mme_cdk.conftest import SnapshotFile, synthesize_probes

STRATEGY = DeploymentStrategy
SCIKIT_LEARN = ServingImage.scikit_learn("1.9-0")
OWN_IMAGE = ServingImage.from_uri("111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/server:7")
STEPS = [ScalingInterval(upper=1_000, change=-1), ScalingInterval(lower=500_000, change=1)]


def ref(name: str) -> str:
    return Token.as_string({"Ref": name})


def with_triton(**settings: Any) -> Probe:
    return partial(model_in, triton=TritonSettings(**settings))


def deployed(strategy: DeploymentStrategy, instances: int = 4) -> Probe:
    return partial(endpoint_in, deployment=strategy, initial_instance_count=instances)


def scaled(scope: Stack, **props: Any) -> object:
    return endpoint_in(scope, **props).auto_scale_instance_count(min_capacity=3, max_capacity=8)


def rolled_back_by_an_alarm(scope: Stack) -> None:
    alarm = aws_cloudwatch.Alarm.from_alarm_name(scope, "Alarm", "an-alarm")
    endpoint_in(scope, deployment=STRATEGY.rolling(rollback_alarms=[alarm]), initial_instance_count=4)


def two_variants(scope: Stack) -> None:
    config = cpu_endpoint_in(scope).config
    volume = Size.gibibytes(9)
    config.add_variant("challenger", model=config.model, instance_type="ml.c5.large", volume_size=volume)


def with_a_key(scope: Stack) -> None:
    key = aws_kms.Key(scope, "Key")
    cpu_endpoint_in(scope, encryption_key=key, detailed_observability=True, variant_name="blue")


def captured(scope: Stack) -> None:
    json = ("application/json",)
    capture = DataCapture(
        bucket=bucket_in(scope), sampling_percentage=5, capture_output=False, json_content_types=json
    )
    endpoint_in(scope, data_capture=capture)


def pipeline(scope: Stack) -> None:
    scaler = PipelineContainer(
        image=SCIKIT_LEARN,
        bucket=bucket_in(scope),
        key="scaler/v3.tar.gz",
        environment={"SAGEMAKER_PROGRAM": "scale.py"},
        hostname="scaler",
    )
    last = PipelineContainer(image=XGBOOST, hostname=ref("Name"))
    model_in(scope, image=XGBOOST, containers_before=[scaler], containers_after=[last])


def stepped(scope: Stack) -> None:
    scaling_in(scope).scale_on_metric(
        "Waits",
        metric=imported(scope).metric_model_loading_wait_time(),
        scaling_steps=STEPS,
        adjustment_type=AdjustmentType.CHANGE_IN_CAPACITY,
        cooldown=Duration.minutes(5),
        evaluation_periods=3,
    )


def scheduled(scope: Stack) -> None:
    scaling, cron, berlin = scaling_in(scope), Schedule.cron, TimeZone.EUROPE_BERLIN
    scaling.scale_on_schedule("Day", schedule=cron(hour="8", minute="0"), min_capacity=4, time_zone=berlin)
    scaling.scale_on_schedule("Night", schedule=cron(hour="20"), min_capacity=1, max_capacity=2)


def encrypted(scope: Stack) -> ModelStore:
    bucket = ModelBucket(scope, "Models", encryption_key=aws_kms.Key(scope, "Key"), access_logs=False)
    return ModelStore.from_bucket(bucket)


def next_to(scope: Any) -> Stack:
    return Stack(scope.node.root, f"{scope.node.id}-Roles")


def granted(method: str, *arguments: str, **props: str) -> Probe:
    def grant(scope: Stack) -> None:
        endpoint = endpoint_in(scope, endpoint_name="Mine")
        getattr(endpoint, method)(role_in(scope), *arguments, **props)

    return grant


def alarm(scope: Stack, metric: aws_cloudwatch.IMetric) -> object:
    return aws_cloudwatch.Alarm(scope, "Alarm", metric=metric, threshold=1, evaluation_periods=1)


ACCEPTED: dict[str, dict[str, Probe]] = {
    "AWS::SageMaker::Endpoint": {
        "defaults": endpoint_in,
        "all at once": deployed(
            STRATEGY.all_at_once(
                termination_wait=Duration.minutes(10), maximum_execution_timeout=Duration.minutes(30)
            )
        ),
        "canary": deployed(STRATEGY.canary(wait_interval=Duration.minutes(1))),
        "linear": deployed(STRATEGY.linear(step=CapacitySize.instances(1))),
        "rolling": deployed(
            STRATEGY.rolling(
                batch=CapacitySize.percent(50),
                rollback_batch=CapacitySize.percent(100),
                maximum_execution_timeout=Duration.hours(1),
            )
        ),
        "an alarm rolls it back": rolled_back_by_an_alarm,
        "scaled variants are retained": scaled,
        "scaled variants are not retained on request": partial(scaled, retain_variant_properties=False),
        "unscaled variants are retained on request": partial(endpoint_in, retain_variant_properties=True),
    },
    "AWS::SageMaker::EndpointConfig": {
        "a GPU variant has neither volume size nor key": partial(config_in, initial_instance_count=2),
        "a CPU variant with a key": with_a_key,
        "everything about a variant": partial(
            cpu_endpoint_in,
            initial_variant_weight=0.5,
            volume_size=Size.mebibytes(204_800),
            model_data_download_timeout=Duration.minutes(10),
            container_startup_health_check_timeout=Duration.minutes(5),
            routing_strategy=RoutingStrategy.LEAST_OUTSTANDING_REQUESTS,
            enhanced_metrics=True,
            metric_publish_frequency=Duration.seconds(30),
        ),
        "no AMI for an older CUDA": partial(config_in, image=ServingImage.triton("25.04")),
        "the AMI that Triton's CUDA needs": partial(config_in, image=ServingImage.triton("25.09")),
        "tokens": lambda s: config_in(
            s,
            instance_type=ref("Type"),
            initial_instance_count=Token.as_number({"Ref": "Count"}),
            inference_ami_version=ref("Ami"),
        ),
        "two variants": two_variants,
        "data capture": captured,
        "a low initial count is raised to the minimum of the scaling": scaled,
        "a higher initial count stays": partial(scaled, initial_instance_count=4),
    },
    "AWS::SageMaker::Model": {
        "defaults": model_in,
        "no cache": partial(model_in, cache_models=False),
        "network isolation": partial(model_in, network_isolation=True),
        "environment over the defaults": partial(model_in, environment={"SAGEMAKER_TRITON_LOG_VERBOSE": "1"}),
        "no variables of Triton for other images": partial(model_in, image=OWN_IMAGE),
        "settings for an image built on Triton": partial(
            model_in, image=OWN_IMAGE, triton=TritonSettings(thread_count=4)
        ),
        "settings and custom variables": partial(
            model_in,
            triton=TritonSettings(thread_count=4),
            environment={"SAGEMAKER_TRITON_LOG_VERBOSE": "2", "TEAM": "a"},
        ),
        "a setting known at deployment": lambda s: model_in(
            s, triton=TritonSettings(thread_count=Token.as_number({"Ref": "Threads"}))
        ),
        "shared memory": with_triton(shm_default_bytes=2**26, shm_growth_bytes=2**24),
        "threads": with_triton(thread_count=16, buffer_manager_thread_count=2),
        "GPU memory": with_triton(gpu_memory_limit=0.8),
        **{f"log level {level.name}": with_triton(log_level=level) for level in TritonLogLevel},
        "arguments": with_triton(auto_complete_config=False, additional_arguments=["--exit-timeout-secs=60"]),
        "a pipeline in its order": pipeline,
        "a CPU container next to a GPU container": partial(
            endpoint_in, containers_before=[PipelineContainer(image=XGBOOST)]
        ),
    },
    "AWS::ApplicationAutoScaling::ScalableTarget": {
        "target": scaled,
        "bounds known at deployment": lambda s: deployed(STRATEGY.canary())(s).auto_scale_instance_count(
            min_capacity=2, max_capacity=Token.as_number({"Ref": "Most"})
        ),
        "schedules": scheduled,
    },
    "AWS::ApplicationAutoScaling::ScalingPolicy": {
        # 20 a second, half of it, in a minute.
        "invocations": lambda s: scaling_in(s).scale_on_invocations(
            "Load", max_requests_per_second=20, scale_in_cooldown=Duration.minutes(5), disable_scale_in=True
        ),
        # Half of four vCPUs, each of which counts to 100.
        "CPU": lambda s: scaling_in(s, CPU).scale_on_cpu_utilization(
            "Cpu", target_utilization_percent=50, scale_out_cooldown=Duration.minutes(1)
        ),
        "CPU of a type known at deployment": lambda s: scaling_in(s, ref("Type")).scale_on_cpu_utilization(
            "Cpu", target_utilization_percent=50, vcpus=16
        ),
        "GPU": lambda s: scaling_in(s).scale_on_gpu_utilization("Gpu", target_utilization_percent=70),
        "GPU memory": lambda s: scaling_in(s).scale_on_gpu_memory_utilization(
            "Gpu", target_utilization_percent=70
        ),
        "any metric": lambda s: scaling_in(s).scale_to_track_metric(
            "Slow", metric=imported(s).metric_model_latency(statistic="Maximum"), target_value=50_000
        ),
        "steps": stepped,
    },
    "AWS::IAM::ManagedPolicy": {
        "execution role of any endpoint": lambda s: ExecutionRole(s, "Role"),
        "execution role of an endpoint": partial(endpoint_in, endpoint_name="Mine"),
        "execution role of a bucket with a key": lambda s: endpoint_in(s, models=encrypted(s)),
    },
    "AWS::IAM::Role": {
        "an execution role trusts SageMaker": lambda s: ExecutionRole(
            s,
            "Role",
            description="for tests",
            permissions_boundary=aws_iam.ManagedPolicy.from_aws_managed_policy_name("PowerUserAccess"),
        ),
    },
    "AWS::IAM::Policy": {
        "logs and metrics of a given role": lambda s: endpoint_in(s, role=role_in(s), endpoint_name="mine"),
        "rights of an imported role": lambda s: endpoint_in(
            s, role=aws_iam.Role.from_role_name(s, "Role", "theirs"), endpoint_name="mine"
        ),
        "rights of a role of another stack": lambda s: endpoint_in(
            s, role=role_in(next_to(s)), models=encrypted(s), endpoint_name="mine"
        ),
        "grant": granted("grant", "sagemaker:UpdateEndpointWeightsAndCapacities", "sagemaker:ListTags"),
        "grant_describe": granted("grant_describe"),
        "grant_invoke": granted("grant_invoke"),
        "grant_invoke_model": granted("grant_invoke_model", "tenant-a/*", "shared.tar.gz"),
        "grant_publish_models": granted("grant_publish_models"),
        "grant_publish_models of a tenant": granted("grant_publish_models", prefix="tenant-a/"),
        "grant_read_models": granted("grant_read_models"),
        "grant_resolve_aliases": granted("grant_resolve_aliases"),
        "grant_resolve_aliases of a tenant": granted("grant_resolve_aliases", prefix="tenant-a/"),
        "publish with a key": lambda s: encrypted(s).grant_publish(role_in(s)),
        "read with a key": lambda s: encrypted(s).grant_read(role_in(s)),
        "resolve aliases with a key": lambda s: encrypted(s).grant_resolve_aliases(role_in(s)),
        "invoke an import by name": lambda s: EndpointBase.from_endpoint_name(
            s, "Imported", "Mine"
        ).grant_invoke(role_in(s)),
        "invoke an import by ARN": lambda s: imported(s).grant_invoke(role_in(s)),
        "invoke an import known at deployment": lambda s: imported(s, ref("Arn")).grant_invoke(role_in(s)),
        "invoke an endpoint named at deployment": lambda s: endpoint_in(
            s, endpoint_name=ref("Name")
        ).grant_invoke(role_in(s)),
    },
    "AWS::Events::Rule": {
        "deployments": lambda s: endpoint_in(s, endpoint_name="mine").on_deployment_state_change(
            "Moved", target=aws_events_targets.SqsQueue(aws_sqs.Queue(s, "Queue")), description="of mine"
        ),
        "deployments of an import": lambda s: imported(s, ref("Arn")).on_deployment_state_change("Moved"),
    },
    "AWS::CloudWatch::Alarm": {
        "a metric": lambda s: alarm(s, endpoint_in(s, endpoint_name="Mine").metric_model_latency()),
        "a percentile": lambda s: alarm(s, imported(s).metric_model_latency(statistic="p99")),
        "a metric of an import known at deployment": lambda s: alarm(
            s, imported(s, ref("Arn")).metric_model_latency()
        ),
    },
    "AWS::S3::Bucket": {
        "safe by default, with a bucket for its access logs": lambda s: ModelBucket(s, "Models"),
        "with a key": lambda s: ModelBucket(s, "Models", encryption_key=aws_kms.Key(s, "Key")),
        "without access logs": lambda s: ModelBucket(s, "Models", access_logs=False),
        "logs into another bucket": lambda s: ModelBucket(s, "Models", access_logs_bucket=bucket_in(s)),
        "other expirations": lambda s: ModelBucket(
            s,
            "Models",
            old_versions_expire_after=Duration.days(7),
            access_logs_expire_after=Duration.days(9),
        ),
    },
    "AWS::S3::BucketPolicy": {"TLS only": lambda s: ModelBucket(s, "Models")},
}


def test_accepted(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    app = App(analytics_reporting=False, outdir=str(tmp_path))
    probes = {f"{kind[5:]} {name}": probe for kind, rows in ACCEPTED.items() for name, probe in rows.items()}
    found = synthesize_probes(app, probes)
    properties = {
        kind: {name: [one["Properties"] for one in found[f"{kind[5:]} {name}"].all(kind)] for name in rows}
        for kind, rows in ACCEPTED.items()
    }
    assert properties == snapshot(extension_class=SnapshotFile)
