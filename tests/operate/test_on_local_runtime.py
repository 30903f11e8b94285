"""Each verb on the local endpoint, whose models real Triton serves; `mme` runs as its users run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mme.aws.clients import AwsClients
from mme_local.run_files import RunFile
from tests.mme_local.deployed import a_runtime
from tests.waiting import wait_for
from tools.sample_deployment import (
    BUCKET,
    STACK,
    clients_at,
    deploy,
    serving_template,
    store_template,
    update_by_hand,
)

pytestmark = [pytest.mark.slow, pytest.mark.triton, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
STORE = "mme-dev-model-store"
BROKEN = """import nothing_of_that_name

class TritonPythonModel:
    def execute(self, requests):
        return []
"""


@dataclass
class Laptop:
    """A runtime with the dev environment deployed on it."""

    state: RunFile
    clients: AwsClients

    def mme(self, *arguments: str, status: int = 0) -> str:
        """Runs `mme --env dev ...`; returns what it prints on standard output."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MME_"))}
        done = subprocess.run(
            [sys.executable, "-m", "mme.cli.main", "--env", "dev", *arguments],
            cwd=ROOT,
            env=kept
            | {
                "MME_ENDPOINT_URL": self.state.url,
                "AWS_ACCESS_KEY_ID": "local",
                "AWS_SECRET_ACCESS_KEY": "local",
                "AWS_DEFAULT_REGION": "us-east-1",
                "COLUMNS": "80",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == status, (
            f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
        return done.stdout

    def json(self, *arguments: str, status: int = 0) -> Any:
        return json.loads(self.mme(*arguments, "--json", status=status))


@pytest.fixture(scope="module")
def _state() -> Iterator[RunFile]:
    with a_runtime() as runtime:
        yield runtime.state


@pytest.fixture
def laptop(_state: RunFile) -> Iterator[Laptop]:
    """Deployed with add_sub published; cleaned by `mme endpoint clean` itself."""
    clients = clients_at(_state.url)
    deploy(clients, store_template(), STORE)
    deploy(clients, serving_template(bucket={"Fn::ImportValue": f"{BUCKET}-name"}))
    laptop = Laptop(_state, clients)
    laptop.mme("models", "add", "model_registry/add_sub")
    yield laptop
    laptop.mme("endpoint", "clean", "--store", "--logs", "--yes")
    assert clients.sagemaker.list_endpoints()["Endpoints"] == []
    assert clients.s3.list_buckets()["Buckets"] == []


def publish(laptop: Laptop, name: str, code: str, tmp_path: Path) -> None:
    model = tmp_path / name
    (model / "1").mkdir(parents=True)
    config = (ROOT / "model_registry" / "add_sub" / "config.pbtxt").read_text()
    (model / "config.pbtxt").write_text(config.replace('"add_sub"', f'"{name}"'))
    (model / "1" / "model.py").write_text(code)
    laptop.mme("models", "add", str(model))


def test_warm_then_logs_top_and_doctor_tell_what_triton_did(laptop: Laptop, tmp_path: Path) -> None:
    publish(laptop, "broken", BROKEN, tmp_path)
    warmed = laptop.json("endpoint", "warm", "*", status=1)
    assert [(one["model"], one["loaded"]) for one in warmed] == [
        ("add_sub_v0.tar.gz", True),
        ("broken_v0.tar.gz", False),
    ]
    assert "nothing_of_that_name" in warmed[1]["error"]
    assert laptop.json("endpoint", "warm", "add_sub")[0]["loaded"]
    wait_for(lambda: "Loading SageMaker TargetModel: broken_v0.tar.gz" in laptop.mme("endpoint", "logs"))
    top = {one["model"]: one for one in laptop.json("endpoint", "top")}
    assert (top["add_sub_v0.tar.gz"]["loads"], top["add_sub_v0.tar.gz"]["invocations"]) == (1, 2)
    assert top["add_sub_v0.tar.gz"]["median_load_seconds"] > 0
    assert top["broken_v0.tar.gz"]["failed_loads"] >= 1
    lines = laptop.mme("endpoint", "logs", "--model", "broken_v0.tar.gz", "--errors")
    assert "ModuleNotFoundError" in lines
    assert "add_sub" not in lines
    findings = laptop.json("endpoint", "doctor", status=2)
    archives = [one["message"] for one in findings if one["check"] == "archives"]
    assert "2 archives have the right layout" in archives
    logged = next(one for one in findings if one["check"] == "log")
    assert logged["message"].startswith("broken_v0.tar.gz did not load")
    assert "No module named 'nothing_of_that_name' (1/model.py line 1)" in logged["message"]


def test_status_and_rollback_of_an_endpoint_that_serves(laptop: Laptop) -> None:
    status = laptop.json("endpoint", "status")
    assert status["endpoint"]["status"] == "InService"
    assert (status["drifted"], status["faults"]) == (False, [])
    before = update_by_hand(laptop.clients, "by-hand")
    assert laptop.json("endpoint", "status")["drifted"]
    answer = laptop.json("endpoint", "rollback", "--yes")
    assert (answer["from"], answer["to"]) == ("by-hand", before)
    assert laptop.json("endpoint", "warm", "add_sub")[0]["loaded"]
    laptop.clients.sagemaker.delete_endpoint_config(EndpointConfigName="by-hand")


def test_clean_deletes_only_this_deployment(laptop: Laptop) -> None:
    clients = laptop.clients
    clients.s3.create_bucket(Bucket="neighbours")
    clients.s3.put_object(Bucket="neighbours", Key="models/n_v0.tar.gz", Body=b"x")
    deploy(clients, serving_template(endpoint="neighbour", bucket="neighbours"), "neighbour-serving")
    laptop.mme("endpoint", "clean", "--models", "--yes")
    assert [one["EndpointName"] for one in clients.sagemaker.list_endpoints()["Endpoints"]] == ["neighbour"]
    assert clients.s3.list_objects_v2(Bucket="neighbours")["KeyCount"] == 1
    assert laptop.mme("endpoint", "status", status=2) == ""
    clients.cloudformation.delete_stack(StackName="neighbour-serving")
    clients.s3.delete_object(Bucket="neighbours", Key="models/n_v0.tar.gz")
    clients.s3.delete_bucket(Bucket="neighbours")
    assert STACK not in {
        stack["StackName"]
        for stack in clients.cloudformation.describe_stacks()["Stacks"]
        if stack["StackStatus"] != "DELETE_COMPLETE"
    }
