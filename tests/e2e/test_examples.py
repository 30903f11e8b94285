"""The examples as a user runs them: the CDK CLI in their folder on the runtime, then `mme` and boto3."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from tests.e2e.conftest import ROOT, Machine

pytestmark = [pytest.mark.nightly, pytest.mark.triton, pytest.mark.timeout(600)]


def cdk(machine: Machine, example: str, verb: str, *arguments: str) -> str:
    """The CDK CLI in an example's folder, where its cdk.json is."""
    return machine.run(
        *("cdk", verb, "--output", str(machine.home / f"{example}.out"), "--ci", *arguments),
        folder=ROOT / "examples" / example,
        PYTHONDONTWRITEBYTECODE="1",
        CDK_VALIDATION="false",
    )


def deploy(machine: Machine, example: str, *stacks: str) -> dict[str, str]:
    """Deploy stacks of an example; returns the outputs of the last."""
    cdk(machine, example, "deploy", *stacks, "--require-approval", "never")
    (stack,) = machine.client("cloudformation").describe_stacks(StackName=stacks[-1])["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@pytest.fixture(scope="module")
def bootstrapped(machine: Machine) -> Machine:
    cdk(machine, "minimal", "bootstrap", "aws://123456789012/us-east-1")
    return machine


def invoke(machine: Machine, endpoint: str, target_model: str) -> list[list[float]]:
    """add_sub of 1, 2, 3, 4 and ones, by plain boto3."""
    tensors = [
        {"name": name, "datatype": "FP32", "shape": [4], "data": data}
        for name, data in (("INPUT0", [1, 2, 3, 4]), ("INPUT1", [1, 1, 1, 1]))
    ]
    answer = machine.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint,
        TargetModel=target_model,
        ContentType="application/json",
        Body=json.dumps({"inputs": tensors}),
    )
    return [output["data"] for output in json.load(answer["Body"])["outputs"]]


def test_minimal_serves_what_its_readme_publishes(bootstrapped: Machine) -> None:
    outputs = deploy(bootstrapped, "minimal", "Minimal")
    bootstrapped.run("mme", "--stack", "Minimal", "models", "add", "model_registry/add_sub")
    answer = invoke(bootstrapped, outputs["EndpointName"], "add_sub_v0.tar.gz")
    assert answer == [[2, 3, 4, 5], [0, 1, 2, 3]]


def test_tenants_publish_list_and_call_nested_names(bootstrapped: Machine) -> None:
    outputs = deploy(bootstrapped, "multi_tenant", "MultiTenant")
    here = ("mme", "--stack", "MultiTenant")
    for tenant in ("tenant-a", "tenant-b"):
        bootstrapped.run(*here, "models", "add", "model_registry/add_sub", "--name", f"{tenant}/add_sub")
    listed = json.dumps(json.loads(bootstrapped.run(*here, "models", "list", "--json")))
    keys = [
        entry["Key"]
        for entry in bootstrapped.client("s3").list_objects_v2(
            Bucket=outputs["ModelBucketName"], Prefix=outputs["ModelPrefix"]
        )["Contents"]
    ]
    for tenant in ("tenant-a", "tenant-b"):
        assert f'"{tenant}/add_sub_v0.tar.gz"' in listed
        assert f"models/{tenant}/add_sub_v0.tar.gz" in keys
        answer = invoke(bootstrapped, outputs["EndpointName"], f"{tenant}/add_sub_v0.tar.gz")
        assert answer == [[2, 3, 4, 5], [0, 1, 2, 3]]
    said = bootstrapped.run(
        *here,
        "invoke",
        "tenant-a/add_sub_v0.tar.gz",
        "-i",
        "INPUT0=1,2,3,4",
        "-i",
        "INPUT1=1,1,1,1",
        "--json",
    )
    assert "[2.0, 3.0, 4.0, 5.0]" in json.dumps(json.loads(said))


def test_queued_requests_of_the_readme_are_answered(bootstrapped: Machine) -> None:
    deploy(bootstrapped, "asynchronous", "Asynchronous")
    here = ("mme", "--stack", "Asynchronous")
    bootstrapped.run(*here, "models", "add", "model_registry/add_sub")
    tensors = ("--input", "INPUT0=1,2,3,4", "--input", "INPUT1=1,1,1,1")
    bootstrapped.run(*here, "invoke", "add_sub_v0.tar.gz", *tensors, "--async", "--inference-id", "first")
    said = bootstrapped.run(*here, "async", "result", "first", "--wait", "120", "--json")
    assert json.loads(said)["outputs"]["OUTPUT0"]["data"] == [2, 3, 4, 5]


def test_xgboost_deploys_with_its_alarm_and_its_scaling(bootstrapped: Machine) -> None:
    outputs = deploy(bootstrapped, "cpu_xgboost", "CpuXgboost")
    sagemaker = bootstrapped.client("sagemaker")
    described = sagemaker.describe_endpoint(EndpointName=outputs["EndpointName"])
    (alarm,) = described["LastDeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]
    assert bootstrapped.client("cloudwatch").describe_alarms(AlarmNames=[alarm["AlarmName"]])["MetricAlarms"]
    (target,) = bootstrapped.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[f"endpoint/{outputs['EndpointName']}/variant/AllTraffic"]
    )["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 6)
    here = ("mme", "--stack", "CpuXgboost")
    bootstrapped.run(*here, "models", "add", "model_registry/churn_xgboost")
    body = ("--body", "model_registry/churn_xgboost/request.csv")
    said = bootstrapped.run(*here, "invoke", "churn_xgboost_v0.tar.gz", *body)
    assert json.loads(said.splitlines()[0]) == pytest.approx([0.045, 0.108], abs=0.001)


def test_scikit_learn_serves_the_wines_with_the_program_of_the_example(bootstrapped: Machine) -> None:
    deploy(bootstrapped, "scikit_learn", "ScikitLearn")
    here = ("mme", "--stack", "ScikitLearn")
    bootstrapped.run(*here, "models", "add", "model_registry/wine_sklearn")
    body = ("--body", "model_registry/wine_sklearn/request.csv")
    said = bootstrapped.run(*here, "invoke", "wine_sklearn_v0.tar.gz", *body)
    probabilities = json.loads(said.splitlines()[0])
    assert [len(row) for row in probabilities] == [3, 3]
    assert [sum(row) for row in probabilities] == pytest.approx([1, 1])


def test_the_pipelines_bucket_is_there_before_its_endpoint(bootstrapped: Machine) -> None:
    bucket = deploy(bootstrapped, "serial_pipeline", "Models")["ModelBucketName"]
    bootstrapped.client("s3").upload_fileobj(io.BytesIO(b"scaler"), bucket, "scaler/v1.tar.gz")
    outputs = deploy(bootstrapped, "serial_pipeline", "Serving")
    assert outputs["ModelBucketName"] == bucket
    sagemaker = bootstrapped.client("sagemaker")
    endpoint = sagemaker.describe_endpoint(EndpointName=outputs["EndpointName"])
    config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    (variant,) = config["ProductionVariants"]
    containers: list[dict[str, Any]] = sagemaker.describe_model(ModelName=variant["ModelName"])["Containers"]
    assert [container["ContainerHostname"] for container in containers] == ["scaler", "models"]
    assert containers[0]["ModelDataUrl"] == f"s3://{bucket}/scaler/v1.tar.gz"
