"""Short ways to the constructs that most tests need, and to what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import (
    CfnParameter,
    Duration,
    Environment,
    Stack,
    Token,
    aws_cloudwatch,
    aws_ec2,
    aws_iam,
    aws_kms,
    aws_s3,
)

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
from mme_cdk.async_invocations import AsyncInvocations, ExchangePrefixes

Probe = Callable[[Any], object]

TRITON = ServingImage.triton("26.05")
TRITON_CPU = ServingImage.triton("26.05", processor=Processor.CPU)
XGBOOST = ServingImage.xgboost("3.2-0")
GPU = "ml.g5.xlarge"
CPU = "ml.m5.xlarge"
ARN = "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/mine"


def placed_in(scope: Any, region: str = "eu-west-1", id: str = "Placed") -> Stack:
    """A further stack of the app, in a known account and region."""
    env = Environment(account="111122223333", region=region)
    return Stack(scope.node.root, f"{scope.node.id}{region}{id}", env=env)


def bucket_in(scope: Stack, name: str = "the-bucket") -> aws_s3.IBucket:
    """An imported bucket, one for each name."""
    found = scope.node.try_find_child(name)
    return found if found is not None else aws_s3.Bucket.from_bucket_name(scope, name, name)  # type: ignore[return-value]


def store_in(scope: Stack) -> ModelStore:
    return ModelStore.from_bucket(bucket_in(scope))


def model_in(scope: Stack, id: str = "Model", **props: Any) -> MultiModel:
    return MultiModel(scope, id, **{"image": TRITON, "models": store_in(scope), **props})


def config_in(scope: Stack, image: ServingImage = TRITON, **props: Any) -> EndpointConfig:
    model = model_in(scope, image=image)
    return EndpointConfig(scope, "Config", **{"model": model, "instance_type": GPU, **props})


def endpoint_in(scope: Stack, id: str = "Endpoint", **props: Any) -> MultiModelEndpoint:
    """A GPU endpoint; on a CPU type unless an image is given, with the CPU build."""
    given = {"instance_type": GPU, **props}
    image = TRITON_CPU if given["instance_type"] == CPU else TRITON
    if "models" not in given:
        given["models"] = store_in(scope)
    return MultiModelEndpoint(scope, id, **{"image": image, **given})


def cpu_endpoint_in(scope: Stack, **props: Any) -> MultiModelEndpoint:
    return endpoint_in(scope, instance_type=CPU, **props)


def bare_endpoint_in(scope: Stack, id: str = "Endpoint", **props: Any) -> Endpoint:
    return Endpoint(scope, id, config=config_in(scope), **props)


def imported(scope: Stack, arn: str = ARN) -> EndpointBase:
    return EndpointBase.from_endpoint_arn(scope, "Imported", arn)


def queue_in(scope: Stack, **props: Any) -> AsyncInvocations:
    theirs = EndpointBase.from_endpoint_name(scope, "Theirs", "ep")
    return AsyncInvocations(scope, "Async", **{"endpoint": theirs, **props})


ROLE = "arn:aws:iam::111122223333:role/endpoint"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1"
ECR = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/a:b"
OLD_AMI = "al2-ami-sagemaker-inference-gpu-3-1"
NEW_AMI = "al2023-ami-sagemaker-inference-gpu-4-1"
HALF_SECOND = Duration.millis(60_500)
STRATEGY = DeploymentStrategy
ISOLATED = aws_ec2.SubnetConfiguration(name="isolated", subnet_type=aws_ec2.SubnetType.PRIVATE_ISOLATED)


def role_in(scope: Stack) -> aws_iam.Role:
    return aws_iam.Role(scope, "Caller", assumed_by=aws_iam.AccountRootPrincipal())


def key_in(scope: Stack) -> aws_kms.Key:
    return aws_kms.Key(scope, "Key")


def scaling_in(scope: Stack, instance_type: str = GPU) -> Any:
    return endpoint_in(scope, instance_type=instance_type).auto_scale_instance_count(max_capacity=4)


def alarm_in(scope: Stack) -> aws_cloudwatch.Alarm:
    metric = aws_cloudwatch.Metric(namespace="Shop", metric_name="Orders")
    return aws_cloudwatch.Alarm(scope, "Alarm", metric=metric, threshold=1, evaluation_periods=1)


def isolated_vpc(scope: Stack, zones: int = 2) -> aws_ec2.Vpc:
    return aws_ec2.Vpc(scope, "Vpc", max_azs=zones, nat_gateways=0, subnet_configuration=[ISOLATED])


def one_zone_vpc(scope: Stack) -> aws_ec2.IVpc:
    zones, ids = ["eu-west-1a", "eu-west-1a"], ["subnet-1", "subnet-2"]
    return aws_ec2.Vpc.from_vpc_attributes(
        scope, "Vpc", vpc_id="vpc-1", availability_zones=zones, isolated_subnet_ids=ids
    )


def group_in(scope: Stack, number: int = 1) -> aws_ec2.ISecurityGroup:
    return aws_ec2.SecurityGroup.from_security_group_id(scope, f"Group{number}", f"sg-{number}")


def many_subnets(scope: Stack) -> aws_ec2.SubnetSelection:
    return aws_ec2.SubnetSelection(
        subnets=[
            aws_ec2.Subnet.from_subnet_attributes(
                scope, f"Subnet{n}", subnet_id=f"subnet-{n}", availability_zone=f"eu-west-1{'abc'[n % 3]}"
            )
            for n in range(17)
        ]
    )


def token(scope: Stack) -> str:
    return CfnParameter(scope, "Parameter").value_as_string


def number(scope: Stack) -> float:
    return Token.as_number({"Ref": "AWS::AccountId"})


def pipeline(scope: Stack, *before: dict[str, Any], **props: Any) -> object:
    containers = [PipelineContainer(image=XGBOOST, **given) for given in before]
    return model_in(scope, image=XGBOOST, containers_before=containers, **props)


def docker_image(**props: Any) -> ServingImage:
    """An image that the CDK CLI builds."""
    return ServingImage.from_docker_asset(Path(__file__).with_name("image"), **props)


def far_alarm(scope: Stack) -> object:
    app: Any = scope.node.root
    far = alarm_in(Stack(app, f"Far{scope.node.id}", env=Environment(region="us-east-1")))
    near = Stack(app, f"Near{scope.node.id}", env=Environment(region="eu-west-1"))
    return endpoint_in(near, deployment=STRATEGY.all_at_once(rollback_alarms=[far]))


def twice(method: Callable[..., object], *args: Any, **props: Any) -> None:
    for _ in range(2):
        method(*args, **props)


def exchange(scope: Stack, **prefixes: str) -> object:
    models = store_in(scope)
    theirs = EndpointBase.from_endpoint_attributes(scope, "Mine", endpoint_name="ep", models=models)
    return queue_in(scope, endpoint=theirs, bucket=models.bucket, prefixes=ExchangePrefixes(**prefixes))


def elsewhere(scope: Any, place: str) -> object:
    env = Environment(account="111122223333", region="eu-west-1")
    here = Stack(scope.node.root, f"Here{scope.node.id}", env=env)
    return queue_in(here, endpoint=imported(here, f"arn:aws:sagemaker:{place}:endpoint/ep"))


def monitored(scope: Stack, **props: Any) -> object:
    return endpoint_in(scope).add_monitoring(**props)


def cpu_monitored(scope: Stack, **props: Any) -> object:
    return cpu_endpoint_in(scope).add_monitoring(**props)


def scaled(scope: Stack, **props: Any) -> object:
    return endpoint_in(scope).auto_scale_instance_count(**props)


def scale(scope: Stack, **props: Any) -> object:
    return scaling_in(scope).scale_on_invocations("Load", **props)


def schedule(scope: Stack, **props: Any) -> object:
    return scaling_in(scope).scale_on_schedule("Night", **props)


def bucket(scope: Stack, **props: Any) -> object:
    return ModelBucket(scope, "B", **props)


def store(scope: Stack, **props: Any) -> object:
    return ModelStore(bucket_in(scope), **props)


def capture(scope: Stack, **props: Any) -> object:
    return DataCapture(**{"bucket": bucket_in(scope), "sampling_percentage": 1, **props})


def triton(_: Stack, **props: Any) -> object:
    return TritonSettings(**props)


def all_at_once(_: Stack, **props: Any) -> object:
    return STRATEGY.all_at_once(**props)


def assert_refused(scope: Stack, probe: Probe, fault: str) -> None:
    """The probe raises this fault; `...` in it matches any text."""
    with pytest.raises(PropsError) as raised:
        probe(scope)
    message, position = str(raised.value), 0
    for part in fault.split("..."):
        position = message.find(part, position)
        assert position >= 0, message
    assert not message.endswith(".")
    assert "jsii" not in message
