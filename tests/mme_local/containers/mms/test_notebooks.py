"""The hosting calls of AWS's multi-model notebooks by plain boto3; answers are the frameworks' own.

Source: aws/amazon-sagemaker-examples, the multi-model notebooks of XGBoost, scikit-learn, bring your own, and
an inference pipeline.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.archives.archive_builder import pack
from tests.mme_local.containers.mms.sources import (
    OWN,
    ROWS,
    SCIKIT_LEARN,
    XGBOOST,
    booster_files,
    csv,
    predictions,
    source_archive,
)
from tests.mme_local.containers.mms.test_pipelines import ROLE
from tests.mme_local.deployed import Runtime

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.triton]

CITIES = {"Chicago_IL": 0, "Houston_TX": 1}
"""Each has a model that has learned another column."""
LOAD_PICKLE = """
import os, pickle

def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)
"""
PREPROCESS = f"""{LOAD_PICKLE}
def predict_fn(data, model):
    return model.transform(data)
"""
HANDLER = """
import io
import os
import pickle

import numpy as np


class ModelHandler:
    def __init__(self):
        self.initialized = False

    def initialize(self, context):
        with open(os.path.join(context.system_properties["model_dir"], "model.pkl"), "rb") as file:
            self.model = pickle.load(file)
        self.initialized = True

    def handle(self, data, context):
        rows = np.loadtxt(io.BytesIO(data[0]["body"]), delimiter=",", ndmin=2)
        context.set_response_content_type(0, "text/csv")
        return [",".join(str(one) for one in self.model.predict(rows))]


_service = ModelHandler()


def handle(data, context):
    if not _service.initialized:
        _service.initialize(context)
    return None if data is None else _service.handle(data, context)
