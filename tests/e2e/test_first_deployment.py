"""docs/first-deployment.md: its commands run in order, on the local endpoint in place of an AWS account."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path

import boto3
import pytest

from mme.cli import confirmation
from tests.docs.page import Shell, blocks
from tests.e2e.conftest import ROOT, Machine

pytestmark = [pytest.mark.slow, pytest.mark.triton, pytest.mark.timeout(600)]

NOT_HERE = {
    "export AWS_PROFILE": "a profile of an account",
    "aws service-quotas": "the local endpoint has no quotas",
    "make demo": "a test of its own",
    "source": "the environment is active",
    "export PATH": "the environment is active",
}


@pytest.fixture
def checkout(machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The part of the repository that the page needs, and an AWS that is the local endpoint."""
    for name in ("app.py", "cdk.json"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "model_registry" / "add_sub", tmp_path / "model_registry" / "add_sub")
    for name, value in machine.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(confirmation, "_answer", lambda asked: asked.split()[1])
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page(machine: Machine, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skipped: list[str] = []

    def cdk(command: str) -> str:
        """The CDK CLI, which asks no one to confirm."""
        words = shlex.split(command)
        unasked = ["--require-approval", "never"] if words[1] == "deploy" else []
        path = os.pathsep.join([str(ROOT), str(ROOT / "constructs")])
        return machine.run(*words, "--ci", *unasked, folder=checkout, PYTHONPATH=path, CDK_VALIDATION="false")

    shell = Shell(monkeypatch, {"cdk": cdk, **dict.fromkeys(NOT_HERE, skipped.append)})
    consoles = [text for kind, text in blocks("docs/first-deployment.md") if kind == "console"]
    for console in consoles[:-1]:
        shell.run(console)
    assert (checkout / "cdk.out" / "manifest.json").exists()
    (answer,) = (said for command, said in shell.ran.items() if "invoke" in command)
    assert "11, 22, 33, 44" in answer
    page = (ROOT / "docs" / "first-deployment.md").read_text("utf-8")
    verify = page.partition("## 6.")[2].partition("## 7.")[0]
    for command in re.findall(r"`(mme [^`]*)`", verify):
        shell.run(f"$ {command}")
    assert boto3.client("sagemaker").list_endpoints()["Endpoints"]
    shell.run(consoles[-1])
    assert shell.ran["aws sagemaker list-endpoints --query 'Endpoints[].EndpointName'"] == "[]"
    left = boto3.client("cloudformation").describe_stacks()["Stacks"]
    assert [one["StackName"] for one in left] == ["CDKToolkit"]
    assert {next(start for start in NOT_HERE if one.startswith(start)) for one in skipped} == set(NOT_HERE)
