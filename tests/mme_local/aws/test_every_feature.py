"""A stack with every feature, deployed, updated and destroyed: what each leaves in the other services."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.mme_local.aws.every_feature import template

pytestmark = pytest.mark.slow

VARIANT = "endpoint/scaled/variant/AllTraffic"


class Everything:
    """The stack at one of its versions, and what boto3 says of it."""

    def __init__(self, aws: Callable[[str], Any]) -> None:
        self.aws = aws

    def locked_down(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """The pipeline's endpoint, its config and its model, each as SageMaker describes it."""
        return self._of("locked-down")

    def scaled(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """The same of the endpoint that scales."""
        return self._of("scaled")

    def _of(self, name: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        sagemaker = self.aws("sagemaker")
        endpoint = sagemaker.describe_endpoint(EndpointName=name)
        config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
        model = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
        assert endpoint["EndpointStatus"] == "InService"
        return endpoint, config, model

    def policies(self) -> dict[str, dict[str, Any]]:
        """Each scaling policy by the last part of its construct's id."""
        client = self.aws("application-autoscaling")
        found = client.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
        assert {policy["ResourceId"] for policy in found} == {VARIANT}
        names = ("GpuMemory", "Gpu", "Cpu", "Invocations", "Latency", "Lower", "Upper")
        return {next(name for name in names if name in policy["PolicyName"]): policy for policy in found}

    def targets(self) -> dict[str, float]:
        """What each tracking policy keeps its metric at."""
        return {
            name: policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
            for name, policy in self.policies().items()
            if policy["PolicyType"] == "TargetTrackingScaling"
        }

    def capacity(self) -> tuple[int, int]:
        """The scaled variant's bounds."""
        (target,) = self.aws("application-autoscaling").describe_scalable_targets(
            ServiceNamespace="sagemaker"
        )["ScalableTargets"]
        return target["MinCapacity"], target["MaxCapacity"]

    def schedules(self) -> list[tuple[str, dict[str, int]]]:
        """When the scaled variant's bounds change, and to what."""
        found = self.aws("application-autoscaling").describe_scheduled_actions(ServiceNamespace="sagemaker")
        return [(one["Schedule"], one["ScalableTargetAction"]) for one in found["ScheduledActions"]]


def test_deploy_update_destroy(
    tmp_path: Path, deploy: Any, resource_id: Any, cloudformation: Any, aws: Any
) -> None:
    aws("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String")
    everything = Everything(aws)
    ec2 = aws("ec2")
    vpcs_before = {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]}
    capable = {"Capabilities": ["CAPABILITY_IAM"]}

    assert deploy(template(str(tmp_path / "1"), 1), **capable)["StackStatus"] == "CREATE_COMPLETE"

    endpoint, config, model = everything.locked_down()
    before = endpoint
    _first_version(everything, ec2, vpcs_before, endpoint, config, model)
    aws("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName="scaled",
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 3}],
    )

    assert deploy(template(str(tmp_path / "2"), 2), **capable)["StackStatus"] == "UPDATE_COMPLETE"

    endpoint, config, model = everything.locked_down()
    _second_version(everything, endpoint, config, model)
    assert endpoint["EndpointArn"] == before["EndpointArn"]
    assert endpoint["CreationTime"] == before["CreationTime"]
    # Of each model and config there is one again, the new one.
    assert len(aws("sagemaker").list_models()["Models"]) == 2
    assert len(aws("sagemaker").list_endpoint_configs()["EndpointConfigs"]) == 2
    # Scaled, the endpoint keeps its live count through the update.
    (live, _) = everything.scaled()[0]["ProductionVariants"]
    assert live["CurrentInstanceCount"] == 3
    (rule,) = aws("events").list_rules()["Rules"]
    assert rule["Description"] == "version 2"
    (alarm,) = (
        one
        for one in aws("cloudwatch").describe_alarms()["MetricAlarms"]
        if one["MetricName"] == "Invocation5XXErrors"
    )
    assert alarm["Threshold"] == 2

    key = resource_id("Key961B73FD")
    cloudformation.delete_stack(StackName="app")

    assert cloudformation.describe_stacks()["Stacks"] == []
    assert aws("sagemaker").list_endpoints()["Endpoints"] == []
    assert aws("sagemaker").list_endpoint_configs()["EndpointConfigs"] == []
    assert aws("sagemaker").list_models()["Models"] == []
    assert aws("s3").list_buckets()["Buckets"] == []
    assert aws("cloudwatch").describe_alarms()["MetricAlarms"] == []
    assert aws("events").list_rules()["Rules"] == []
    scaling = aws("application-autoscaling")
    assert scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []
    assert scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"] == []
    assert scaling.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"] == []
    assert {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]} == vpcs_before
    # Listed for a while as deleted, as EC2 does.
    assert {one["State"] for one in ec2.describe_vpc_endpoints()["VpcEndpoints"]} <= {"deleted"}
    assert aws("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def _first_version(
    everything: Everything, ec2: Any, known_vpcs: set[str], endpoint: Any, config: Any, model: Any
) -> None:
    assert [container["Mode"] for container in model["Containers"]] == ["SingleModel", "MultiModel"]
    assert model["Containers"][0]["ContainerHostname"] == "tokens"
    assert model["Containers"][1]["MultiModelConfig"] == {"ModelCacheSetting": "Enabled"}
    assert model["EnableNetworkIsolation"] is True
    (vpc,) = (one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"] if one["VpcId"] not in known_vpcs)
    subnets = ec2.describe_subnets(SubnetIds=model["VpcConfig"]["Subnets"])["Subnets"]
    assert {(one["VpcId"], one["AvailabilityZone"]) for one in subnets} == {
        (vpc, "us-east-1a"),
        (vpc, "us-east-1b"),
    }
    (group,) = ec2.describe_security_groups(GroupIds=model["VpcConfig"]["SecurityGroupIds"])["SecurityGroups"]
    assert group["VpcId"] == vpc
    (gateway,) = ec2.describe_vpc_endpoints()["VpcEndpoints"]
    assert (gateway["VpcId"], gateway["ServiceName"]) == (vpc, "com.amazonaws.us-east-1.s3")
    assert len(gateway["RouteTableIds"]) == 2

    (variant,) = config["ProductionVariants"]
    assert (variant["InstanceType"], variant["InitialInstanceCount"]) == ("ml.m5.xlarge", 2)
    assert (variant["VolumeSizeInGB"], variant["ContainerStartupHealthCheckTimeoutInSeconds"]) == (40, 600)
    assert variant["RoutingConfig"] == {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}
    assert config["KmsKeyId"].startswith("arn:aws:kms:us-east-1:123456789012:key/")
    assert config["DataCaptureConfig"]["InitialSamplingPercentage"] == 10
    assert config["DataCaptureConfig"]["KmsKeyId"] == config["KmsKeyId"]
    assert config["MetricsConfig"]["MetricPublishFrequencyInSeconds"] == 10
    strategy = endpoint["LastDeploymentConfig"]
    canary = strategy["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert (canary["Type"], canary["CanarySize"]) == ("CANARY", {"Type": "INSTANCE_COUNT", "Value": 1})
    assert len(strategy["AutoRollbackConfiguration"]["Alarms"]) == 1

    _, config, _ = everything.scaled()
    assert [one["VariantName"] for one in config["ProductionVariants"]] == ["AllTraffic", "Beside"]
    assert everything.capacity() == (1, 4)
    # 10 requests a second x 0.5 x 60; 50% of 4 vCPUs; the rest as given.
    assert everything.targets() == {
        "Invocations": 300,
        "Cpu": 200,
        "Gpu": 51,
        "GpuMemory": 80,
        "Latency": 5000,
    }
    steps = {
        name: policy["StepScalingPolicyConfiguration"]["StepAdjustments"][0]["ScalingAdjustment"]
        for name, policy in everything.policies().items()
        if policy["PolicyType"] == "StepScaling"
    }
    assert steps == {"Lower": -1, "Upper": 1}
    assert everything.schedules() == [("cron(0 6 * * ? *)", {"MinCapacity": 2})]


def _second_version(everything: Everything, endpoint: Any, config: Any, model: Any) -> None:
    assert model["Containers"][1]["MultiModelConfig"] == {"ModelCacheSetting": "Disabled"}
    (variant,) = config["ProductionVariants"]
    assert variant["InstanceType"] == "ml.m5.2xlarge"
    assert (variant["VolumeSizeInGB"], variant["ContainerStartupHealthCheckTimeoutInSeconds"]) == (80, 1200)
    assert config["DataCaptureConfig"]["InitialSamplingPercentage"] == 20
    assert config["MetricsConfig"]["MetricPublishFrequencyInSeconds"] == 30
    rolling = endpoint["LastDeploymentConfig"]["RollingUpdatePolicy"]
    assert rolling["MaximumBatchSize"] == {"Type": "CAPACITY_PERCENT", "Value": 50}

    assert everything.capacity() == (1, 8)
    assert everything.targets() == {
        "Invocations": 600,
        "Cpu": 200,
        "Gpu": 52,
        "GpuMemory": 80,
        "Latency": 5000,
    }
    assert everything.schedules() == [("cron(0 7 * * ? *)", {"MinCapacity": 2})]
    _, config, _ = everything.scaled()
    assert config["ProductionVariants"][1]["InitialVariantWeight"] == pytest.approx(0.2)