"""


class Notebook:
    """A notebook's calls.

    Args:
        runtime: The local endpoint.
        name: Of the bucket, the endpoint and the first model.
    """

    def __init__(self, runtime: Runtime, name: str) -> None:
        self.name, self.revision = name, 0
        self.url = runtime.state.url
        self.s3, self.sagemaker = runtime.client("s3"), runtime.client("sagemaker")
        self.calls = runtime.client("sagemaker-runtime")
        self.s3.create_bucket(Bucket=name)

    def container(self, image: str, **more: Any) -> dict[str, Any]:
        """The multi-model container."""
        url = f"s3://{self.name}/multi_model_artifacts/"
        return {"Image": image, "ModelDataUrl": url, "Mode": "MultiModel", **more}

    def program(self, text: str, name: str = "inference.py") -> dict[str, str]:
        """Upload a program; return the variables that name it."""
        self.s3.put_object(Bucket=self.name, Key="source/sourcedir.tar.gz", Body=source_archive(text, name))
        return {
            "SAGEMAKER_PROGRAM": name,
            "SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{self.name}/source/sourcedir.tar.gz",
        }

    def configure(self, *containers: dict[str, Any], instance_type: str = "ml.m4.xlarge") -> str:
        """Create a model and a configuration; return their name."""
        self.revision += 1
        name = f"{self.name}-{self.revision}"
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, Containers=list(containers))
        variant = {
            "InstanceType": instance_type,
            "InitialInstanceCount": 1,
            "InitialVariantWeight": 1,
            "ModelName": name,
            "VariantName": "AllTraffic",
        }
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        return name

    def deploy(self, *containers: dict[str, Any]) -> None:
        self.sagemaker.create_endpoint(EndpointName=self.name, EndpointConfigName=self.configure(*containers))
        self.wait()

    def update(self, *containers: dict[str, Any]) -> None:
        """Move the endpoint to a larger instance type."""
        config = self.configure(*containers, instance_type="ml.m5.2xlarge")
        self.sagemaker.update_endpoint(EndpointName=self.name, EndpointConfigName=config)
        self.wait()
        found = self.sagemaker.describe_endpoint(EndpointName=self.name)
        assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", config)

    def wait(self) -> None:
        self.sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=self.name)

    def upload(self, model: str, files: dict[str, str | bytes], folder: str = "multi_model_artifacts") -> str:
        """Put an archive; return its URL."""
        self.s3.put_object(Bucket=self.name, Key=f"{folder}/{model}", Body=pack(files))
        return f"s3://{self.name}/{folder}/{model}"

    def predict(self, model: str, rows: Any) -> list[float]:
        answer = self.calls.invoke_endpoint(
            EndpointName=self.name,
            ContentType="text/csv",
            TargetModel=model,
            Body=csv(rows),
            Accept="text/csv",
        )
        assert answer["ContentType"] == "text/csv"
        return [float(one) for one in answer["Body"].read().decode().replace("\n", ",").split(",") if one]

    def close(self) -> None:
        """Delete the endpoint, its configurations and models."""
        self.sagemaker.delete_endpoint(EndpointName=self.name)
        for revision in range(self.revision):
            self.sagemaker.delete_endpoint_config(EndpointConfigName=f"{self.name}-{revision + 1}")
            self.sagemaker.delete_model(ModelName=f"{self.name}-{revision + 1}")
        assert self.name not in str(self.sagemaker.list_endpoints(NameContains=self.name)["Endpoints"])


@pytest.fixture
def notebook(cpu_runtime: Runtime, request: pytest.FixtureRequest) -> Iterator[Notebook]:
    notebook = Notebook(cpu_runtime, request.node.name.removeprefix("test_").replace("_", "-"))
    yield notebook
    notebook.close()


def test_xgboost(notebook: Notebook) -> None:
    container = notebook.container(XGBOOST)
    notebook.deploy(container)
    for city, column in CITIES.items():
        notebook.upload(f"{city}.tar.gz", booster_files("pickle", column))
    for city, column in CITIES.items():
        assert notebook.predict(f"{city}.tar.gz", ROWS[:5]) == pytest.approx(predictions(ROWS[:5], column))

    notebook.update(container)
    notebook.upload("New_York_NY.tar.gz", booster_files("json", 2))
    for city, column in {**CITIES, "New_York_NY": 2}.items():
        assert notebook.predict(f"{city}.tar.gz", ROWS[:5]) == pytest.approx(predictions(ROWS[:5], column))
    check_that_invoke_explains(notebook)


def check_that_invoke_explains(notebook: Notebook) -> None:
    """`mme invoke` explains rows that are too short."""
    environment = os.environ | {
        "AWS_ENDPOINT_URL": notebook.url,
        "AWS_REGION": "us-east-1",
        "MME_ENDPOINT_NAME": notebook.name,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    arguments = ["--body", "-", "--content-type", "text/csv"]
    ran = subprocess.run(
        [sys.executable, "-m", "mme", "invoke", "Chicago_IL.tar.gz", *arguments],
        cwd=Path(__file__).parents[4],
        env=environment,
        input="1,2\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 2, ran.stderr
    said = " ".join(ran.stderr.split())
    assert "the rows have 2 columns; the model was trained with 4" in said
    assert "send 4 columns, in the order of the training and without the label" in said


def regression(column: int) -> Any:
    """A linear regression of one column on the others."""
    from sklearn.linear_model import LinearRegression

    return LinearRegression().fit(ROWS, ROWS[:, column] * 3 + 1)


def test_scikit_learn(notebook: Notebook) -> None:
    notebook.deploy(notebook.container(SCIKIT_LEARN, Environment=notebook.program(LOAD_PICKLE)))
    for city, column in CITIES.items():
        notebook.upload(f"{city}.tar.gz", {"model.pkl": pickle.dumps(regression(column))})
    for city, column in CITIES.items():
        expected = regression(column).predict(ROWS[:5])
        assert notebook.predict(f"{city}.tar.gz", ROWS[:5]) == pytest.approx(expected)


def test_bring_your_own(notebook: Notebook) -> None:
    source = notebook.program(HANDLER, "model_handler.py")["SAGEMAKER_SUBMIT_DIRECTORY"]
    notebook.deploy(
        notebook.container(
            OWN,
            ModelDataUrl=f"https://s3-us-east-1.amazonaws.com/{notebook.name}/multi_model_artifacts/",
            Environment={"SAGEMAKER_HANDLER": "model_handler", "SAGEMAKER_SUBMIT_DIRECTORY": source},
        )
    )
    for city, column in CITIES.items():
        notebook.upload(f"{city}.tar.gz", {"model.pkl": pickle.dumps(regression(column))})
    for city, column in CITIES.items():
        expected = regression(column).predict(ROWS[:5])
        assert notebook.predict(f"{city}.tar.gz", ROWS[:5]) == pytest.approx(expected)


def test_pipeline(notebook: Notebook) -> None:
    from sklearn.preprocessing import StandardScaler

    raw = ROWS * np.array([10, 1, 100, 5]) + 7
    scaler = StandardScaler().fit(raw)
    preprocessing = {
        "Image": SCIKIT_LEARN,
        "ModelDataUrl": notebook.upload("model.tar.gz", {"model.pkl": pickle.dumps(scaler)}, "scaler"),
        "Environment": {
            **notebook.program(PREPROCESS),
            "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv",
        },
    }
    notebook.deploy(preprocessing, notebook.container(XGBOOST))
    for city, column in CITIES.items():
        notebook.upload(f"{city}.tar.gz", booster_files("ubj", column))
    for city, column in CITIES.items():
        expected = predictions(scaler.transform(raw[:5]), column)
        assert notebook.predict(f"{city}.tar.gz", raw[:5]) == pytest.approx(expected, abs=1e-5)
