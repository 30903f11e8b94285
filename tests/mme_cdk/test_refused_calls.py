"""Objects and calls refused at synth, by the fault as users read it; `...` leaves text out."""

# mypy: disable-error-code="arg-type, list-item, typeddict-item, typeddict-unknown-key, call-arg"

from __future__ import annotations

import pytest
from aws_cdk import (
    Duration,
    Stack,
    aws_logs,
    aws_s3,
)
from aws_cdk.aws_applicationautoscaling import Schedule

from mme_cdk import (
    CapacitySize,
    DataCapture,
    Endpoint,
    EndpointBase,
    EndpointMonitoring,
    ExecutionRole,
    ModelStore,
    PipelineContainer,
    ServingImage,
)
from tests.mme_cdk.building import (
    ARN,
    CPU,
    GPU,
    ROLE,
    STRATEGY,
    XGBOOST,
    Probe,
    alarm_in,
    assert_refused,
    bare_endpoint_in,
    bucket_in,
    config_in,
    cpu_endpoint_in,
    docker_image,
    elsewhere,
    endpoint_in,
    far_alarm,
    group_in,
    imported,
    isolated_vpc,
    key_in,
    many_subnets,
    model_in,
    number,
    one_zone_vpc,
    pipeline,
    placed_in,
    queue_in,
    role_in,
    scaling_in,
    store_in,
    token,
    twice,
)

WRONG_TYPES: dict[str, Probe] = {
    "must be an integer: use Token.as_number for": lambda s: endpoint_in(s, initial_instance_count=token(s)),
    "models is ...; must be a ModelStore: use ModelStore.from": lambda s: endpoint_in(s, models=bucket_in(s)),
    'ModelStore: bucket is "models"; ... Bucket.from_bucket_na': lambda _: ModelStore.from_bucket("models"),
    'ServingImage.triton: version is 26.05; ... use "26.05"': lambda _: ServingImage.triton(26.05),
    'account is 1111; ... use "1111"': lambda _: ServingImage.triton("26.05", account=1111),
    'repository is "mine"; must be an ECR repository': lambda _: ServingImage.from_ecr_repository("mine"),
    "uri is None; must be a string": lambda _: ServingImage.from_uri(None),
    "directory is 5; must be a string or a Path": lambda _: ServingImage.from_docker_asset(5),
    'platform is "arm"; ... a Platform': lambda _: docker_image(platform="arm"),
    'PipelineContainer: image is "scorer"; must be a Serving': lambda _: PipelineContainer(image="scorer"),
    "key is 1; must be a string": lambda _: PipelineContainer(image=XGBOOST, key=1),
    "endpoint_arn is 5; must be a string": lambda s: imported(s, 5),
    'config is "c"; must be an EndpointConfig: use End': lambda s: Endpoint(s, "E", config="c"),
    ".from_managed_policy_arn(self": lambda s: ExecutionRole(s, "R", permissions_boundary="arn:aws:iam::1:p"),
    "size is 50; ... CapacitySize.percent(50) or Cap": lambda _: STRATEGY.canary(size=50),
    'rollback_batch is "all"; ... a CapacitySize': lambda _: STRATEGY.rolling(rollback_batch="all"),
    'CapacitySize.percent: value is "50"; ... use 50, with': lambda _: CapacitySize.percent("50"),
    "actions[0] is ['sagemaker:X']; must be a": lambda s: imported(s).grant(role_in(s), ["sagemaker:X"]),
    f'a role, ...Role.from_role_arn(self, "Id", "{ROLE}")': lambda s: imported(s).grant_invoke(ROLE),
    "prefix is None; must be a": lambda s: endpoint_in(s).grant_publish_models(role_in(s), prefix=None),
    'grantee is "me"; must be a role, a user or another': lambda s: endpoint_in(s).grant_read_models("me"),
    "Imported: period is 60; must be a Duration: use": lambda s: imported(s).metric_invocations(period=60),
    "EndpointBase.from_endpoint_name(self": lambda s: EndpointMonitoring(s, "M", endpoint="ep"),
    'alarms[0] is "high"; must be an alarm': lambda s: endpoint_in(s).add_rollback_alarm("high"),
    "Imported/Rule: target is": lambda s: imported(s).on_deployment_state_change("Rule", target="topic"),
    'schedule is "rate...; must be a Schedule: use Schedule.expression("rate': lambda s: scaling_in(
        s
    ).scale_on_schedule("A", schedule="rate(1 day)", min_capacity=1),
    'use TimeZone.of("UTC")': lambda s: scaling_in(s).scale_on_schedule("A", schedule=1, time_zone="UTC"),
    "Endpoint/Scaling/B: scale_in_cooldown is 300; must be a Duration": lambda s: scaling_in(
        s
    ).scale_on_invocations("B", max_requests_per_second=4, scale_in_cooldown=300),
    'metric is "Orders"; must be a metric: use endpoint.metric': lambda s: scaling_in(
        s
    ).scale_to_track_metric("F", metric="Orders", target_value=1),
    'Async: grantee is "me"; must be a role, a user or': lambda s: queue_in(s).grant_submit("me"),
}

