"""Props refused at synth, by the fault as users read it; `...` leaves text out."""

# mypy: disable-error-code="arg-type, list-item, typeddict-item, typeddict-unknown-key, call-arg"

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from aws_cdk import (
    Duration,
    Size,
    Stack,
    aws_ec2,
    aws_ecr_assets,
    aws_iam,
)
from aws_cdk.aws_applicationautoscaling import Schedule

from mme_cdk import (
    AlarmThresholds,
    CapacitySize,
    PipelineContainer,
    Processor,
    ServingImage,
    TritonLogLevel,
    TritonSettings,
)
from tests.mme_cdk.building import (
    ECR,
    HALF_SECOND,
    KEY,
    NEW_AMI,
    OLD_AMI,
    ROLE,
    STRATEGY,
    TRITON,
    XGBOOST,
    Probe,
    all_at_once,
    assert_refused,
    bare_endpoint_in,
    bucket,
    capture,
    config_in,
    cpu_endpoint_in,
    cpu_monitored,
    docker_image,
    endpoint_in,
    exchange,
    model_in,
    monitored,
    queue_in,
    scale,
    scaled,
    schedule,
    store,
    triton,
)

PROPS: dict[Probe, dict[str, dict[str, Any]]] = {
    endpoint_in: {
        "instance_type is None; must be a string": {"image": TRITON, "instance_type": None},
        'must be a string: use "ml.m5.large"': {
            "image": TRITON,
            "instance_type": aws_ec2.InstanceType("m5.large"),
        },
        'endpoint_name is 7; must be a string: use "7"': {"endpoint_name": 7},
        "initial_instance_count is 2.5; must be an integer: use 2 or 3": {"initial_instance_count": 2.5},
        '"2"; must be an integer: use 2, without quotes': {"initial_instance_count": "2"},
        "initial_instance_count is True; must be an integer": {"initial_instance_count": True},
        '"heavy"; must be a number': {"initial_variant_weight": "heavy"},
        "volume_size is 100; must be a Size: use Size.mebibytes(100) or Size.gibi": {"volume_size": 100},
        "300; must be a Duration: use Duration.seconds(300)": {"model_data_download_timeout": 300},
        "must be a DeploymentStrategy: use DeploymentStrategy.canary()": {"deployment": "canary"},
        "use DeploymentStrategy.all_at_once(), canary()": {"deployment": 3},
        "must be a RoutingStrategy: use RoutingStrategy.RANDOM": {"routing_strategy": "RANDOM"},
        "use one of RoutingStrategy.RANDOM, RoutingStrategy.LEAST_": {"routing_strategy": "fastest"},
        'must be a ServingImage: use ServingImage.triton("26.05")': {"image": "triton"},
        f'use ServingImage.from_uri("{ECR}")': {"image": ECR},
        "image is the class ServingImage; must be a ServingImage": {"image": ServingImage},
        "environment is ...; must be a mapping": {"environment": "A=1"},
        'environment["A"] is 1; must be a string: use "1"': {"environment": {"A": 1}},
        'key of environment is 1; must be a string: use "1"': {"environment": {1: "A"}},
        f'must be a role: use Role.from_role_arn(self, "Id", "{ROLE}")': {"role": ROLE},
        "role is the class Role; must be a role": {"role": aws_iam.Role},
        'must be a VPC: use Vpc.from_lookup(self, "Id", vpc_id="vpc-1")': {"vpc": "vpc-1"},
        "must be a list, each item a security group: put it in brackets": {"security_groups": "sg-1"},
        'security_groups[0] is "sg-1"; must be a security group: use Sec': {"security_groups": ["sg-1"]},
        "must be a SubnetSelection: use SubnetSelection(": {"vpc_subnets": [1]},
        "must be a KMS key: use Key.from_key_arn(": {"encryption_key": KEY},
        "10; must be a DataCapture: use DataCapture(bucket=": {"data_capture": 10},
        "must be a TritonSettings: use TritonSettings(": {"triton": {"thread_count": 8}},
        '"false"; must be True or False': {"network_isolation": "false"},
        "retain_variant_properties is 1; must be True": {"retain_variant_properties": 1},
        "containers_after[0] is ...; must be a PipelineContainer": {"containers_after": [XGBOOST]},
        "ml.g5.xlarge is x86_64, the image of ... is built for arm64": {
            "containers_before": [
                PipelineContainer(image=docker_image(platform=aws_ecr_assets.Platform.LINUX_ARM64))
            ]
        },
        "has a V100 GPU of compute capability 7.0; ... 7.5": {
            "image": ServingImage.triton("24.09"),
            "instance_type": "ml.p3.2xlarge",
            "containers_after": [PipelineContainer(image=TRITON)],
        },
        "ml.g5.xlarge is a GPU type; XGBoost ... CPUs only: use": {"image": XGBOOST},
        "cannot use its GPU: use the GPU": {"image": ServingImage.triton("26.05", processor=Processor.CPU)},
        "next_instance_type: ml.g5.12xlarge has 4 GPUs": {"next_instance_type": "ml.g5.12xlarge"},
        "next_instance_type: ml.g5.mega is not a SageMaker hosting": {"next_instance_type": "ml.g5.mega"},
        "endpoint_name -x is not valid: use at most 63": {"endpoint_name": "-x"},
        "endpoint_name is empty: give a name": {"endpoint_name": ""},
        "initial_instance_count is 1; a canary deployment needs at least": {"deployment": STRATEGY.canary()},
        "a linear deployment needs at least two": {"deployment": STRATEGY.linear()},
        "a rolling deployment needs at least two": {"deployment": STRATEGY.rolling()},
        "canary size of 2 instances is 66.7%": {
            "deployment": STRATEGY.canary(size=CapacitySize.instances(2)),
            "initial_instance_count": 3,
        },
        "step of 1 instance is 9.09%": {
            "deployment": STRATEGY.linear(step=CapacitySize.instances(1)),
            "initial_instance_count": 11,
        },
        "batch of 1 instance is 4.76%": {
            "deployment": STRATEGY.rolling(batch=CapacitySize.instances(1)),
            "initial_instance_count": 21,
        },
    },
    bucket: {
        "old_versions_expire_after is 30; ... a Duration": {"old_versions_expire_after": 30},
        ": use RemovalPolicy.DESTROY": {"removal_policy": "destroy"},
        "B: old_versions_expire_after is 1.5 days; must": {"old_versions_expire_after": Duration.hours(36)},
        "access_logs_expire_after is 0 days; must be at": {"access_logs_expire_after": Duration.days(0)},
    },
    capture: {
        'DataCapture: bucket is "x"; must be a bucket': {"bucket": "x", "sampling_percentage": 1},
        "sampling_percentage is 101; must be from 0 to 100": {"sampling_percentage": 101},
        "so nothing is captured: leave data_capture out": {
            "sampling_percentage": 1,
            "capture_input": False,
            "capture_output": False,
        },
        "data capture prefix captured is not a folder": {"sampling_percentage": 1, "prefix": "captured"},
        "601 characters; its URI is longer than 512": {"sampling_percentage": 1, "prefix": "x" * 600 + "/"},
    },
    triton: {
        'TritonSettings: thread_count is "8"; ... use 8, without': {"thread_count": "8"},
        "log_level ... use TritonLogLevel.INFO": {"log_level": "info"},
        "additional_arguments ... a list, each item a str": {"additional_arguments": "--a"},
        "shm_default_bytes is 16; must be at least 1048576": {"shm_default_bytes": 16},
        "shm_growth_bytes is -1": {"shm_growth_bytes": -1},
        "TritonSettings: thread_count is 0; must be at least 1;": {"thread_count": 0, "gpu_memory_limit": 2},
        "buffer_manager_thread_count is 0": {"buffer_manager_thread_count": 0},
        "gpu_memory_limit is 0; ... above 0 up to 1": {"gpu_memory_limit": 0},
        "'--a b' contains white space, at which serve": {"additional_arguments": ["--a b"]},
        "additional argument '' contains": {"additional_arguments": [""]},
        **{
            f"additional argument {argument} contradicts what": {"additional_arguments": [argument]}
            for argument in (
                "--load-model=helper",
                "--sagemaker-port=9000",
                "--model-repository=/x",
                "--model-control-mode=poll",
            )
        },
    },
    all_at_once: {
        "wait_interval is 300; ... a Duration": {"wait_interval": 300},
        'rollback_alarms[0] is "high"; must be an alarm: use': {"rollback_alarms": ["high"]},
        "wait_interval is 60.5 s; must be whole seconds": {"wait_interval": HALF_SECOND},
        "termination_wait is 7200 s...; maximum_execution_timeout is 300 s; must be from 600": {
            "termination_wait": Duration.hours(2),
            "maximum_execution_timeout": Duration.minutes(5),
        },
    },
    monitored: {
        "log_retention ... use RetentionDays.ONE_MONTH": {"log_retention": 30},
        '["critical"][0] is "arn"; must be': {"actions": {"critical": ["arn"]}},
        "thresholds ... must be an AlarmT": {"thresholds": {"cpu_percent": 1}},
        "actions name severity panic, which no alarm has: use one of critical": {"actions": {"panic": []}},
        "period is 90 s; must be one or more whole minutes": {"period": Duration.seconds(90)},
        "period is 60.5 s; ...must be one or more whole minutes": {"period": HALF_SECOND},
        "minimum_requests is 0; must be at least 1": {"minimum_requests": 0},
        "there is no variant AllTrafic": {"variant_name": "AllTrafic"},
    },
    scaled: {
        "max_capacity ... use 3, without quotes": {"max_capacity": "3"},
        "min_capacity 3 is above max_capacity 2: raise one": {"min_capacity": 3, "max_capacity": 2},
        "min_capacity is 0; must be at least 1": {"min_capacity": 0, "max_capacity": 2},
    },
    queue_in: {
        'endpoint is "ep"; ...from_endpoint_name(self, "Id", "ep")': {"endpoint": "ep"},
        'prefixes is "async/"; must be an ExchangePrefixes': {"prefixes": "async/"},
        "log_retention is 7; must be a RetentionDays: use": {"log_retention": 7},
        "max_concurrency is 1; must be from 2 to 1000": {"max_concurrency": 1},
        "batch_size is 11; must be from 1 to 10": {"batch_size": 11},
        "max_attempts is 0; must be from 1 to 100": {"max_attempts": 0},
        "timeout is 60 s; must be from 75 to 900 s": {"timeout": Duration.seconds(60)},
        "timeout is 100.5 s; must be whole seconds": {"timeout": Duration.millis(100500)},
        "memory_size is 64 MiB; must be from 128 to 10240 MiB": {"memory_size": Size.mebibytes(64)},
        "memory_size is 976.562 MiB; must be whole MiB": {"memory_size": Size.kibibytes(1000000)},
        "objects_expire_after is 20.8333 days; must be whole": {"objects_expire_after": Duration.hours(500)},
        "objects_expire_after is 14 days; must be at least 15": {"objects_expire_after": Duration.days(14)},
        "reserved_concurrency is 2, below max_concurrency 5": {"reserved_concurrency": 2},
    },
    store: {
        "prefix models has no trailing slash: use models/": {"prefix": "models"},
        "prefix /models/ starts with a slash: use models/": {"prefix": "/models/"},
        "empty folder name": {"prefix": "a//b/"},
        "a*/ contains an IAM wildcard or variable": {"prefix": "a*/"},
        "a${x}/ contains an IAM wildcard or variable": {"prefix": "a${x}/"},
        "prefix is empty; models need a folder": {"prefix": ""},
        "prefix is empty; models need": {"prefix": "/"},
        "longer than 1024": {"prefix": "x" * 1024 + "/"},
        "no trailing slash...starts with a slash...wildcard": {"prefix": "/models*"},
    },
    model_in: {
        "environment has 101 variables; SageMaker": {"environment": {f"V{n}": "x" for n in range(100)}},
        "environment variable '1st' is not a valid name: use letters, digits": {"environment": {"1st": "x"}},
        "the value of environment variable LONG has 1025 bytes; ...": {"environment": {"LONG": "x" * 1025}},
        f"the name of environment variable {'N' * 40} has 1025 bytes": {"environment": {"N" * 1025: "x"}},
        "the environment of all containers has": {"environment": {f"V{n}": "é" * 512 for n in range(40)}},
        "gpu_memory_limit is set; Triton ... (CPU build) uses no GPU: ...'no-name' is not a valid": {
            "image": ServingImage.triton("26.05", processor=Processor.CPU),
            "triton": TritonSettings(gpu_memory_limit=0.5),
            "environment": {"no-name": "x"},
        },
        "triton settings are given; XGBoost 3.2-0 is not": {"image": XGBOOST, "triton": TritonSettings()},
        "environment sets SAGEMAKER_TRITON_THREAD_COUNT, which the triton settings set, too: use one": {
            "triton": TritonSettings(thread_count=4),
            "environment": {"SAGEMAKER_TRITON_THREAD_COUNT": "4"},
        },
        "sets SAGEMAKER_TRITON_ADDITIONAL_ARGS, ... too: use additional_arguments": {
            "triton": TritonSettings(auto_complete_config=False),
            "environment": {"SAGEMAKER_TRITON_ADDITIONAL_ARGS": "--x"},
        },
        "environment sets SAGEMAKER_TRITON_LOG_VERBOSE, which": {
            "triton": TritonSettings(log_level=TritonLogLevel.INFO),
            "environment": {"SAGEMAKER_TRITON_LOG_VERBOSE": "1"},
        },
        "vpc_subnets is given without vpc: give vpc, too": {"vpc_subnets": aws_ec2.SubnetSelection()},
    },
    config_in: {
        "has 4 GPUs; ... ml.g5.16xlarge is the largest": {"instance_type": "ml.g5.12xlarge"},
        "ml.g5.xlage is not a ... did you mean ml.g5.xlarge": {"instance_type": "ml.g5.xlage"},
        "compute capability 7.0; ... needs 7.5": {"instance_type": "ml.p3.2xlarge"},
        "Config: ...8 GPUs...; initial_instance_count is 0; must be at least 1": {
            "instance_type": "ml.p4d.24xlarge",
            "initial_instance_count": 0,
        },
        "initial_variant_weight is -1; must be at least 0": {"initial_variant_weight": -1},
        "ml.g5.xlarge has local NVMe storage...: leave volume_size out": {"volume_size": Size.gibibytes(30)},
        "Triton ... 26.05 ... CUDA 13 and al2-...-3-1 has driver 550": {"inference_ami_version": OLD_AMI},
    },
    cpu_endpoint_in: {
        "volume_size is 513 GiB; must be from 1 to 512 GiB": {"volume_size": Size.gibibytes(513)},
        "volume_size is 1.5 GiB; must be whole GiB": {"volume_size": Size.mebibytes(1536)},
        "download_timeout is 59 s; ... 60 to 3600 s": {"model_data_download_timeout": Duration.seconds(59)},
        "model_data_download_timeout is 60.5 s; must be whole": {"model_data_download_timeout": HALF_SECOND},
        "container_startup_health_check_timeo": {"container_startup_health_check_timeout": Duration.hours(2)},
        "metric_publish_frequency is 10.5 s; must be": {"metric_publish_frequency": Duration.millis(10500)},
        "variant_name no_good is not valid: use at most 63": {"variant_name": "no_good"},
        "GPU drivers and ml.m5.xlarge has no GPU: leave it out": {"inference_ami_version": NEW_AMI},
    },
    bare_endpoint_in: {
        "endpoint_name x- is not valid": {"endpoint_name": "x-"},
        "endpoint_name a_b is not valid": {"endpoint_name": "a_b"},
        f"endpoint_name {'x' * 64} is not valid": {"endpoint_name": "x" * 64},
        "endpoint_name a b is not valid": {"endpoint_name": "a b"},
    },
    scale: {
        "max_requests_per_second is 0; must be above 0": {"max_requests_per_second": 0},
        "is -1; ...safety_factor is 0; must": {"max_requests_per_second": -1, "safety_factor": 0},
        "safety_factor is 1.5; must be at most": {"max_requests_per_second": 5, "safety_factor": 1.5},
        "scale_in_cooldown is 60.5 s;": {"max_requests_per_second": 5, "scale_in_cooldown": HALF_SECOND},
    },
    schedule: {
        "Scaling/Night: neither min_capacity nor max_capacity is": {"schedule": Schedule.cron(hour="20")},
        "Night: min_capacity is 0; must be at": {"schedule": Schedule.cron(hour="20"), "min_capacity": 0},
        "Night: max_capacity is 0; must be at": {"schedule": Schedule.cron(hour="20"), "max_capacity": 0},
        "Night: min_capacity 3 is above max_capacity 2": {
            "schedule": Schedule.cron(hour="20"),
            "min_capacity": 3,
            "max_capacity": 2,
        },
    },
    cpu_monitored: {
        "cpu_percent of severity high is 120 %;": {"thresholds": AlarmThresholds(cpu_percent={"high": 120})},
        "is 61 s; must be from 0.001 to": {"thresholds": AlarmThresholds(latency_p99_seconds={"high": 61})},
        "disk_percent names severity a twice": {"thresholds": AlarmThresholds(disk_percent={"a": 1, "A": 2})},
        "severity 'no good' of disk_percent": {"thresholds": AlarmThresholds(disk_percent={"no good": 5})},
        "gpu_percent is given and ml.m5.xlarge": {"thresholds": AlarmThresholds(gpu_percent={"high": 90})},
    },
    exchange: {
        "prefixes.outputs models/async/ overlaps the models' prefix models/": {"outputs": "models/async/"},
        "answers could be invoked as models: use a separate folder": {"failures": "models/"},
        "overlap: use separate folders": {"outputs": "async/input/o/"},
        "has no trailing slash: use async/out/": {"outputs": "async/out"},
        "prefixes.outputs is empty": {"outputs": ""},
        "use single slashes, none first": {"outputs": "/x/"},
        "are patterns in IAM": {"outputs": "a*/"},
    },
}

REFUSED: dict[str, Probe] = {
    fault: partial(probe, **props) for probe, rows in PROPS.items() for fault, props in rows.items()
}


@pytest.mark.parametrize("fault", REFUSED)
def test_refused(probe_stack: Stack, fault: str) -> None:
    assert_refused(probe_stack, REFUSED[fault], fault)
