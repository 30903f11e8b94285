"""`mme bench` against an endpoint on localhost that echoes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.cli.conftest import Ran

Mme = Callable[..., Ran]


def publish(s3: Any, *names: str) -> None:
    for name in names:
        s3.put_object(Bucket="models", Key=f"models/{name}_v0.tar.gz", Body=b"x" * 1000)


@pytest.fixture
def endpoint(aws: Any) -> Any:
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")
    sagemaker = session.client("sagemaker", endpoint_url=aws.meta.endpoint_url)
    sagemaker.create_model(
        ModelName="m",
        ExecutionRoleArn="arn:aws:iam::123456789012:role/x",
        PrimaryContainer={"Image": "x", "Mode": "MultiModel", "ModelDataUrl": "s3://models/models/"},
    )
    variant = {
        "VariantName": "v",
        "ModelName": "m",
        "InstanceType": "ml.m5.xlarge",
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="mme-local", EndpointConfigName="c")
    return aws


def test_a_mix_is_sent_and_compared(mme: Mme, endpoint: Any, tmp_path: Path) -> None:
    publish(endpoint, "echo-a", "echo-b")
    result = tmp_path / "result.json"
    ran = mme("bench", "--rate", 60, "--duration", 1, "--output", result, "--json")
    assert ran.status == 0, ran.err
    found = ran.json
    assert 20 < found["requests"] == found["planned"] < 150
    assert found["errors"] == {}
    assert found["latency"]["all"]["count"] == found["requests"]
    assert found["instances"] == "1 x ml.m5.xlarge"
    assert {one["name"] for one in found["comparison"]} >= {"warm requests, %", "p95, ms"}
    content = json.loads(result.read_text())
    assert len(content["seconds"]) == found["requests"]
    # As an idle machine answers: on a busy one some answers look like loads.
    result.write_text(json.dumps(content | {"seconds": [0.01] * found["requests"]}))
    planned = mme("plan", "--rate", 0.01, "--type", "ml.m5.xlarge", "--calibrate", result)
    assert planned.status == 0, planned.err
    assert "calibrated: service " in planned.err


def test_a_trace_with_errors(mme: Mme, aws: Any, tmp_path: Path) -> None:
    publish(aws, "echo-a", "broken")
    trace = tmp_path / "trace.csv"
    trace.write_text("".join(f"{at},{name}_v0.tar.gz\n" for at, name in enumerate(["echo-a", "broken"] * 5)))
    (tmp_path / "body").write_bytes(b'{"inputs":[]}')
    form = "application/vnd.sagemaker-triton.binary+json;json-header-size=13"
    body = ("--body", tmp_path / "body", "--content-type", form)
    ran = mme("bench", "--trace", trace, "--speed", 1000, *body)
    assert ran.status == 1
    assert any(row.endswith(" 5") and "Error" in row for row in ran.rows), ran.out
    assert any(row.startswith("all 5 ") for row in ran.rows), ran.out
    assert "no prediction:" in ran.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no traffic is given"),
        (("--rate", 5, "--output", "no/such/folder/x.json"), "no/such/folder is not a folder"),
        (("--rate", 1e8), "are too many for one load generator"),
        (("--trace", "other.csv"), "which is not in models, nor are 1 of its 1 models"),
        (("--trace", "half.csv"), "half.csv calls other_v0.tar.gz, which is not published"),
        (("--rate", 5, "--body", "none"), "no such file"),
    ],
)
def test_refused(
    mme: Mme, aws: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: Any, message: str
) -> None:
    publish(aws, "echo-a")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.csv").write_text("1,other_v0.tar.gz\n")
    (tmp_path / "half.csv").write_text("1,echo-a_v0.tar.gz\n2,other_v0.tar.gz\n")
    ran = mme("bench", "--duration", 1, *arguments)
    assert ran.status == 2
    assert message in ran.err