STORAGE_AND_IMAGES: dict[str, Probe] = {
    "prefix tenant-a has no trailing": lambda s: store_in(s).grant_publish(role_in(s), prefix="tenant-a"),
    "prefix /tenant/ starts with": lambda s: store_in(s).grant_resolve_aliases(role_in(s), prefix="/tenant/"),
    "AWS has no Triton ... image in us-gov-west-1: copy one": lambda s: endpoint_in(
        placed_in(s, "us-gov-west-1")
    ),
    "version is known only at deployment": lambda s: ServingImage.triton(token(s)),
    "22.07 is not a SageMaker image ... 23.12...full image uri": lambda _: ServingImage.triton("22.07"),
    "nvcr.io/nvidia/tritonserver:2": lambda _: ServingImage.from_uri("nvcr.io/nvidia/tritonserver:26.05-py3"),
    "team/server is not an ECR image URI; SageMaker pulls": lambda _: ServingImage.from_uri("team/server"),
    "account 12345 is not valid; an AWS account has 12": lambda _: ServingImage.knn(account="12345"),
    "directory /nowhere does not exist: give": lambda _: ServingImage.from_docker_asset("/nowhere"),
    "has no Containerfile: name the Dockerfile with file=": lambda _: docker_image(file="Containerfile"),
    "processor tpu is not valid: use Processor.CPU": lambda _: ServingImage.triton("26.05", processor="tpu"),
    "models/captured/ overlaps the models' prefix models/; containers could": lambda s: endpoint_in(
        s, data_capture=DataCapture(bucket=bucket_in(s), sampling_percentage=5, prefix="models/captured/")
    ),
}

MODELS: dict[str, Probe] = {
    "the environment of all containers has 340... bytes; SageMaker takes 32768": lambda s: pipeline(
        s,
        *[{"environment": {"A": "x" * 1000, "B": "x" * 1000}}] * 14,
        environment={f"V{n}": "x" * 1000 for n in range(6)},
    ),
    "the pipeline has 16 containers; SageMaker takes 15": lambda s: pipeline(s, *[{}] * 15),
    "hostname a is used 2 times: use different": lambda s: pipeline(s, {"hostname": "a"}, {"hostname": "a"}),
    "hostname a is used 2 times": lambda s: pipeline(s, {"hostname": "a"}, container_hostname="a"),
    "hostname container-2 is used 2 times": lambda s: pipeline(s, {"hostname": "container-2"}),
    "hostname no_good is not valid: use at most 63 letters": lambda s: pipeline(s, {"hostname": "no_good"}),
    "container_hostname is given without a pipeline: leave": lambda s: pipeline(s, container_hostname="a"),
    "key is given without bucket: give both": lambda _: PipelineContainer(image=XGBOOST, key="x.tar.gz"),
    "bucket is given without key: give": lambda s: PipelineContainer(image=XGBOOST, bucket=bucket_in(s)),
    "key models/ is not a .tar.gz: give the archive of one model": lambda s: PipelineContainer(
        image=XGBOOST, bucket=bucket_in(s), key="models/"
    ),
    "key *.tar.gz contains an IAM wildcard": lambda s: PipelineContainer(
        image=XGBOOST, bucket=bucket_in(s), key="*.tar.gz"
    ),
    "Model: the model is not in a VPC ...: give vpc": lambda s: model_in(s).connections,
    "Model: vpc_subnets selects 1 subnet in 1 zone;": lambda s: model_in(s, vpc=isolated_vpc(s, zones=1)),
    "selects 2 subnets in 1 zone;": lambda s: model_in(s, vpc=one_zone_vpc(s)),
    "security_groups has 6; SageMaker takes 5; vpc_subnets selects 17 subnets; ...one_per_az": lambda s: (
        model_in(
            s,
            vpc=isolated_vpc(s),
            vpc_subnets=many_subnets(s),
            security_groups=[group_in(s, n) for n in range(6)],
        )
    ),
    "security_groups is given without vpc: give vpc": lambda s: model_in(s, security_groups=[group_in(s)]),
}

