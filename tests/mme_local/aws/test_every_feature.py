"""A stack with every feature, deployed, updated and destroyed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.mme_local.aws.every_feature import template

pytestmark = pytest.mark.slow

ClientOf = Callable[[str], Any]


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


def left(aws: ClientOf) -> dict[str, int]:
    """Count what is deployed."""
    vpcs = [vpc for vpc in aws("ec2").describe_vpcs()["Vpcs"] if not vpc["IsDefault"]]
    return {
        "alarms": len(aws("cloudwatch").describe_alarms()["MetricAlarms"]),
        "buckets": len(aws("s3").list_buckets()["Buckets"]),
        "configs": len(aws("sagemaker").list_endpoint_configs()["EndpointConfigs"]),
        "endpoints": len(aws("sagemaker").list_endpoints()["Endpoints"]),
        "models": len(aws("sagemaker").list_models()["Models"]),
        "rules": len(aws("events").list_rules()["Rules"]),
        "vpcs": len(vpcs),
    }


def test_deploy_update_destroy(tmp_path: Path, deploy: Any, cloudformation: Any, aws: ClientOf) -> None:
    aws("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String")
    sagemaker, capable = aws("sagemaker"), {"Capabilities": ["CAPABILITY_IAM"]}

    assert deploy(template(str(tmp_path / "1"), 1), **capable)["StackStatus"] == "CREATE_COMPLETE"

    deployed = left(aws)
    before = sagemaker.describe_endpoint(EndpointName="locked-down")
    canary = before["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert (canary["Type"], canary["CanarySize"]) == ("CANARY", {"Type": "INSTANCE_COUNT", "Value": 1})
    assert scaling(aws) == {
        "bounds": (1, 4),
        "schedule": ("cron(0 6 * * ? *)", {"MinCapacity": 2}),
        # 50% of 4 vCPUs; 10 requests a second x 0.5 x 60; the rest as given
        "targets": [51, 80, 200, 300, 5000],
        "steps": [-1, 1],
    }
    live = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 3}]
    sagemaker.update_endpoint_weights_and_capacities(EndpointName="scaled", DesiredWeightsAndCapacities=live)

    assert deploy(template(str(tmp_path / "2"), 2), **capable)["StackStatus"] == "UPDATE_COMPLETE"

    after = sagemaker.describe_endpoint(EndpointName="locked-down")
    assert after["CreationTime"] == before["CreationTime"]
    assert after["EndpointConfigName"] != before["EndpointConfigName"]
    batch = after["LastDeploymentConfig"]["RollingUpdatePolicy"]["MaximumBatchSize"]
    assert batch == {"Type": "CAPACITY_PERCENT", "Value": 50}
    assert (scaling(aws)["bounds"], scaling(aws)["targets"]) == ((1, 8), [52, 80, 200, 600, 5000])
    # replaced models and configurations are gone, and an endpoint that scales keeps its live count
    assert left(aws) == deployed
    (scaled, _) = sagemaker.describe_endpoint(EndpointName="scaled")["ProductionVariants"]
    assert scaled["CurrentInstanceCount"] == 3

    cloudformation.delete_stack(StackName="app")

    assert cloudformation.describe_stacks()["Stacks"] == []
    assert left(aws) == dict.fromkeys(deployed, 0)
