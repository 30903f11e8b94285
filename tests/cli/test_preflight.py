"""`mme endpoint preflight` against an AWS on localhost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

RESOURCES: dict[str, Any] = {
    "Config": {
        "Type": "AWS::SageMaker::EndpointConfig",
        "Properties": {
            "ProductionVariants": [
                {"VariantName": "AllTraffic", "InstanceType": "ml.m5.xlarge", "InitialInstanceCount": 1}
            ]
        },
    },
    "Endpoint": {
        "Type": "AWS::SageMaker::Endpoint",
        "Properties": {"EndpointName": "mme-local", "EndpointConfigName": {"Ref": "Config"}},
    },
}


@pytest.fixture
def assembly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`cdk.out` in the working directory, with the serving stack alone."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "cdk.out"
    path.mkdir()
    artifact = {
        "type": "aws:cloudformation:stack",
        "properties": {"templateFile": "t.json", "stackName": "mme-local-serving"},
        "displayName": "local/Serving",
    }
    (path / "manifest.json").write_text(json.dumps({"artifacts": {"Serving": artifact}}))
    (path / "t.json").write_text(json.dumps({"Resources": RESOURCES}))


@pytest.fixture
def endpoint_exists(aws: Any) -> None:
    """An endpoint of that name was created by hand."""
    sagemaker = boto3.client(
        "sagemaker",
        endpoint_url=aws.meta.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    role = "arn:aws:iam::123456789012:role/x"
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=role, PrimaryContainer={"Image": "i"})
    variant = RESOURCES["Config"]["Properties"]["ProductionVariants"][0]
    sagemaker.create_endpoint_config(
        EndpointConfigName="c", ProductionVariants=[{**variant, "ModelName": "m"}]
    )
    sagemaker.create_endpoint(EndpointName="mme-local", EndpointConfigName="c")


def test_nothing_speaks_against_it(aws, mme, assembly) -> None:
    ran = mme("endpoint", "preflight")
    assert ran.status == 0, ran.err
    assert ran.rows == ["ok mme-local-serving in us-east-1 may be deployed"]


@pytest.mark.usefixtures("endpoint_exists")
def test_a_failing_deployment_has_its_own_status(aws, mme, assembly) -> None:
    ran = mme("endpoint", "preflight")
    assert ran.status == 3
    assert ran.rows == [
        "fails endpoint-exists mme-local: the endpoint Endpoint would be created, but one of that name "
        "exists",
        "it does not belong to the stack mme-local-serving",
        "use another endpoint_name, or delete that endpoint first",
        "stop 1 finding: do not deploy mme-local-serving",
    ]
    assert ran.err == ""
    # What would fail can't be wished away.
    assert mme("endpoint", "preflight", "--accept", "endpoint-exists").status == 3
    report = mme("endpoint", "preflight", "--json").json
    assert {name: report[name] for name in ("stack", "region", "first_deployment", "may_deploy")} == {
        "stack": "mme-local-serving",
        "region": "us-east-1",
        "first_deployment": False,
        "may_deploy": False,
    }
    (finding,) = report["findings"]
    assert (finding["code"], finding["effect"], finding["stops"]) == ("endpoint-exists", "fails", True)


def test_a_loss_can_be_accepted(aws, mme, assembly) -> None:
    cloudformation = boto3.client(
        "cloudformation",
        endpoint_url=aws.meta.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    bucket = {"Type": "AWS::S3::Bucket"}
    cloudformation.update_stack(
        StackName="mme-local-serving", TemplateBody=json.dumps({"Resources": {"Old": bucket}})
    )
    ran = mme("endpoint", "preflight")
    assert ran.status == 3
    assert ran.rows[-1] == "to accept the loss: --accept data"
    ran = mme("endpoint", "preflight", "--accept", "data")
    assert ran.status == 0
    assert ran.rows[0].startswith("loses data Old: the bucket Old of mme-local-serving")


def test_without_an_assembly(mme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = mme("--env", "dev", "endpoint", "preflight")
    assert ran.status == 2
    assert "error: there is no cloud assembly in cdk.out" in ran.err
    assert "synthesize it: cdk synth --quiet -c env=dev" in ran.err


def test_aws_is_unreachable(mme, assembly) -> None:
    ran = mme("endpoint", "preflight")
    assert ran.status == 2
    assert "nothing answers at http://localhost:9" in ran.err