VARIANTS: dict[str, Probe] = {
    "ml.g5.xlarge has local NVMe...: leave encryption_key": lambda s: config_in(s, encryption_key=key_in(s)),
    "synth must compare them": lambda s: endpoint_in(s, instance_type=token(s), next_instance_type=GPU),
    "m5d.large has local NVMe...; variant_name AllTraffic is taken": lambda s: cpu_endpoint_in(
        s, encryption_key=key_in(s)
    ).config.add_variant("AllTraffic", model=model_in(s), instance_type="ml.m5d.large"),
    "there is no variant other: use one of AllTraffic": lambda s: config_in(s).variant("other"),
}

ENDPOINTS: dict[str, Probe] = {
    "Two/Endpoint: endpoint_name FRAUD is already the name of ...One/": lambda s: (
        endpoint_in(s, "One", endpoint_name="Fraud"),
        endpoint_in(s, "Two", endpoint_name="FRAUD"),
    ),
    "no pattern was given: name at least one, such as": lambda s: imported(s).grant_invoke_model(role_in(s)),
    "pattern /tenant/* matches no model:": lambda s: imported(s).grant_invoke_model(role_in(s), "/tenant/*"),
    "relative to the models' prefix": lambda s: imported(s).grant_invoke_model(role_in(s), "s3://bucket/x"),
    "pattern has 0 characters": lambda s: imported(s).grant_invoke_model(role_in(s), ""),
    "1025 characters.../y matches": lambda s: imported(s).grant_invoke_model(role_in(s), "x" * 1025, "/y"),
    "no action was given; the grant would allow nothing: name one": lambda s: imported(s).grant(role_in(s)),
    '"InvokeEndpoint" is not an IAM action:': lambda s: imported(s).grant(role_in(s), "InvokeEndpoint"),
    "Imported: ... was imported without models: use": lambda s: imported(s).grant_publish_models(role_in(s)),
    "was imported without models: use": lambda s: imported(s).grant_read_models(role_in(s)),
    "was imported without models": lambda s: imported(s).grant_resolve_aliases(role_in(s)),
    "Imported: neither endpoint_name nor": lambda s: EndpointBase.from_endpoint_attributes(s, "Imported"),
    "arn:aws:s3:::bucket is not an endpoint's ARN: use arn:": lambda s: imported(s, "arn:aws:s3:::bucket"),
    "endpoint_name other is not the name in arn:aws": lambda s: EndpointBase.from_endpoint_attributes(
        s, "Imported", endpoint_arn=ARN, endpoint_name="other"
    ),
    "is in region us-east-1 and the rule in eu-west-1": lambda s: imported(
        placed_in(s), ARN.replace("eu-west-1", "us-east-1")
    ).on_deployment_state_change("Moved"),
    "ModelCacheHits is not a metric ...: did you mean": lambda s: imported(s).metric("ModelCacheHits"),
    "Zzz is not a metric ...: give its namespace, too": lambda s: imported(s).metric("Zzz"),
    "there is no variant Nope: use one of": lambda s: endpoint_in(s).metric_invocations(variant_name="Nope"),
    "there is no variant Nope: use": lambda s: bare_endpoint_in(s).metric_invocations(variant_name="Nope"),
}

DEPLOYMENTS: dict[str, Probe] = {
    "canary size is 51%; must be 1 to": lambda _: STRATEGY.canary(size=CapacitySize.percent(51)),
    "step is 9%; must be 10 to 50": lambda _: STRATEGY.linear(step=CapacitySize.percent(9)),
    "batch is 4%; must be 5 to": lambda _: STRATEGY.rolling(batch=CapacitySize.percent(4)),
    "percent is 0; must be from 1 to 100": lambda _: CapacitySize.percent(0),
    "instances is 0; must be at least 1": lambda _: CapacitySize.instances(0),
    "wait_interval is 7200 s; must be from 0 to": lambda _: STRATEGY.canary(wait_interval=Duration.hours(2)),
    "maximum_execution_timeout is 3600 s; the waits alone take 6000 s: raise it": lambda _: STRATEGY.linear(
        step=CapacitySize.percent(10),
        wait_interval=Duration.minutes(10),
        maximum_execution_timeout=Duration.hours(1),
    ),
    "min_capacity is 1; a canary deployment needs at least two": lambda s: endpoint_in(
        s, deployment=STRATEGY.canary(), initial_instance_count=4
    ).auto_scale_instance_count(max_capacity=8),
    "step of 1 instance is 5% of max_capacity 20": lambda s: endpoint_in(
        s, deployment=STRATEGY.linear(step=CapacitySize.instances(1)), initial_instance_count=4
    ).auto_scale_instance_count(min_capacity=2, max_capacity=20),
    "Night: min_capacity is 1; a canary deployment": lambda s: (
        endpoint_in(s, deployment=STRATEGY.canary(), initial_instance_count=2)
        .auto_scale_instance_count(min_capacity=2, max_capacity=8)
        .scale_on_schedule("Night", schedule=Schedule.cron(hour="20"), min_capacity=1)
    ),
    "Endpoint/Endpoint: 11 rollback": lambda s: endpoint_in(s).add_rollback_alarm(*[alarm_in(s)] * 11),
    "/Alarm is in region us-east-1 and the endpoint in eu-west-1": far_alarm,
}

