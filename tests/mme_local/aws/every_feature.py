"""One stack with every feature of the constructs that a deployment can show, in two versions."""

from __future__ import annotations

from typing import Any

from aws_cdk import (
    App,
    Duration,
    Environment,
    RemovalPolicy,
    Size,
    Stack,
    aws_applicationautoscaling,
    aws_cloudwatch,
    aws_ec2,
    aws_kms,
    aws_s3,
)
from aws_cdk.assertions import Template

from mme_cdk import (
    CapacitySize,
    DataCapture,
    DeploymentStrategy,
    ModelBucket,
    ModelStore,
    MultiModelEndpoint,
    PipelineContainer,
    Processor,
    RoutingStrategy,
    ServingImage,
    TritonSettings,
)

CPU = ServingImage.triton("26.05", processor=Processor.CPU)
GPU = ServingImage.triton("26.05")
STEPS = [
    aws_applicationautoscaling.ScalingInterval(upper=10, change=-1),
    aws_applicationautoscaling.ScalingInterval(lower=100, change=1),
]


def template(outdir: str, version: int) -> dict[str, Any]:
    """The stack's template: version 1, or version 2, which changes something of each feature."""
    app = App(outdir=outdir, analytics_reporting=False)
    stack = Stack(app, "Everything", env=Environment(account="123456789012", region="us-east-1"))
    key = aws_kms.Key(stack, "Key", removal_policy=RemovalPolicy.DESTROY)
    models = ModelBucket(
        stack, "Models", encryption_key=key, access_logs=False, removal_policy=RemovalPolicy.DESTROY
    )
    captured = aws_s3.Bucket(stack, "Captured", removal_policy=RemovalPolicy.DESTROY)
    store = ModelStore.from_bucket(models)
    _locked_down(stack, version, store, captured, key)
    _scaled(stack, version, store)
    rendered: dict[str, Any] = Template.from_stack(stack).to_json()
    return rendered


def _locked_down(
    stack: Stack, version: int, store: ModelStore, captured: aws_s3.Bucket, key: aws_kms.Key
) -> None:
    """A pipeline in a VPC without a network, with keys, data capture, guardrails and an alarm."""
    vpc = aws_ec2.Vpc(
        stack,
        "Vpc",
        availability_zones=["us-east-1a", "us-east-1b"],
        nat_gateways=0,
        subnet_configuration=[
            aws_ec2.SubnetConfiguration(name="Isolated", subnet_type=aws_ec2.SubnetType.PRIVATE_ISOLATED)
        ],
        restrict_default_security_group=False,
    )
    vpc.add_gateway_endpoint("S3", service=aws_ec2.GatewayVpcEndpointAwsService.S3)
    endpoint = MultiModelEndpoint(
        stack,
        "LockedDown",
        endpoint_name="locked-down",
        image=CPU,
        models=store,
        instance_type="ml.m5.xlarge" if version == 1 else "ml.m5.2xlarge",
        initial_instance_count=2,
        cache_models=version == 1,
        triton=TritonSettings(auto_complete_config=False),
        containers_before=[PipelineContainer(image=ServingImage.xgboost("3.2-0"), hostname="tokens")],
        vpc=vpc,
        network_isolation=True,
        volume_size=Size.gibibytes(40 * version),
        encryption_key=key,
        model_data_download_timeout=Duration.minutes(10),
        container_startup_health_check_timeout=Duration.minutes(10 * version),
        routing_strategy=RoutingStrategy.LEAST_OUTSTANDING_REQUESTS,
        data_capture=DataCapture(bucket=captured, sampling_percentage=10 * version, encryption_key=key),
        detailed_observability=True,
        enhanced_metrics=True,
        metric_publish_frequency=Duration.seconds(10 if version == 1 else 30),
        deployment=DeploymentStrategy.canary(size=CapacitySize.instances(1))
        if version == 1
        else DeploymentStrategy.rolling(batch=CapacitySize.percent(50)),
    )
    endpoint.add_rollback_alarm(
        aws_cloudwatch.Alarm(
            stack,
            "Errors",
            metric=endpoint.metric_invocation_5xx_errors(),
            threshold=version,
            evaluation_periods=2,
            treat_missing_data=aws_cloudwatch.TreatMissingData.NOT_BREACHING,
        )
    )


def _scaled(stack: Stack, version: int, store: ModelStore) -> None:
    """Two variants on GPUs, one of which scales in every way there is."""
    endpoint = MultiModelEndpoint(
        stack,
        "Scaled",
        endpoint_name="scaled",
        image=GPU,
        models=store,
        instance_type="ml.g5.xlarge",
        initial_instance_count=2,
    )
    endpoint.config.add_variant(
        "Beside",
        model=endpoint.model,
        instance_type="ml.g5.2xlarge",
        initial_variant_weight=0.1 * version,
    )
    scaling = endpoint.auto_scale_instance_count(min_capacity=1, max_capacity=4 * version)
    scaling.scale_on_invocations("Invocations", max_requests_per_second=10 * version)
    scaling.scale_on_cpu_utilization("Cpu", target_utilization_percent=50)
    scaling.scale_on_gpu_utilization("Gpu", target_utilization_percent=50 + version)
    scaling.scale_on_gpu_memory_utilization("GpuMemory", target_utilization_percent=80)
    scaling.scale_to_track_metric("Latency", metric=endpoint.metric_model_latency(), target_value=5000)
    scaling.scale_on_metric("Steps", metric=endpoint.metric_invocations(), scaling_steps=STEPS)
    scaling.scale_on_schedule(
        "Morning",
        schedule=aws_applicationautoscaling.Schedule.cron(hour=str(5 + version), minute="0"),
        min_capacity=2,
    )
    endpoint.on_deployment_state_change("Deployments", description=f"version {version}")
