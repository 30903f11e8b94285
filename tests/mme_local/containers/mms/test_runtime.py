"""Endpoints of the CPU images on a local endpoint, by boto3 and the command line."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from mme_local.cli.local import app
from tests.mme_local.containers.mms.sources import (
    OWN,
    REGISTRY,
    ROWS,
    SCIKIT_LEARN,
    XGBOOST,
    booster_files,
    csv,
    predictions,
    source_archive,
)
from tests.mme_local.deployed import Endpoint, Runtime, a_runtime
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.triton]

PROGRAM = """
import os, pickle

def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)
"""


def status_of(runtime: Runtime) -> str:
    return CliRunner().invoke(app, ["status", "--port", str(runtime.state.port)]).output


def log_of(runtime: Runtime, endpoint: Endpoint) -> str:
    logs = Path(runtime.state.workdir) / "logs"
    return (logs / f"{endpoint.name}-AllTraffic-0.log").read_text()


def test_xgboost_models_as_aws_trains_them(cpu_runtime: Runtime) -> None:
    endpoint = Endpoint(cpu_runtime, image=XGBOOST)
    for column, kind in enumerate(("ubj", "json", "pickle")):
        endpoint.publish(f"{kind}_v0.tar.gz", booster_files(kind, column))
        answer = endpoint.invoke(
            f"{kind}_v0.tar.gz", csv(ROWS[:5]), ContentType="text/csv", Accept="text/csv"
        )
        got = [float(one) for one in answer.decode().split(",")]
        assert got == pytest.approx(predictions(ROWS[:5], column))

    with pytest.raises(ClientError) as wrong:
        endpoint.invoke("ubj_v0.tar.gz", "1,2", ContentType="text/csv")
    assert wrong.value.response["Error"]["Code"] == "ModelError"
    assert wrong.value.response["OriginalStatusCode"] == 400  # type: ignore[typeddict-item]
    assert "Feature size of csv inference data 2 is not consistent" in str(wrong.value)

    endpoint.publish("bad_v0.tar.gz", {"xgboost-model": "no booster"})
    with pytest.raises(ClientError, match="Unable to load model") as bad:
        endpoint.invoke("bad_v0.tar.gz", "1,2,3,4", ContentType="text/csv")
    served = f"{XGBOOST} is served by AWS's Multi Model Server"
    assert served in str(bad.value)
    assert served in log_of(cpu_runtime, endpoint)
    status = " ".join(status_of(cpu_runtime).split())
    assert f"image {XGBOOST}, served by AWS's Multi Model Server 1.1.11 with this project's XGBoost" in status
    assert "ubj_v0.tar.gz" in status
    assert "bad_v0.tar.gz" not in status
    endpoint.delete()


def a_source(runtime: Runtime, bucket: str, program: str) -> dict[str, str]:
    """Variables of a container whose program is in the bucket."""
    runtime.client("s3").put_object(Bucket=bucket, Key="code/sourcedir.tar.gz", Body=source_archive(program))
    return {
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{bucket}/code/sourcedir.tar.gz",
    }


@pytest.fixture
def bucket(cpu_runtime: Runtime, request: pytest.FixtureRequest) -> str:
    name = f"b-{abs(hash(request.node.name))}"
    cpu_runtime.client("s3").create_bucket(Bucket=name)
    return name


def test_scikit_learn_models_with_a_program_in_s3(cpu_runtime: Runtime, bucket: str) -> None:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(ROWS, ROWS[:, 0] > 0)
    variables = a_source(cpu_runtime, bucket, PROGRAM)
    endpoint = Endpoint(cpu_runtime, image=SCIKIT_LEARN, environment=variables, bucket=bucket)
    endpoint.publish("signs_v0.tar.gz", {"model.pkl": pickle.dumps(model)})
    answer = endpoint.invoke("signs_v0.tar.gz", json.dumps(ROWS[:4].tolist()))
    assert json.loads(answer) == model.predict(ROWS[:4]).tolist()
    answer = endpoint.invoke("signs_v0.tar.gz", csv(ROWS[:4]), ContentType="text/csv", Accept="text/csv")
    assert answer.decode().split() == [str(one) for one in model.predict(ROWS[:4])]
    endpoint.delete()


def first_error(endpoint: Endpoint) -> str:
    with pytest.raises(ClientError) as failed:
        endpoint.invoke("any_v0.tar.gz", "1", ContentType="text/csv")
    assert failed.value.response["Error"]["Code"] == "ServiceUnavailable"
    return str(failed.value)


def test_what_can_t_be_served_is_reported(cpu_runtime: Runtime, bucket: str) -> None:
    without = Endpoint(cpu_runtime, image=SCIKIT_LEARN, bucket=bucket)
    assert "SAGEMAKER_PROGRAM is not set" in first_error(without)

    variables = a_source(cpu_runtime, bucket, "import no_such_package")
    broken = Endpoint(cpu_runtime, image=SCIKIT_LEARN, environment=variables, bucket=bucket)
    assert "inference can't be imported: ModuleNotFoundError" in first_error(broken)
    assert "Traceback" in log_of(cpu_runtime, broken)

    tensorflow = f"{REGISTRY}/tensorflow-inference:2.19.0-cpu"
    closed = Endpoint(cpu_runtime, image=tensorflow, bucket=bucket)
    assert "is served under Docker only: it runs TensorFlow Serving" in first_error(closed)

    unknown = Endpoint(cpu_runtime, image=OWN, bucket=bucket)
    assert f"the image {OWN} is unknown" in first_error(unknown)

    status = " ".join(status_of(cpu_runtime).split())
    assert f"endpoint {broken.name}: the container of {broken.name} does not start: the program" in status
    assert "ModuleNotFoundError: No module named 'no_such_package'" in status
    assert f"docker pull {tensorflow}, then mme local up --containers docker" in status
    assert "MME_LOCAL_IMAGES=churn-scorer=toolkit" in status
    for endpoint in (without, broken, closed, unknown):
        endpoint.delete()
    wait_for(lambda: "does not start" not in status_of(cpu_runtime))


@pytest.mark.nightly
def test_own_images_with_the_inference_toolkit(cpu_runtime: Runtime, bucket: str) -> None:
    program = """
