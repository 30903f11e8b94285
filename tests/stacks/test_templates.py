from __future__ import annotations

import json
from typing import Any

import pytest

from stacks.environments import ENVIRONMENTS

NAMES = [environment.name for environment in ENVIRONMENTS]
WITH_KEY = {"staging", "prod"}


def of(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [found for found in template["Resources"].values() if found["Type"] == kind]


@pytest.mark.parametrize("name", NAMES)
def test_outputs_that_the_toolkit_reads(name: str, assembly) -> None:
    store = assembly.template(name, "ModelStore")["Outputs"]
    serving = assembly.template(name, "Serving")["Outputs"]
    assert {"ModelBucketName", "ModelPrefix"} <= set(store)
    assert set(serving) == {"EndpointName", "ModelBucketName", "ModelPrefix"}
    assert serving["EndpointName"]["Value"] == f"mme-{name}"
    assert serving["ModelPrefix"]["Value"] == store["ModelPrefix"]["Value"] == "models/"


@pytest.mark.parametrize("name", NAMES)
def test_stack_names(name: str, assembly) -> None:
    stacks = {
        artifact["displayName"]: artifact["properties"].get("stackName")
        for artifact in assembly.manifest(name).values()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    assert stacks == {
        f"{name}/ModelStore": f"mme-{name}-model-store",
        f"{name}/Serving": f"mme-{name}-serving",
    }


@pytest.mark.parametrize("name", NAMES)
def test_what_outlives_an_endpoint_is_apart_from_it(name: str, assembly) -> None:
    serving = {found["Type"] for found in assembly.template(name, "Serving")["Resources"].values()}
    store = {found["Type"] for found in assembly.template(name, "ModelStore")["Resources"].values()}
    key = {"AWS::KMS::Key"} if name in WITH_KEY else set()
    assert store == {"AWS::S3::Bucket", "AWS::S3::BucketPolicy"} | key
    assert serving == {
        "AWS::IAM::Role",
        "AWS::IAM::ManagedPolicy",
        "AWS::SageMaker::Model",
        "AWS::SageMaker::EndpointConfig",
        "AWS::SageMaker::Endpoint",
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::Logs::QueryDefinition",
        # The alarms' topic: it holds no message for longer than it takes to send it.
        "AWS::KMS::Key",
        "AWS::SNS::Topic",
        "AWS::SNS::TopicPolicy",
    }


@pytest.mark.parametrize(("name", "policy"), [("local", "Delete"), ("dev", "Delete"), ("prod", "Retain")])
def test_models_are_retained_outside_development(name: str, policy: str, assembly) -> None:
    buckets = of(assembly.template(name, "ModelStore"), "AWS::S3::Bucket")
    logged = [bucket for bucket in buckets if "LoggingConfiguration" in bucket["Properties"]]
    assert [bucket["DeletionPolicy"] for bucket in logged or buckets] == [policy]
    # S3 keeps writing logs: a bucket of them is never empty, and its deletion would fail.
    assert {bucket["DeletionPolicy"] for bucket in buckets if logged and bucket not in logged} <= {"Retain"}


@pytest.mark.parametrize("name", NAMES)
def test_the_serving_stack_may_stop_using_the_bucket_at_any_time(name: str, assembly) -> None:
    outputs = assembly.template(name, "ModelStore")["Outputs"]
    exports = [output for output in outputs.values() if "Export" in output]
    assert len(exports) == (3 if name in WITH_KEY else 2)


@pytest.mark.parametrize("name", NAMES)
def test_only_resources_updated_in_place_have_names(name: str, assembly) -> None:
    for stack in ("ModelStore", "Serving"):
        for found in assembly.template(name, stack)["Resources"].values():
            named = {key for key in found.get("Properties", {}) if key.endswith("Name")} - {"MetricName"}
            # Alarms, dashboards and saved queries are updated in place: people find them by name.
            allowed = {
                "EndpointName",
                "EndpointConfigName",
                "PolicyName",
                "AlarmName",
                "DashboardName",
                "Name",
            }
            assert named <= (allowed if stack == "Serving" else set()), found["Type"]
    (config,) = of(assembly.template(name, "Serving"), "AWS::SageMaker::EndpointConfig")
    assert "EndpointConfigName" not in config["Properties"]


@pytest.mark.parametrize("name", NAMES)
def test_tags(name: str, assembly) -> None:
    (bucket, *_) = of(assembly.template(name, "ModelStore"), "AWS::S3::Bucket")
    assert {"Key": "environment", "Value": name} in bucket["Properties"]["Tags"]


@pytest.mark.parametrize("name", NAMES)
def test_staging_and_prod_have_a_key_and_no_network(name: str, assembly) -> None:
    (bucket,) = (
        bucket["Properties"]
        for bucket in of(assembly.template(name, "ModelStore"), "AWS::S3::Bucket")
        if "expire-old-versions" in str(bucket["Properties"]["LifecycleConfiguration"])
    )
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    (model,) = of(assembly.template(name, "Serving"), "AWS::SageMaker::Model")
    reads = [
        statement["Action"]
        for policy in of(assembly.template(name, "Serving"), "AWS::IAM::ManagedPolicy")
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]
    if name in WITH_KEY:
        assert rule["BucketKeyEnabled"] is True
        assert "ModelKey" in json.dumps(rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"])
        assert "kms:Decrypt" in reads
        assert model["Properties"]["EnableNetworkIsolation"] is True
    else:
        assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        assert "kms:Decrypt" not in reads
        assert "EnableNetworkIsolation" not in model["Properties"]


def test_production_stacks_are_protected(assembly) -> None:
    protected = {
        name: {
            artifact["properties"].get("terminationProtection", False)
            for artifact in assembly.manifest(name).values()
            if artifact["type"] == "aws:cloudformation:stack"
        }
        for name in NAMES
    }
    assert protected == {"local": {False}, "dev": {False}, "staging": {False}, "prod": {True}}
