"""A stack with every feature, deployed, updated and destroyed: its effect in the other services."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.mme_local.aws.every_feature import template

pytestmark = pytest.mark.slow

ClientOf = Callable[[str], Any]


def described(aws: ClientOf, name: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return an endpoint, its configuration and its model."""
    sagemaker = aws("sagemaker")
    endpoint = sagemaker.describe_endpoint(EndpointName=name)
    config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    model = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    assert endpoint["EndpointStatus"] == "InService"
    return endpoint, config, model


def scaling(aws: ClientOf) -> dict[str, Any]:
    """Return the scaled variant's bounds, schedule, step adjustments and target values."""
    client, namespace = aws("application-autoscaling"), {"ServiceNamespace": "sagemaker"}
    (target,) = client.describe_scalable_targets(**namespace)["ScalableTargets"]
    (action,) = client.describe_scheduled_actions(**namespace)["ScheduledActions"]
    policies = client.describe_scaling_policies(**namespace)["ScalingPolicies"]
    tracking = [one.get("TargetTrackingScalingPolicyConfiguration") for one in policies]
    steps = [one.get("StepScalingPolicyConfiguration") for one in policies]
    return {
        "bounds": (target["MinCapacity"], target["MaxCapacity"]),
        "schedule": (action["Schedule"], action["ScalableTargetAction"]),
        "targets": sorted(one["TargetValue"] for one in tracking if one),
        "steps": sorted(one["StepAdjustments"][0]["ScalingAdjustment"] for one in steps if one),
    }


def test_deploy_update_destroy(
    tmp_path: Path, deploy: Any, resource_id: Any, cloudformation: Any, aws: ClientOf
) -> None:
    aws("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String")
    ec2, sagemaker = aws("ec2"), aws("sagemaker")
    vpcs_before = {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]}
    capable = {"Capabilities": ["CAPABILITY_IAM"]}

    assert deploy(template(str(tmp_path / "1"), 1), **capable)["StackStatus"] == "CREATE_COMPLETE"

    before, config, model = described(aws, "locked-down")
    _check_first_version(before, config, model)
    _check_network(ec2, vpcs_before, model)
    assert scaling(aws) == {
        "bounds": (1, 4),
        "schedule": ("cron(0 6 * * ? *)", {"MinCapacity": 2}),
        # 50% of 4 vCPUs; 10 requests a second x 0.5 x 60; the rest as given
        "targets": [51, 80, 200, 300, 5000],
        "steps": [-1, 1],
    }
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="scaled",
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 3}],
    )

    assert deploy(template(str(tmp_path / "2"), 2), **capable)["StackStatus"] == "UPDATE_COMPLETE"

    endpoint, config, model = described(aws, "locked-down")
    _check_second_version(endpoint, config, model)
    assert endpoint["CreationTime"] == before["CreationTime"]
    assert scaling(aws)["bounds"] == (1, 8)
    assert scaling(aws)["targets"] == [52, 80, 200, 600, 5000]
    # one new model and config for each endpoint, without the old ones
    assert len(sagemaker.list_models()["Models"]) == 2
    assert len(sagemaker.list_endpoint_configs()["EndpointConfigs"]) == 2
    # an endpoint that scales keeps its live count
    (live, added) = described(aws, "scaled")[0]["ProductionVariants"]
    assert (live["CurrentInstanceCount"], added["VariantName"]) == (3, "Beside")
    (rule,) = aws("events").list_rules()["Rules"]
    assert rule["Description"] == "version 2"

    key = resource_id("Key961B73FD")
    cloudformation.delete_stack(StackName="app")

    assert cloudformation.describe_stacks()["Stacks"] == []
    for service, operation, member in [
        ("sagemaker", "list_endpoints", "Endpoints"),
        ("sagemaker", "list_endpoint_configs", "EndpointConfigs"),
        ("sagemaker", "list_models", "Models"),
        ("s3", "list_buckets", "Buckets"),
        ("cloudwatch", "describe_alarms", "MetricAlarms"),
        ("events", "list_rules", "Rules"),
    ]:
        assert getattr(aws(service), operation)()[member] == []
    targets = aws("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")
    assert targets["ScalableTargets"] == []
    assert {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]} == vpcs_before
    assert aws("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def _check_network(ec2: Any, known_vpcs: set[str], model: Any) -> None:
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


def _check_first_version(endpoint: Any, config: Any, model: Any) -> None:
    assert [container["Mode"] for container in model["Containers"]] == ["SingleModel", "MultiModel"]
    assert model["Containers"][1]["MultiModelConfig"] == {"ModelCacheSetting": "Enabled"}
    assert model["EnableNetworkIsolation"] is True
    (variant,) = config["ProductionVariants"]
    assert (variant["InstanceType"], variant["InitialInstanceCount"]) == ("ml.m5.xlarge", 2)
    assert (variant["VolumeSizeInGB"], variant["ContainerStartupHealthCheckTimeoutInSeconds"]) == (40, 600)
    assert variant["RoutingConfig"] == {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}
    assert config["DataCaptureConfig"]["KmsKeyId"] == config["KmsKeyId"]
    assert config["MetricsConfig"]["MetricPublishFrequencyInSeconds"] == 10
    strategy = endpoint["LastDeploymentConfig"]
    canary = strategy["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert (canary["Type"], canary["CanarySize"]) == ("CANARY", {"Type": "INSTANCE_COUNT", "Value": 1})
    assert len(strategy["AutoRollbackConfiguration"]["Alarms"]) == 1


def _check_second_version(endpoint: Any, config: Any, model: Any) -> None:
    assert model["Containers"][1]["MultiModelConfig"] == {"ModelCacheSetting": "Disabled"}
    (variant,) = config["ProductionVariants"]
    assert (variant["InstanceType"], variant["VolumeSizeInGB"]) == ("ml.m5.2xlarge", 80)
    assert config["DataCaptureConfig"]["InitialSamplingPercentage"] == 20
    rolling = endpoint["LastDeploymentConfig"]["RollingUpdatePolicy"]
    assert rolling["MaximumBatchSize"] == {"Type": "CAPACITY_PERCENT", "Value": 50}
