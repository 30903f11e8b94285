"""The commands of the GitHub Actions workflows, unchanged, deploy the local environment."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import ROOT, Machine

pytestmark = [pytest.mark.slow, pytest.mark.triton, pytest.mark.timeout(600)]

WORKFLOWS = ROOT / "examples" / "github_actions" / "workflows"
ACCOUNT = "123456789012"


class Runner:
    """GitHub's runner, as far as these steps know it: a checkout, variables, a summary."""

    def __init__(self, machine: Machine, home: Path) -> None:
        self.machine = machine
        self.checkout = home / "checkout"
        self.checkout.mkdir()
        self.summary = home / "summary.md"
        self.config = home / "aws-config"
        for name in ("app.py", "cdk.json"):
            shutil.copy(ROOT / name, self.checkout)

    def step(self, workflow: str, job: str, name: str, *, status: int = 0) -> str:
        """Run a step's script; its `env:` is given the values that GitHub would put there."""
        document = yaml.safe_load((WORKFLOWS / f"{workflow}.yml").read_text("utf-8"))
        (step,) = [step for step in document["jobs"][job]["steps"] if step.get("name") == name]
        own = {"ACCOUNT": ACCOUNT, "AWS_CONFIG_FILE": str(self.config)}
        return self.machine.run(
            # The shell that GitHub gives a `run:` step.
            *("bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]),
            status=status,
            folder=self.checkout,
            PYTHONPATH=os.pathsep.join([str(ROOT), str(ROOT / "constructs")]),
            ENVIRONMENT="local",
            GITHUB_STEP_SUMMARY=str(self.summary),
            **{variable: own[variable] for variable in step.get("env", {})},
        )


@pytest.fixture
def runner(machine: Machine, tmp_path: Path) -> Runner:
    return Runner(machine, tmp_path)


def test_a_pull_request_shows_and_main_deploys(runner: Runner) -> None:
    runner.machine.cdk("bootstrap")
    runner.step("deploy", "diff", "Synthesize")
    runner.step("deploy", "diff", "Diff")
    shown = runner.summary.read_text("utf-8")
    assert shown.startswith("## local\n```text\n")
    assert shown.endswith("```\n")
    assert "AWS::SageMaker::Endpoint" in shown
    assert runner.machine.client("sagemaker").list_endpoints()["Endpoints"] == [], "a diff changes nothing"
    runner.step("deploy", "diff", "Preflight")

    runner.step("deploy-environment", "deploy", "Synthesize")
    runner.step("deploy-environment", "deploy", "Preflight")
    runner.step("deploy-environment", "deploy", "Deploy")
    (endpoint,) = runner.machine.client("sagemaker").list_endpoints()["Endpoints"]
    assert endpoint["EndpointName"] == "mme-local"

    runner.summary.unlink()
    runner.step("deploy", "diff", "Diff")
    assert "There were no differences" in runner.summary.read_text("utf-8")

    # What AWS would refuse halfway is stopped before it begins.
    app = (runner.checkout / "app.py").read_text("utf-8")
    faster = (
        "import dataclasses, stacks.environments as e\n"
        "e.ENVIRONMENTS = tuple(dataclasses.replace(x, instance_type='ml.m5.2xlarge') for x in e.ENVIRONMENTS"
        " if x.name == 'local')\n"
    )
    (runner.checkout / "app.py").write_text(
        app.replace('if __name__ == "__main__":', f'{faster}\nif __name__ == "__main__":')
    )
    runner.step("deploy-environment", "deploy", "Synthesize")
    said = runner.step("deploy-environment", "deploy", "Preflight", status=3)
    assert "ml.m5.2xlarge" in said