SCALING: dict[str, Probe] = {
    "initial_instance_count 4 is above max_capacity 2: change one": lambda s: endpoint_in(
        s, initial_instance_count=4
    ).auto_scale_instance_count(max_capacity=2),
    "called twice: add policies to what the first call returned": lambda s: twice(
        endpoint_in(s).auto_scale_instance_count, max_capacity=2
    ),
    "percent is 101; ...; ml.m5.xlarge has no GPU: use scale_on_cpu": lambda s: scaling_in(
        s, CPU
    ).scale_on_gpu_utilization("Gpu", target_utilization_percent=101),
    "target_utilization_percent is 0; must be from 1 to 100": lambda s: scaling_in(
        s, CPU
    ).scale_on_cpu_utilization("Cpu", target_utilization_percent=0),
    "is 0.7; must be from 1 to 100: for a share of 0.7 use 70": lambda s: scaling_in(
        s, CPU
    ).scale_on_cpu_utilization("Cpu", target_utilization_percent=0.7),
    "vCPUs are not known at synth: give vcpus": lambda s: (
        endpoint_in(s, instance_type=token(s))
        .auto_scale_instance_count(max_capacity=2)
        .scale_on_cpu_utilization("Cpu", target_utilization_percent=50)
    ),
    "max_requests_per_second is known only at deployment; ...: give a number": lambda s: scaling_in(
        s
    ).scale_on_invocations("Load", max_requests_per_second=number(s)),
    "safety_factor is known only at deployment": lambda s: scaling_in(s).scale_on_invocations(
        "Load", max_requests_per_second=5, safety_factor=number(s)
    ),
    "target_utilization_percent is known only at deployment": lambda s: scaling_in(
        s
    ).scale_on_cpu_utilization("Cpu", target_utilization_percent=number(s)),
    "vcpus is known only at deployment": lambda s: scaling_in(s).scale_on_cpu_utilization(
        "Cpu", target_utilization_percent=50, vcpus=number(s)
    ),
    "Endpoint/Scaling/Slow: target_value is 0; must be above 0": lambda s: scaling_in(
        s
    ).scale_to_track_metric("Slow", metric=imported(s).metric_model_latency(), target_value=0),
    "schedule Night already exists: use another id": lambda s: twice(
        scaling_in(s).scale_on_schedule, "Night", schedule=Schedule.cron(hour="20"), max_capacity=2
    ),
}

MONITORING: dict[str, Probe] = {
    "is in region eu-west-1 and this stack in another": lambda s: EndpointMonitoring(
        placed_in(s, "us-east-1"),
        "M",
        endpoint=imported(s),
    ),
    "does not delete it...aws logs put-retention-policy ...mine ": lambda s: EndpointMonitoring(
        s, "M", endpoint=imported(s), log_retention=aws_logs.RetentionDays.ONE_WEEK
    ),
    "no alarm has severity panic: there are": lambda s: endpoint_in(s).add_monitoring().alarms_of("panic"),
}

ASYNCHRONOUS: dict[str, Probe] = {
    "apply to the default bucket: set them on your bucket": lambda s: queue_in(
        s, bucket=aws_s3.Bucket.from_bucket_name(s, "Mine", "mine"), objects_expire_after=Duration.days(20)
    ),
    "the endpoint is in region us-west-2 and": lambda s: elsewhere(s, "us-west-2:111122223333"),
    "the endpoint is in account 444455556666": lambda s: elsewhere(s, "eu-west-1:444455556666"),
}


REFUSED: dict[str, Probe] = {
    **WRONG_TYPES,
    **STORAGE_AND_IMAGES,
    **MODELS,
    **VARIANTS,
    **ENDPOINTS,
    **DEPLOYMENTS,
    **SCALING,
    **MONITORING,
    **ASYNCHRONOUS,
}


@pytest.mark.parametrize("fault", REFUSED)
def test_refused(probe_stack: Stack, fault: str) -> None:
    assert_refused(probe_stack, REFUSED[fault], fault)
