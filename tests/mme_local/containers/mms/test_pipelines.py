"""Single-model endpoints and serial inference pipelines, by boto3 and by the example app."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from mme_local import launcher
from tests.archives.archive_builder import pack
from tests.examples.conftest import EXAMPLES, synthesize
from tests.mme_local.containers.mms.sources import (
    ROWS,
    SCIKIT_LEARN,
    XGBOOST,
    booster_files,
    csv,
    predictions,
)
from tests.mme_local.deployed import Runtime

pytestmark = [pytest.mark.slow, pytest.mark.triton]

ROLE = "arn:aws:iam::123456789012:role/local"
SCALER = """
import os, pickle

def model_fn(model_dir):
    with open(os.path.join(model_dir, "scaler.pkl"), "rb") as file:
        return pickle.load(file)

def predict_fn(data, model):
    return model.transform(data)
"""
IN_MODEL = {
    "SAGEMAKER_PROGRAM": "inference.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
    "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv",
}
ADD = """
import numpy as np
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        return [
            pb_utils.InferenceResponse(
                [pb_utils.Tensor("Y", pb_utils.get_input_tensor_by_name(one, "X").as_numpy() + 1)]
            )
            for one in requests
        ]
"""
ADD_CONFIG = """
backend: "python"
input [{ name: "X" data_type: TYPE_FP32 dims: [1] }]
output [{ name: "Y" data_type: TYPE_FP32 dims: [1] }]
"""


def scaler() -> Any:
    from sklearn.preprocessing import StandardScaler

    return StandardScaler().fit(ROWS * 10 + 5)


def scaler_archive() -> bytes:
    return pack({"scaler.pkl": pickle.dumps(scaler()), "code/inference.py": SCALER})


class Account:
    """A bucket, and endpoints of any containers."""

    def __init__(self, runtime: Runtime, bucket: str) -> None:
        self.runtime, self.bucket = runtime, bucket
        self.s3, self.sagemaker = runtime.client("s3"), runtime.client("sagemaker")
        self.calls = runtime.client("sagemaker-runtime")
        self.s3.create_bucket(Bucket=bucket)
        self._names: list[str] = []

    def put(self, key: str, files: dict[str, str | bytes] | bytes) -> str:
        body = files if isinstance(files, bytes) else pack(files)
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    def deploy(self, name: str, *containers: dict[str, Any]) -> None:
        given = {"PrimaryContainer": containers[0]} if len(containers) == 1 else {"Containers": containers}
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, **given)
        variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large"}
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[variant | {"InitialInstanceCount": 1}]
        )
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        self._names.append(name)

    def invoke(self, name: str, body: str, **more: Any) -> Any:
        return self.calls.invoke_endpoint(EndpointName=name, Body=body, **{"ContentType": "text/csv", **more})

    def status(self, name: str) -> dict[str, Any]:
        found = launcher.ask_status(self.runtime.state)["endpoints"]
        return next(one for one in found if one["name"] == name)

    def close(self) -> None:
        for name in self._names:
            self.sagemaker.delete_endpoint(EndpointName=name)


@pytest.fixture
def account(cpu_runtime: Runtime, request: pytest.FixtureRequest) -> Iterator[Account]:
    account = Account(cpu_runtime, f"p-{abs(hash(request.node.name))}")
    yield account
    account.close()


@pytest.mark.nightly
def test_a_single_model(account: Account) -> None:
    account.deploy("one", {"Image": XGBOOST, "ModelDataUrl": account.put("m/model.tar.gz", booster_files())})
    answer = account.invoke("one", csv(ROWS[:3]), Accept="text/csv")
    assert answer["ContentType"] == "text/csv"
    assert [float(one) for one in answer["Body"].read().split(b",")] == pytest.approx(predictions(ROWS[:3]))
    with pytest.raises(ClientError, match="is not a multi-model endpoint and does not support target model"):
        account.invoke("one", "1,2,3,4", TargetModel="model.tar.gz")

    account.deploy("bad", {"Image": XGBOOST, "ModelDataUrl": account.put("bad/model.tar.gz", {"x": "x"})})
    with pytest.raises(ClientError, match="primary: its model does not load: Unable to load model"):
        account.invoke("bad", "1,2,3,4")


def test_a_pipeline(account: Account) -> None:
    """A scikit-learn program, many XGBoost models, and what is wrong in each of them."""
    models = {"Image": XGBOOST, "Mode": "MultiModel", "ModelDataUrl": f"s3://{account.bucket}/models/"}
    scaling = {
        "Image": SCIKIT_LEARN,
        "ModelDataUrl": account.put("scaler/v1.tar.gz", scaler_archive()),
        "Environment": IN_MODEL,
        "ContainerHostname": "scaler",
    }
    account.deploy("two", scaling, models)
    account.put("models/a_v0.tar.gz", booster_files("json"))
    answer = account.invoke("two", csv(ROWS[:4] * 10 + 5), TargetModel="a_v0.tar.gz")
    assert answer["ContentType"] == "application/json"
    scaled = scaler().transform(ROWS[:4] * 10 + 5)
    assert json.loads(answer["Body"].read()) == pytest.approx(predictions(scaled), abs=1e-5)

    with pytest.raises(ClientError, match=r"client error \(415\) from container-2 with message"):
        account.invoke("two", csv(ROWS[:2]), TargetModel="a_v0.tar.gz", Accept="image/png")
    with pytest.raises(ClientError, match=r"server error \(500\) from scaler with message"):
        account.invoke("two", "1,2", TargetModel="a_v0.tar.gz")
    with pytest.raises(ClientError, match="missing a target model header"):
        account.invoke("two", "1,2")
    (instance,) = account.status("two")["instances"]
    assert [one["hostname"] for one in instance["containers"]] == ["scaler", "container-2"]
    assert [one["image"] for one in instance["containers"]] == [SCIKIT_LEARN, XGBOOST]
    assert [one["name"] for one in instance["models"]] == ["a_v0.tar.gz"]
    logs = Path(account.runtime.state.workdir) / "logs"
    assert (logs / "two-AllTraffic-0-scaler.log").exists()
    assert (logs / "two-AllTraffic-0-container-2.log").exists()


@pytest.mark.nightly
def test_the_example(account: Account, tmp_path: Path) -> None:
    example = synthesize(EXAMPLES / "serial_pipeline" / "app.py", tmp_path)
    formation = account.runtime.client("cloudformation")
    account.runtime.client("ssm").put_parameter(
        Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String", Overwrite=True
    )

    def deploy(name: str) -> dict[str, str]:
        formation.create_stack(
            StackName=name,
            TemplateBody=json.dumps(example.template(name)),
            Capabilities=["CAPABILITY_IAM"],
        )
        formation.get_waiter("stack_create_complete").wait(StackName=name)
        (stack,) = formation.describe_stacks(StackName=name)["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    bucket = deploy("Models")["ModelBucketName"]
    account.s3.put_object(Bucket=bucket, Key="scaler/v1.tar.gz", Body=scaler_archive())
    outputs = deploy("Serving")
    account.s3.put_object(
        Bucket=bucket, Key=f"{outputs['ModelPrefix']}a_v0.tar.gz", Body=pack(booster_files())
    )
    answer = account.invoke(
        outputs["EndpointName"], csv(ROWS[:4] * 10 + 5), TargetModel="a_v0.tar.gz", Accept="text/csv"
    )
    scaled = scaler().transform(ROWS[:4] * 10 + 5)
    got = [float(one) for one in answer["Body"].read().split(b",")]
    assert got == pytest.approx(predictions(scaled), abs=1e-5)
    for name in ("Serving", "Models"):
        formation.delete_stack(StackName=name)


@pytest.mark.nightly
def test_triton_in_a_pipeline(account: Account) -> None:
    """A Triton with one model in front of a toolkit's program that reads its JSON."""
    from mme_local.testing.endpoint import IMAGE

    program = """
import json
def model_fn(model_dir): return "y"
def transform_fn(model, data, content_type, accept):
    return f"{model}={json.loads(data)['outputs'][0]['data'][0]:g} of {content_type}", "text/plain"
"""
    triton = {
        "Image": IMAGE,
        "ModelDataUrl": account.put("add/v1.tar.gz", {"config.pbtxt": ADD_CONFIG, "1/model.py": ADD}),
        "ContainerHostname": "adder",
    }
    text = {
        "Image": "scorer:1",
        "ModelDataUrl": account.put("text/v1.tar.gz", {"code/inference.py": program}),
        "Environment": IN_MODEL,
    }
    account.deploy("three", triton, text)
    tensor = {"name": "X", "datatype": "FP32", "shape": [1], "data": [41]}
    answer = account.invoke("three", json.dumps({"inputs": [tensor]}), ContentType="application/json")
    assert answer["Body"].read() == b"y=42 of application/json"


def test_what_create_model_refuses(account: Account) -> None:
    many = {"Image": XGBOOST, "Mode": "MultiModel", "ModelDataUrl": f"s3://{account.bucket}/models/"}
    for containers, reason in (
        ([many, many], "Only one container of a pipeline can be in MultiModel mode"),
        ([{"Image": XGBOOST, "Mode": "MultiModel"}], "needs ModelDataUrl"),
        ([{"Image": XGBOOST}] * 16, "at .containers. .*Member must have length less than or equal to 15"),
    ):
        with pytest.raises(ClientError, match=reason):
            account.sagemaker.create_model(ModelName="no", ExecutionRoleArn=ROLE, Containers=containers)
