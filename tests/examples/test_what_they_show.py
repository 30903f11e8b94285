"""Each example's template implements its README."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.examples.conftest import Example

ExampleOf = Callable[[str], Example]


def reference_to(template: Any, of: dict[str, dict[str, Any]]) -> bool:
    """Whether a value refers to one of these resources."""
    text = json.dumps(template)
    return any(f'"{id}"' in text for id in of)


def test_minimal_needs_three_decisions_and_is_private(example: ExampleOf) -> None:
    minimal = example("minimal")
    (bucket,) = [
        properties
        for properties in minimal.resources("Minimal", "AWS::S3::Bucket").values()
        if "LoggingConfiguration" in properties
    ]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    model = minimal.one("Minimal", "AWS::SageMaker::Model")
    assert model["PrimaryContainer" if "PrimaryContainer" in model else "Containers"]
    (variant,) = minimal.one("Minimal", "AWS::SageMaker::EndpointConfig")["ProductionVariants"]
    assert variant["InstanceType"] == "ml.g5.xlarge"


@pytest.mark.parametrize(("tenant", "other"), [("tenant-a", "tenant-b"), ("tenant-b", "tenant-a")])
def test_a_tenant_calls_and_publishes_its_own_models_only(
    tenant: str, other: str, example: ExampleOf
) -> None:
    shared = example("multi_tenant")
    id = tenant.replace("-", "")
    (calls,) = shared.statements("MultiTenant", f"{id}Caller")
    assert calls["Action"] == "sagemaker:InvokeEndpoint"
    assert calls["Condition"] == {"StringLike": {"sagemaker:TargetModel": [f"{tenant}/*"]}}
    assert ":endpoint/multitenant-endpoint-" in json.dumps(calls["Resource"])

    objects, state, listing, outputs = shared.statements("MultiTenant", f"{id}Publisher")
    assert (outputs["Action"], outputs["Resource"]) == (
        "cloudformation:DescribeStacks",
        {"Ref": "AWS::StackId"},
    )
    assert "s3:DeleteObject" in objects["Action"]
    assert json.dumps(objects["Resource"]).endswith(f'"/models/{tenant}/*"]]}}')
    assert state["Action"] == ["s3:GetObject", "s3:PutObject"]
    assert all(f"/{tenant}/" in json.dumps(resource) for resource in state["Resource"])
    patterns = listing["Condition"]["StringLike"]["s3:prefix"]
    assert patterns[:2] == [f"models/{tenant}/", f"models/{tenant}/*"]
    assert all(f"/{tenant}/" in pattern for pattern in patterns)
    assert other not in json.dumps([calls, objects, state, listing])


def test_tenants_share_a_fleet_that_scales(example: ExampleOf) -> None:
    shared = example("multi_tenant")
    target = shared.one("MultiTenant", "AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 8)
    policy = shared.one("MultiTenant", "AWS::ApplicationAutoScaling::ScalingPolicy")
    # 20 calls a second, times the safety factor of 0.5, in a minute.
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 600
    endpoint = shared.one("MultiTenant", "AWS::SageMaker::Endpoint")
    assert endpoint["RetainAllVariantProperties"] is True


def test_xgboost_scales_on_cpu_and_rolls_back_on_an_alarm(example: ExampleOf) -> None:
    xgboost = example("cpu_xgboost")
    endpoint = xgboost.one("CpuXgboost", "AWS::SageMaker::Endpoint")
    rolling = endpoint["DeploymentConfig"]["RollingUpdatePolicy"]
    assert rolling["MaximumBatchSize"] == {"Type": "CAPACITY_PERCENT", "Value": 50}
    (alarm,) = endpoint["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]
    alarms = xgboost.resources("CpuXgboost", "AWS::CloudWatch::Alarm")
    assert reference_to(alarm, alarms)
    (watched,) = alarms.values()
    assert watched["TreatMissingData"] == "notBreaching"
    dimensions = {entry["Name"]: entry["Value"] for entry in watched["Dimensions"]}
    assert dimensions == {"EndpointName": endpoint["EndpointName"], "VariantName": "AllTraffic"}

    (variant,) = xgboost.one("CpuXgboost", "AWS::SageMaker::EndpointConfig")["ProductionVariants"]
    assert variant["InitialInstanceCount"] == 2
    assert variant["RoutingConfig"] == {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}
    scaling = xgboost.one("CpuXgboost", "AWS::ApplicationAutoScaling::ScalingPolicy")
    # 60 percent of the 4 vCPUs of ml.m5.xlarge, as SageMaker counts them.
    assert scaling["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 240
    assert "sagemaker-xgboost" in json.dumps(xgboost.one("CpuXgboost", "AWS::SageMaker::Model"))


def test_a_pipeline_of_one_scaler_and_many_models(example: ExampleOf) -> None:
    pipeline = example("serial_pipeline")
    model = pipeline.one("Serving", "AWS::SageMaker::Model")
    scaler, models = model["Containers"]
    assert (scaler["Mode"], models["Mode"]) == ("SingleModel", "MultiModel")
    assert (scaler["ContainerHostname"], models["ContainerHostname"]) == ("scaler", "models")
    assert "/scaler/v1.tar.gz" in json.dumps(scaler["ModelDataUrl"])
    assert "/models/" in json.dumps(models["ModelDataUrl"])
    assert model["InferenceExecutionConfig"] == {"Mode": "Serial"}
    read = [
        json.dumps(statement["Resource"])
        for statement in pipeline.statements("Serving", "EndpointRole")
        if "s3:GetObject" in statement["Action"]
    ]
    assert len(read) in {1, 2}
    assert '"/scaler/v1.tar.gz"' in "".join(read)
    assert '"/models/*"' in "".join(read)
    assert '"/*"' not in "".join(read)
    # The bucket is there, and holds the scaler, before the model is made.
    assert pipeline.resources("Models", "AWS::S3::Bucket")
    assert not pipeline.resources("Serving", "AWS::S3::Bucket")


def test_only_the_caller_sends_to_the_queue(example: ExampleOf) -> None:
    queued = example("asynchronous")
    mapping = queued.one("Asynchronous", "AWS::Lambda::EventSourceMapping")
    assert mapping["BatchSize"] * mapping["ScalingConfig"]["MaximumConcurrency"] == 20
    endpoint = queued.resources("Asynchronous", "AWS::SageMaker::Endpoint")
    function = queued.one("Asynchronous", "AWS::Lambda::Function")
    assert reference_to(function["Environment"]["Variables"]["MME_ENDPOINT_NAME"], endpoint) or (
        function["Environment"]["Variables"]["MME_ENDPOINT_NAME"]
        == next(iter(endpoint.values()))["EndpointName"]
    )
    actions: set[str] = set()
    for statement in queued.statements("Asynchronous", "Caller"):
        named = statement["Action"]
        actions |= {named} if isinstance(named, str) else set(named)
    assert {"sqs:SendMessage", "s3:PutObject", "s3:GetObject"} <= actions
    assert not actions & {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sagemaker:InvokeEndpoint"}
    watched = queued.one("Asynchronous", "AWS::CloudWatch::Alarm")
    (dimension,) = watched["Dimensions"]
    dead = {
        id: found
        for id, found in queued.resources("Asynchronous", "AWS::SQS::Queue").items()
        if "RedrivePolicy" not in found
    }
    assert reference_to(dimension["Value"], dead)
    assert watched["TreatMissingData"] == "notBreaching"
    outputs = queued.template("Asynchronous")["Outputs"]
    assert {"AsyncQueueUrl", "AsyncDeadLetterQueueUrl", "AsyncOutcomeLocation"} <= set(outputs)


def test_nothing_leads_out_of_the_locked_down_network(example: ExampleOf) -> None:
    locked = example("locked_down")
    kinds = {found["Type"] for found in locked.template("LockedDown")["Resources"].values()}
    assert not kinds & {
        "AWS::EC2::InternetGateway",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::EC2::NatGateway",
        "AWS::EC2::Route",
        "AWS::EC2::EgressOnlyInternetGateway",
    }
    subnets = locked.resources("LockedDown", "AWS::EC2::Subnet")
    assert len(subnets) == 2
    assert not any(subnet["MapPublicIpOnLaunch"] for subnet in subnets.values())
    assert len({json.dumps(subnet["AvailabilityZone"]) for subnet in subnets.values()}) == 2
    model = locked.one("LockedDown", "AWS::SageMaker::Model")
    assert model["EnableNetworkIsolation"] is True
    assert {subnet["Ref"] for subnet in model["VpcConfig"]["Subnets"]} == set(subnets)
    assert locked.one("LockedDown", "AWS::EC2::FlowLog")["TrafficType"] == "ALL"


def test_traffic_that_the_locked_down_network_allows(example: ExampleOf) -> None:
    locked = example("locked_down")
    endpoints = locked.resources("LockedDown", "AWS::EC2::VPCEndpoint").values()
    doors = {found["VpcEndpointType"]: found for found in endpoints}
    assert len(endpoints) == len(doors) == 2

    (reads,) = doors["Gateway"]["PolicyDocument"]["Statement"]
    assert reads["Action"] == ["s3:GetObject", "s3:ListBucket"]
    assert "*" not in [json.dumps(resource) for resource in reads["Resource"]]
    assert all(
        reference_to(resource, locked.resources("LockedDown", "AWS::S3::Bucket"))
        for resource in reads["Resource"]
    )
    assert len(doors["Gateway"]["RouteTableIds"]) == 2

    (calls,) = doors["Interface"]["PolicyDocument"]["Statement"]
    assert calls["Action"] == "sagemaker:InvokeEndpoint"
    name = locked.one("LockedDown", "AWS::SageMaker::Endpoint")["EndpointName"]
    assert json.dumps(calls["Resource"]).endswith(f':endpoint/{name}"]]}}')
    assert doors["Interface"]["PrivateDnsEnabled"] is True

    # Whatever is let in comes from a security group, on HTTPS; nothing from an address.
    groups = locked.resources("LockedDown", "AWS::EC2::SecurityGroup").values()
    assert not any("SecurityGroupIngress" in group for group in groups)
    ingress = locked.one("LockedDown", "AWS::EC2::SecurityGroupIngress")
    assert "SourceSecurityGroupId" in ingress
    assert (ingress["FromPort"], ingress["ToPort"]) == (443, 443)
    ways_out = [rule for group in groups for rule in group.get("SecurityGroupEgress", [])]
    assert {rule["ToPort"] for rule in ways_out if rule["CidrIp"] == "0.0.0.0/0"} == {443}


def test_one_key_for_what_is_stored(example: ExampleOf) -> None:
    locked = example("locked_down")
    keys = locked.resources("LockedDown", "AWS::KMS::Key")
    (key,) = keys.values()
    assert key["EnableKeyRotation"] is True
    assert reference_to(locked.one("LockedDown", "AWS::SageMaker::EndpointConfig")["KmsKeyId"], keys)
    (store,) = [
        bucket
        for bucket in locked.resources("LockedDown", "AWS::S3::Bucket").values()
        if "LoggingConfiguration" in bucket
    ]
    (rule,) = store["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert reference_to(rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"], keys)
    decrypts = [
        statement
        for statement in locked.statements("LockedDown", "EndpointRole")
        if statement["Action"] == "kms:Decrypt"
    ]
    assert len(decrypts) == 1
    assert reference_to(decrypts[0]["Resource"], keys)
