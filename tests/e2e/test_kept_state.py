"""The local environment in a folder: deployed once, there again after the runtime was killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mme_local import launcher
from mme_local.containers.triton.wheel import why_not_here
from mme_local.settings import LocalSettings
from tests.e2e.conftest import ROOT, Machine
from tests.mme_local.a_model import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.triton, pytest.mark.timeout(600)]


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Machine]:
    if why_not_here():
        pytest.skip(f"Triton's wheel can't run here: {why_not_here()}")
    assert shutil.which("cdk", path=str(ROOT / "node_modules" / ".bin")), "run make install"
    machine = Machine(launcher.start_detached(LocalSettings(port=0, folder=tmp_path / "kept")), tmp_path)
    try:
        yield machine
    finally:
        launcher.stop(machine.state.port)


def start_again(machine: Machine, *, fresh: bool = False) -> None:
    """In the same folder and on the same port."""
    folder = Path(machine.state.workdir).parent
    wait_for(lambda: not machine.state.alive())
    settings = LocalSettings(port=machine.state.port, folder=folder, fresh=fresh)
    machine.state = launcher.start_detached(settings)


def kill(machine: Machine, last: bytes) -> None:
    """By SIGKILL, once the last thing done is written: the last second or two may be lost."""
    file = Path(machine.state.workdir) / "state" / "embedded-aws"
    wait_for(lambda: file.exists() and last in file.read_bytes())
    os.kill(machine.state.pid, signal.SIGKILL)


INPUTS = ("--input", "INPUT0=1,2,3,4", "--input", "INPUT1=1,1,1,1")


def answers(machine: Machine, model: str) -> bool:
    """Whether the model's answer is right."""
    said = json.loads(machine.run("mme", "invoke", model, *INPUTS, "--json"))
    return "[2.0, 3.0, 4.0, 5.0]" in json.dumps(said)


def test_all_that_was_deployed_and_published_is_there_again(laptop: Machine) -> None:
    deploy = ("deploy", "local/*", "--require-approval", "never")
    laptop.cdk("bootstrap")
    laptop.cdk(*deploy, asynchronous=True)
    laptop.run("mme", "models", "add", "model_registry/add_sub")
    laptop.run("mme", "models", "promote", "add_sub_v0.tar.gz", "--as", "add_sub@prod")
    assert answers(laptop, "add_sub@prod")
    published = json.loads(laptop.run("mme", "models", "list", "--json"))
    outputs = laptop.outputs()
    kill(laptop, b"/@aliases/")
    start_again(laptop)

    # no deployment and no upload
    assert answers(laptop, "add_sub@prod")
    assert laptop.outputs() == outputs
    (model,) = json.loads(laptop.run("mme", "models", "list", "--json"))
    assert {name: model[name] for name in ("model", "digest", "aliases")} == {
        name: published[0][name] for name in ("model", "digest", "aliases")
    }
    status = json.loads(laptop.run("mme", "local", "status", "--json", "--port", str(laptop.state.port)))
    assert status["runtimes"][0]["state"]["folder"] == str(Path(laptop.state.workdir) / "state")
    laptop.run("mme", "invoke", "add_sub_v0.tar.gz", *INPUTS, "--async", "--inference-id", "after")
    later = json.loads(laptop.run("mme", "async", "result", "after", "--wait", "120", "--json"))
    assert later["outputs"]["OUTPUT0"]["data"] == [2, 3, 4, 5]
    said = laptop.cdk(*deploy, asynchronous=True)
    stacks = laptop.client("cloudformation").describe_stacks()["Stacks"]
    assert said.count("(no changes)") == len(stacks) - 1, said  # the other is the bootstrap's
    laptop.run("mme", "models", "verify")

    # it goes on: a change, an ordinary end, and another start
    laptop.cdk(*deploy, asynchronous=False)
    launcher.stop(laptop.state.port)
    start_again(laptop)
    assert answers(laptop, "add_sub@prod")
    assert "AsyncOutputLocation" not in laptop.outputs()
    empty(laptop, outputs["ModelBucketName"])
    app = laptop.home / "app.py"
    laptop.run("cdk", "destroy", "--app", f"{sys.executable} {app}", "--ci", "--force", "local/*")
    assert laptop.client("sagemaker").list_endpoints()["Endpoints"] == []

    launcher.stop(laptop.state.port)
    start_again(laptop, fresh=True)
    assert laptop.client("s3").list_buckets()["Buckets"] == []
    assert laptop.client("cloudformation").describe_stacks()["Stacks"] == []


def empty(machine: Machine, bucket: str) -> None:
    s3 = machine.client("s3")
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"])
