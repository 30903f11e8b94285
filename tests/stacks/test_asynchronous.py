"""Prod with its queue for asynchronous requests: its resources; tests/tools runs the security packs on it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App
from syrupy.assertion import SnapshotAssertion

from mme.client.asynchronous import AsyncLocations
from stacks.application import build, synthesize
from stacks.environments import ENVIRONMENTS
from tests.mme_cdk.conftest import SnapshotFile

PROD = next(environment for environment in ENVIRONMENTS if environment.name == "prod")


@pytest.fixture(scope="module")
def folder(context: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The assembly of prod with its queue, synthesized under AwsSolutions."""
    app = App(context=context, outdir=str(tmp_path_factory.mktemp("asynchronous")), analytics_reporting=False)
    synthesize(build(app, (replace(PROD, asynchronous=True),)))
    return Path(app.outdir)


@pytest.fixture(scope="module")
def template(folder: Path) -> dict[str, Any]:
    (file,) = (folder / "assembly-prod").glob("prodServing*.template.json")
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


def test_what_the_queue_adds(template: dict[str, Any], assembly: Any, snapshot: SnapshotAssertion) -> None:
    without = assembly.template("prod", "Serving")
    added: dict[str, Any] = {
        part: {name: found for name, found in template[part].items() if name not in without[part]}
        for part in ("Resources", "Outputs")
    }
    assert without["Resources"].items() <= template["Resources"].items(), "the endpoint stays as it is"
    # The consumer's package is named by a hash of its code, which would change with every line there.
    text = re.sub(r"\b[0-9a-f]{64}\b", "ASSET", json.dumps(added))
    assert json.loads(text) == snapshot(extension_class=SnapshotFile)


def test_the_toolkit_finds_the_queue(template: dict[str, Any]) -> None:
    outputs = {name: f"s3://b/{name}/" for name in template["Outputs"]}
    assert AsyncLocations.from_outputs(outputs, "s").queue_url == "s3://b/AsyncQueueUrl/"


def test_only_retained_resources_outlive_the_stack(template: dict[str, Any], assembly: Any) -> None:
    without = assembly.template("prod", "Serving")["Resources"]
    retained = {
        found["Type"]
        for name, found in template["Resources"].items()
        if name not in without and found.get("DeletionPolicy") == "Retain"
    }
    assert retained == {"AWS::KMS::Key", "AWS::Logs::LogGroup", "AWS::S3::Bucket"}


def test_the_package_contains_only_the_handler(folder: Path) -> None:
    packages = [path for path in folder.glob("**/asset.*") if path.is_dir() and (path / "handler").is_dir()]
    assert len(packages) == 1
    names = {str(path.relative_to(packages[0])) for path in packages[0].rglob("*") if path.is_file()}
    assert "handler/index.py" in names
    assert all(re.fullmatch(r"handler/[a-z_]+\.py", name) for name in names)


def test_no_environment_pays_for_it_unasked(assembly: Any) -> None:
    for environment in ENVIRONMENTS:
        kinds = {
            found["Type"] for found in assembly.template(environment.name, "Serving")["Resources"].values()
        }
        assert environment.asynchronous == ("AWS::SQS::Queue" in kinds)