def model_fn(model_dir, context):
    return open(model_dir + "/word").read()
def input_fn(data, content_type):
    return data.split(",")
def predict_fn(data, model):
    return [f"{model} {one}" for one in data]
def output_fn(prediction, accept):
    return ";".join(prediction), "text/plain"
"""
    variables = a_source(cpu_runtime, bucket, program)
    endpoint = Endpoint(cpu_runtime, image=OWN, environment=variables, bucket=bucket)
    endpoint.publish("hello_v0.tar.gz", {"word": "hello"})
    answer: Any = endpoint.calls.invoke_endpoint(
        EndpointName=endpoint.name, TargetModel="hello_v0.tar.gz", Body="a,b", ContentType="text/csv"
    )
    assert (answer["Body"].read(), answer["ContentType"]) == (b"hello a;hello b", "text/plain")
    endpoint.delete()


@pytest.mark.nightly
def test_a_load_that_never_ends() -> None:
    """The time limit, a clear error, and a restart; other models answer again."""
    with a_runtime(load_seconds=15) as runtime:
        runtime.client("s3").create_bucket(Bucket="hanging")
        program = """
import os, time

def model_fn(model_dir):
    with open(os.path.join(model_dir, "seconds")) as file:
        time.sleep(float(file.read()))
    return "done"

def transform_fn(model, data, content_type, accept):
    return model, "text/plain"
"""
        variables = a_source(runtime, "hanging", program)
        endpoint = Endpoint(runtime, image=OWN, environment=variables, bucket="hanging")
        endpoint.publish("good_v0.tar.gz", {"seconds": "0"})
        endpoint.publish("hangs_v0.tar.gz", {"seconds": "600"})
        assert endpoint.invoke("good_v0.tar.gz") == b"done"
        with pytest.raises(ClientError, match="the model did not load within 15 s") as hung:
            endpoint.invoke("hangs_v0.tar.gz")
        assert hung.value.response["Error"]["Code"] == "ModelError"
        assert hung.value.response["OriginalStatusCode"] == 0  # type: ignore[typeddict-item]
        wait_for(lambda: endpoint.instance()["restarts"] == 1)
        assert endpoint.instance()["last_restart"]["reason"] == "the load of hangs_v0.tar.gz did not end"
        assert endpoint.invoke("good_v0.tar.gz") == b"done"
        endpoint.delete()
