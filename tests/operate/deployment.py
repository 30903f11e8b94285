"""A serving stack on the embedded AWS of the local runtime, whose CloudFormation updates as AWS does."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import boto3
from werkzeug.serving import make_server

from mme.aws.clients import AwsClients
from mme.aws.settings import Settings
from mme.operate.discovery import Deployment
from mme_local import aws as cloud

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/sagemaker-tritonserver:26.05-py3-cpu"
STACK = "mme-dev-serving"
ENDPOINT = "mme-dev"
BUCKET = "models"
DEPLOYMENT = Deployment(STACK, ENDPOINT, BUCKET, "models/")
GROUP = f"/aws/sagemaker/Endpoints/{ENDPOINT}"


@contextlib.contextmanager
def serve_embedded_aws() -> Iterator[str]:
    """The embedded AWS on a free port; yields its URL."""
    server = make_server("localhost", 0, cloud.application(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()


def clients_at(url: str) -> AwsClients:
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")
    return AwsClients(session, Settings(env="dev", endpoint_url=url))


def serving_template(
    *,
    endpoint: str = ENDPOINT,
    bucket: str | dict[str, Any] = BUCKET,
    instance_type: str = "ml.m5.xlarge",
    image: str = IMAGE,
    prefix: str = "models/",
    scaling: bool = True,
    capture: str | None = None,
    **more: Any,
) -> str:
    """Model, config, endpoint, role and scaling, as the stacks define them; `more` are further resources."""
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
        "InstanceType": instance_type,
        "InitialInstanceCount": 1,
        "InitialVariantWeight": 1,
    }
    config: dict[str, Any] = {"ProductionVariants": [variant]}
    if capture:
        config["DataCaptureConfig"] = {
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": capture,
            "CaptureOptions": [{"CaptureMode": "Input"}],
        }
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": "sagemaker.amazonaws.com"},
            }
        ],
    }
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "s3:GetObject",
                "Resource": {"Fn::Join": ["", ["arn:aws:s3:::", bucket, f"/{prefix}*"]]},
            },
            {
                "Effect": "Allow",
                "Action": "s3:ListBucket",
                "Resource": {"Fn::Join": ["", ["arn:aws:s3:::", bucket]]},
                "Condition": {"StringLike": {"s3:prefix": [prefix, f"{prefix}*"]}},
            },
        ],
    }
    resources: dict[str, Any] = {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": trust,
                "Policies": [{"PolicyName": "Models", "PolicyDocument": policy}],
            },
        },
        "Model": {
            "Type": "AWS::SageMaker::Model",
            "Properties": {
                "ExecutionRoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "PrimaryContainer": {
                    "Image": image,
                    "Mode": "MultiModel",
                    "ModelDataUrl": {"Fn::Join": ["", ["s3://", bucket, f"/{prefix}"]]},
                },
            },
        },
        "Config": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": config},
        "Endpoint": {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {
                "EndpointName": endpoint,
                "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]},
            },
        },
        **more,
    }
    if scaling:
        resources["Scaling"] = {
            "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
            "DependsOn": ["Endpoint"],
            "Properties": {
                "MinCapacity": 1,
                "MaxCapacity": 4,
                "ResourceId": f"endpoint/{endpoint}/variant/AllTraffic",
                "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
                "ServiceNamespace": "sagemaker",
                "RoleARN": "arn:aws:iam::123456789012:role/aws-service-role/scaling",
            },
        }
        resources["ScalingPolicy"] = {
            "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
            "Properties": {
                "PolicyName": "Invocations",
                "PolicyType": "TargetTrackingScaling",
                "ScalingTargetId": {"Ref": "Scaling"},
                "TargetTrackingScalingPolicyConfiguration": {
                    "TargetValue": 600,
                    "PredefinedMetricSpecification": {
                        "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
                    },
                },
            },
        }
    outputs = {"EndpointName": endpoint, "ModelBucketName": bucket, "ModelPrefix": prefix}
    return json.dumps(
        {"Resources": resources, "Outputs": {name: {"Value": value} for name, value in outputs.items()}}
    )


def store_template(bucket: str = BUCKET, *, retain: bool = False, **properties: Any) -> str:
    """The model store's stack: a bucket that others import."""
    deletion = "Retain" if retain else "Delete"
    return json.dumps(
        {
            "Resources": {
                "Bucket": {
                    "Type": "AWS::S3::Bucket",
                    "DeletionPolicy": deletion,
                    "UpdateReplacePolicy": deletion,
                    "Properties": {
                        "BucketName": bucket,
                        "VersioningConfiguration": {"Status": "Enabled"},
                        **properties,
                    },
                }
            },
            "Outputs": {
                "ModelBucketName": {"Value": {"Ref": "Bucket"}, "Export": {"Name": f"{bucket}-name"}},
                "ModelPrefix": {"Value": "models/"},
            },
        }
    )


def deploy(clients: AwsClients, template: str, stack: str = STACK) -> None:
    """Creates the stack, or updates it."""
    try:
        clients.cloudformation.describe_stacks(StackName=stack)
    except clients.cloudformation.exceptions.ClientError:
        clients.cloudformation.create_stack(
            StackName=stack, TemplateBody=template, Capabilities=["CAPABILITY_IAM"]
        )
    else:
        clients.cloudformation.update_stack(
            StackName=stack, TemplateBody=template, Capabilities=["CAPABILITY_IAM"]
        )
    (found,) = clients.cloudformation.describe_stacks(StackName=stack)["Stacks"]
    assert found["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), found


def put_metric(clients: AwsClients, namespace: str, name: str, moment: datetime, *values: float) -> None:
    """Values of the endpoint's one variant, all of one minute."""
    dimensions = [
        {"Name": "EndpointName", "Value": ENDPOINT},
        {"Name": "VariantName", "Value": "AllTraffic"},
    ]
    data: Any = [
        {"MetricName": name, "Dimensions": dimensions, "Timestamp": moment, "Value": value}
        for value in values
    ]
    clients.cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)


def put_log(clients: AwsClients, stream: str, lines: list[tuple[datetime, str]]) -> None:
    """Lines of the endpoint's log."""
    with contextlib.suppress(clients.logs.exceptions.ResourceAlreadyExistsException):
        clients.logs.create_log_group(logGroupName=GROUP)
    with contextlib.suppress(clients.logs.exceptions.ResourceAlreadyExistsException):
        clients.logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    clients.logs.put_log_events(
        logGroupName=GROUP,
        logStreamName=stream,
        logEvents=[
            {"timestamp": int(moment.timestamp() * 1000), "message": text} for moment, text in lines if text
        ],
    )


def deny(client: Any, *operations: str, code: str = "AccessDenied") -> None:
    """From now on these operations are refused, as by a policy of the caller's."""

    def refuse(**_: Any) -> tuple[Any, dict[str, Any]]:
        answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        return SimpleNamespace(status_code=403, headers={}), answer

    service = client.meta.service_model.service_id.hyphenize()
    for operation in operations:
        client.meta.events.register(f"before-call.{service}.{operation}", refuse)
