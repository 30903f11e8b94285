"""The main job: deploy by the real CDK CLI, publish by `mme`, call by plain boto3 and by `mme`."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from botocore.exceptions import ClientError

from model_registry.digits_data import held_out
from tests.archives.archive_builder import pack
from tests.e2e.conftest import Machine

pytestmark = [pytest.mark.slow, pytest.mark.triton, pytest.mark.timeout(600)]


def tensor(name: str, *values: float) -> dict[str, object]:
    return {"name": name, "datatype": "FP32", "shape": [len(values)], "data": list(values)}


def call(machine: Machine, target_model: str, *inputs: dict[str, object]) -> dict[str, list[float]]:
    answer = machine.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=machine.outputs()["EndpointName"],
        TargetModel=target_model,
        ContentType="application/json",
        Body=json.dumps({"inputs": list(inputs)}),
    )
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    return {output["name"]: output["data"] for output in json.load(answer["Body"])["outputs"]}


def put_model(machine: Machine, key: str, code: str) -> None:
    """An archive that the toolkit's checks never saw."""
    config = """backend: "python"
    input [{ name: "INPUT0" data_type: TYPE_FP32 dims: [1] }]
    output [{ name: "OUTPUT0" data_type: TYPE_FP32 dims: [1] }]"""
    body = pack({"config.pbtxt": config, "1/model.py": code})
    bucket = machine.outputs()["ModelBucketName"]
    machine.client("s3").put_object(Bucket=bucket, Key=f"models/{key}", Body=body)


def test_plain_boto3_gets_right_answers_from_both_models(deployed: Machine) -> None:
    answer = call(
        deployed, "add_sub_v0.tar.gz", tensor("INPUT0", 1, 2, 3, 4), tensor("INPUT1", 10, 20, 30, 40)
    )
    assert answer == {"OUTPUT0": [11, 22, 33, 44], "OUTPUT1": [-9, -18, -27, -36]}
    images, labels = held_out()
    right = 0
    for start in range(0, len(images), 100):
        batch = np.asarray(images[start : start + 100], np.float32)
        given = {
            "name": "image",
            "datatype": "FP32",
            "shape": list(batch.shape),
            "data": batch.ravel().tolist(),
        }
        right += int(
            (
                np.array(call(deployed, "digits_v0.tar.gz", given)["label"]) == labels[start : start + 100]
            ).sum()
        )
    assert right / len(labels) >= 0.9


def test_the_command_line_answers_as_the_models_do(deployed: Machine) -> None:
    answer = json.loads(
        deployed.run(
            "mme",
            "invoke",
            "add_sub_v0.tar.gz",
            "--input",
            "INPUT0=1,2,3,4",
            "--input",
            "INPUT1=1,1,1,1",
            "--json",
        )
    )
    assert "[2.0, 3.0, 4.0, 5.0]" in json.dumps(answer)
    listed = deployed.run("mme", "models", "list", "--json")
    assert {"add_sub_v0.tar.gz", "digits_v0.tar.gz"} <= {
        word for word in json.dumps(json.loads(listed)).split('"') if word.endswith(".tar.gz")
    }


def test_publishing_again_makes_no_new_version(deployed: Machine) -> None:
    deployed.run("mme", "models", "add", "model_registry/add_sub/")
    keys = [
        entry["Key"]
        for entry in deployed.client("s3").list_objects_v2(Bucket=deployed.outputs()["ModelBucketName"])[
            "Contents"
        ]
    ]
    assert [key for key in keys if "add_sub" in key] == ["models/add_sub_v0.tar.gz"]


def test_errors_are_those_of_sagemaker(deployed: Machine) -> None:
    put_model(deployed, "broken_v0.tar.gz", "raise RuntimeError('no weights here')")
    runtime = deployed.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError, match="no weights here"):
        call(deployed, "broken_v0.tar.gz", tensor("INPUT0", 1))
    with pytest.raises(ClientError, match="Endpoint nowhere of account") as caught:
        runtime.invoke_endpoint(EndpointName="nowhere", TargetModel="x", Body=b"")
    assert caught.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (["mme", "invoke", "none_v0.tar.gz", "--input", "INPUT0=1"], "none_v0.tar.gz"),
        (["mme", "invoke", "x" * 1025, "--input", "INPUT0=1"], "1024"),
        (["mme", "--env", "nowhere", "models", "list"], "mme-nowhere-serving"),
        (["mme", "models", "add", "no/such/folder"], "no/such/folder"),
        (["mme", "models", "add", "docs"], "config.pbtxt"),
    ],
)
def test_bad_input_is_one_clear_line_and_status_2(deployed: Machine, command: list[str], names: str) -> None:
    said = deployed.run(*command, status=2)
    assert "Traceback" not in said
    assert names in said.replace("\n", "")


def test_a_second_deploy_changes_environment_and_count_under_the_same_name(deployed: Machine) -> None:
    before = deployed.outputs()
    put_model(
        deployed,
        "env_v0.tar.gz",
        """
import os
import numpy as np
import triton_python_backend_utils as pb_utils
class TritonPythonModel:
    def execute(self, requests):
        factor = np.array([float(os.environ.get("FACTOR", "1"))], np.float32)
        return [pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", factor)]) for _ in requests]
""",
    )
    assert call(deployed, "env_v0.tar.gz", tensor("INPUT0", 1)) == {"OUTPUT0": [1]}
    deployed.cdk(
        "deploy",
        "local/*",
        "--require-approval",
        "never",
        container_environment={"FACTOR": "3"},
        instance_count=2,
        min_instances=2,
    )
    assert deployed.outputs() == before
    assert call(deployed, "env_v0.tar.gz", tensor("INPUT0", 1)) == {"OUTPUT0": [3]}

    sagemaker = deployed.client("sagemaker")
    endpoint = sagemaker.describe_endpoint(EndpointName=before["EndpointName"])
    config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    (variant,) = config["ProductionVariants"]
    assert variant["InitialInstanceCount"] == 2
    model = sagemaker.describe_model(ModelName=variant["ModelName"])
    assert model["PrimaryContainer"]["Environment"]["FACTOR"] == "3"
    assert len(sagemaker.list_models()["Models"]) == 1, "the replaced model is deleted"
    assert len(sagemaker.list_endpoint_configs()["EndpointConfigs"]) == 1, "the replaced config is deleted"
    (target,) = deployed.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker"
    )["ScalableTargets"]
    assert (target["MinCapacity"], target["ResourceId"]) == (
        2,
        f"endpoint/{before['EndpointName']}/variant/AllTraffic",
    )


def test_destroy_with_an_empty_bucket_deletes_the_endpoint(deployed: Machine) -> None:
    bucket = deployed.outputs()["ModelBucketName"]
    app = shlex.join([sys.executable, str(deployed.home / "app.py")])
    command = ["cdk", "destroy", "--app", app, "--ci", "--force", "local/*"]
    s3 = deployed.client("s3")
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"])
    deployed.run(*command)
    assert deployed.client("sagemaker").list_endpoints()["Endpoints"] == []
    assert Path(deployed.state.workdir).exists()
