"""The tutorials about moving to this project: their blocks run in order on the local endpoint."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.waiter
import numpy as np
import pytest
from aws_cdk import App
from PIL import Image

from mme.cli import confirmation
from mme_local.testing.endpoint import IMAGE
from tests.docs.page import ROOT, Shell, blocks
from tests.mme_local.deployed import a_runtime
from tools.sample_deployment import BUCKET, clients_at, deploy, serving_template, store_template

pytestmark = pytest.mark.triton

ROLE = "arn:aws:iam::123456789012:role/local"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with a_runtime() as runtime:
        yield runtime.state.url


@pytest.fixture(autouse=True)
def _reader(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Someone who follows a page in a copy of this repository."""
    for name, value in {
        "AWS_ENDPOINT_URL": url,
        "MME_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    shutil.copytree(ROOT / "model_registry" / "add_sub", tmp_path / "model_registry" / "add_sub")
    monkeypatch.chdir(tmp_path)


def archived(path: Path) -> Path:
    """An archive of add_sub, as `tar` packs its directory."""
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        archive.add(ROOT / "model_registry" / "add_sub", arcname="add_sub")
    return path


def allowing(action: str, **more: Any) -> str:
    """A policy of one statement."""
    statement = {"Effect": "Allow", "Action": action, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def by_script(name: str, bucket: str) -> None:
    """A role, and model, config and endpoint of one name, as `MultiDataModel.deploy` makes them."""
    iam, sagemaker = boto3.client("iam"), boto3.client("sagemaker")
    role = ROLE.rpartition("/")[2]
    iam.create_role(
        RoleName=role,
        AssumeRolePolicyDocument=allowing("sts:AssumeRole", Principal={"Service": "sagemaker.amazonaws.com"}),
    )
    iam.put_role_policy(RoleName=role, PolicyName="S3", PolicyDocument=allowing("s3:*", Resource="*"))
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": f"s3://{bucket}/models/"},
    )
    variant: Any = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.xlarge"}
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[variant | {"InitialInstanceCount": 1}]
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)


def run_app(code: str, url: str, *replaced: tuple[str, str]) -> None:
    """Synthesize an app and create its stack, Serving, as `cdk deploy` does.

    Args:
        code: of a page; it ends with `app.synth()`.
        url: of the local endpoint.
        replaced: parts of the code, and what takes their place here.
    """
    for old, new in replaced:
        assert old in code
        code = code.replace(old, new)
    names: dict[str, Any] = {}
    exec(compile(code, "app.py", "exec"), names)  # noqa: S102 - the page's own code
    app: App = names["app"]
    template = app.synth().get_stack_by_name("Serving").template
    template.get("Parameters", {}).pop("BootstrapVersion", None)  # no `cdk bootstrap` here
    template.pop("Rules", None)
    deploy(clients_at(url), json.dumps(template), "Serving")


@pytest.mark.slow
def test_from_boto3_scripts(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(botocore.waiter.time, "sleep", lambda _: None)
    monkeypatch.setattr(confirmation, "_answer", lambda asked: "y" if "[y/N]" in asked else asked.split()[1])
    clients = clients_at(url)
    clients.s3.create_bucket(Bucket="of-a-script")
    skipped = []

    def cdk(command: str) -> None:
        deploy(clients, store_template(), "mme-dev-model-store")
        deploy(clients, serving_template(bucket={"Fn::ImportValue": f"{BUCKET}-name"}))

    shell = Shell(
        monkeypatch, {"cdk deploy": cdk, "mme --env dev invoke triton-serve-pt_v0.tar.gz": skipped.append}
    )
    names: dict[str, Any] = {
        "sagemaker": boto3.client("sagemaker"),
        "s3": boto3.client("s3"),
        "runtime": boto3.client("sagemaker-runtime"),
        "bucket": "of-a-script",
        "name": "of-a-script",
        "image": IMAGE,
        "role": ROLE,
        "x": np.ones(4, np.float32),
        "y": np.ones(4, np.float32),
        "json": json,
        "tarfile": tarfile,
        "np": np,
        "Image": Image,
    }
    Image.new("RGB", (300, 200)).save("cat.jpg")
    for language, block in blocks("docs/migration.md"):
        if "it becomes add_sub_v1.tar.gz" in block:
            with (tmp_path / "model_registry" / "add_sub" / "1" / "model.py").open("a") as code:
                code.write("# changed\n")
        if language == "python":
            exec(compile(block, "migration.md", "exec"), names)  # noqa: S102 - the page's own code
        else:
            shell.run(block)
    assert len(skipped) == 1, "the model needs torch"
    assert np.shape(names["data"]) == (1, 3, 224, 224)
    answers = [said for command, said in shell.ran.items() if "invoke add_sub" in command]
    assert len(answers) == 2
    assert all("2, 4, 6, 8" in said for said in answers)
    assert clients.sagemaker.list_endpoints()["Endpoints"] == []


@pytest.mark.slow
def test_from_multi_data_model(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clients = clients_at(url)
    clients.s3.create_bucket(Bucket="my-models")
    archive = archived(tmp_path / "packed" / "add_sub.tar.gz")
    clients.s3.upload_file(str(archive), "my-models", "models/add_sub.tar.gz")
    by_script("shared-models", "my-models")
    call, app = (text for kind, text in blocks("docs/from-multi-data-model.md") if kind == "python")
    shell = Shell(monkeypatch, {"cdk deploy": lambda _: run_app(app, url)})
    for language, block in blocks("docs/from-multi-data-model.md"):
        if block == call:
            exec(compile(call, "page", "exec"), {})  # noqa: S102 - the page's own code
            assert "[2. 4. 6. 8.]" in capsys.readouterr().out
        elif language == "console":
            shell.run(block)
    answers = [said for command, said in shell.ran.items() if "invoke" in command]
    assert len(answers) == 2
    assert all("11, 22, 33, 44" in said for said in answers)
    (left,) = clients.sagemaker.list_endpoints()["Endpoints"]
    assert left["EndpointName"] != "shared-models"
    clients.cloudformation.delete_stack(StackName="Serving")


@pytest.mark.slow
def test_from_the_cdk_sample(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    archived(tmp_path / "models" / "add_sub.tar.gz")
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "Dockerfile").write_text("FROM scratch\n")
    ((_, app), *rest) = blocks("docs/from-cdk-sample.md")
    # Node, in which aws-cdk-lib runs, has the working directory of the first test.
    exec(app.replace('"docker"', repr(str(tmp_path / "docker"))), {})  # noqa: S102 - the page's own code
    # Here no Docker builds the image: Triton's wheel serves in place of AWS's image.
    image = ('ServingImage.from_docker_asset("docker")', 'ServingImage.triton("26.05", processor="cpu")')
    shell = Shell(
        monkeypatch, {"cdk deploy": lambda _: run_app(app, url, image), "cdk destroy": lambda _: None}
    )
    for _, block in rest:
        shell.run(block)
    (said,) = (said for command, said in shell.ran.items() if "invoke" in command)
    assert "11, 22, 33, 44" in said
    clients_at(url).cloudformation.delete_stack(StackName="Serving")
