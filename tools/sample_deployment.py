"""A sample deployment on embedded AWS without the CDK: for the pictures of the docs and for tests."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

import boto3

from mme.aws.clients import AwsClients
from mme.aws.settings import Settings

IMAGE: Final = "763104351884.dkr.ecr.us-east-1.amazonaws.com/sagemaker-tritonserver:26.05-py3-cpu"
STACK: Final = "mme-dev-serving"
ENDPOINT: Final = "mme-dev"
BUCKET: Final = "models"
GROUP: Final = f"/aws/sagemaker/Endpoints/{ENDPOINT}"


def clients_at(url: str) -> AwsClients:
    """Return clients of the embedded AWS at a URL."""
    session = boto3.Session(
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - embedded AWS takes any
        region_name="us-east-1",
    )
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
    """Return a template with the model, config, endpoint, role and scaling that the stacks define.

    Args:
        endpoint: name of the endpoint.
        bucket: the model bucket's name, or a function that resolves to it.
        instance_type: of the one variant.
        image: of the serving container.
        prefix: of the models in the bucket.
        scaling: whether Application Auto Scaling scales the variant.
        capture: S3 URI for data capture; none by default.
        more: further resources by logical id.
    """
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
    """Return a template with a bucket whose name other stacks import as `<bucket>-name`.

    Args:
        bucket: name of the bucket.
        retain: whether the bucket outlives its stack.
        properties: further properties of the bucket.
    """
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
    """Create or update a stack.

    Args:
        clients: of the account.
        template: as JSON.
        stack: name of the stack.

    Raises:
        RuntimeError: The stack did not complete.
    """
    cloudformation = clients.cloudformation
    try:
        cloudformation.describe_stacks(StackName=stack)
    except cloudformation.exceptions.ClientError:
        cloudformation.create_stack(StackName=stack, TemplateBody=template, Capabilities=["CAPABILITY_IAM"])
    else:
        cloudformation.update_stack(StackName=stack, TemplateBody=template, Capabilities=["CAPABILITY_IAM"])
    (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    if found["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise RuntimeError(f"{stack} is {found['StackStatus']}")


def alarm_resource(
    name: str, metric: str = "Invocation5XXErrors", endpoint: str = ENDPOINT
) -> dict[str, Any]:
    """Return an alarm on an endpoint's metric, for a template.

    Args:
        name: of the alarm.
        metric: of namespace AWS/SageMaker.
        endpoint: name of the endpoint.
    """
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": name,
            "Namespace": "AWS/SageMaker",
            "MetricName": metric,
            "Dimensions": [
                {"Name": "EndpointName", "Value": endpoint},
                {"Name": "VariantName", "Value": "AllTraffic"},
            ],
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
            "Period": 60,
            "Statistic": "Sum",
            "Threshold": 1,
        },
    }


def update_by_hand(clients: AwsClients, config: str) -> str:
    """Update the endpoint outside its stack, to a copy of its config.

    Args:
        clients: of the account.
        config: name of the new config.

    Returns:
        Name of the config that the stack defines.
    """
    sagemaker = clients.sagemaker
    before = sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"]
    variants = sagemaker.describe_endpoint_config(EndpointConfigName=before)["ProductionVariants"]
    sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=variants)
    sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=config)
    return before


def secure_bucket(clients: AwsClients, bucket: str) -> None:
    """Block all public access to a bucket and abort its incomplete uploads, as `ModelBucket` does.

    Args:
        clients: of the account.
        bucket: name of the bucket.
    """
    clients.s3.put_public_access_block(
        Bucket=bucket,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    clients.s3.put_bucket_lifecycle_configuration(
        Bucket=bucket,
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": "abort",
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                }
            ]
        },
    )


def put_metric(clients: AwsClients, namespace: str, name: str, moment: datetime, *values: float) -> None:
    """Put values of a metric of the endpoint's variant.

    Args:
        clients: of the account.
        namespace: of the metric.
        name: of the metric.
        moment: time of every value.
        values: one for each sample.
    """
    dimensions = [
        {"Name": "EndpointName", "Value": ENDPOINT},
        {"Name": "VariantName", "Value": "AllTraffic"},
    ]
    data: Any = [
        {"MetricName": name, "Dimensions": dimensions, "Timestamp": moment, "Value": value}
        for value in values
    ]
    clients.cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
