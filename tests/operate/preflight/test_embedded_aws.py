"""Changing the instance type of the real stacks, by the real CDK CLI, on embedded AWS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_cdk import App

from mme_local import aws as cloud
from stacks.application import build, synthesize
from stacks.environments import selected
from tests.operate.deployment import serve_embedded_aws

ROOT = Path(__file__).resolve().parents[3]
CDK = ROOT / "node_modules" / ".bin" / "cdk"
# The wheel's node is next to this Python.
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CDK.exists(), reason="the CDK CLI is not installed: run make install"),
    pytest.mark.skipif(shutil.which("node", path=PATH) is None, reason="there is no node: run make install"),
]


class Project:
    """The application's own stacks, and an AWS to deploy them to."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MME_"))},
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CI": "true",
            "HOME": str(folder),
            "PATH": PATH,
            "PYTHONPATH": str(ROOT),
        }
        self._client = lambda service: boto3.client(
            service,
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def synth(self, name: str, **settings: Any) -> Path:
        """Synthesize the stacks with these settings, as a user would edit them; returns the assembly."""
        context = json.loads((ROOT / "cdk.json").read_text("utf-8"))["context"]
        app = App(context=context, outdir=str(self.folder / name))
        (environment,) = selected("local")
        return synthesize(build(app, (replace(environment, **settings),)))

    def cdk(self, *arguments: str, fails: bool = False) -> str:
        """Run the CDK CLI; returns all that it printed."""
        done = self._run([str(CDK), "--no-notices", *arguments])
        printed = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, printed
        return printed

    def deploy(self, assembly: Path, *, fails: bool = False) -> str:
        return self.cdk(
            "deploy", "local/*", "--app", str(assembly), "--require-approval", "never", fails=fails
        )

    def preflight(self, assembly: Path) -> tuple[int, dict[str, Any]]:
        """Check an assembly; returns the status and the findings by code."""
        command = [sys.executable, "-m", "mme.cli.main", "endpoint", "preflight", "--json"]
        done = self._run([*command, "--app", str(assembly)])
        assert done.stdout, done.stderr
        report = json.loads(done.stdout)
        assert report["may_deploy"] == (done.returncode == 0)
        return done.returncode, {finding["code"]: finding for finding in report["findings"]}

    def endpoint(self) -> dict[str, Any]:
        found: dict[str, Any] = self._client("sagemaker").describe_endpoint(EndpointName="mme-local")
        return found

    def instance_type(self) -> str:
        name = self.endpoint()["EndpointConfigName"]
        config = self._client("sagemaker").describe_endpoint_config(EndpointConfigName=name)
        return str(config["ProductionVariants"][0]["InstanceType"])

    def scale_to(self, count: int) -> None:
        """What Application Auto Scaling does under load."""
        self._client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName="mme-local",
            DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": count}],
        )

    def scalable_targets(self) -> list[str]:
        answer = self._client("application-autoscaling").describe_scalable_targets(
            ServiceNamespace="sagemaker"
        )
        return [target["ResourceId"] for target in answer["ScalableTargets"]]

    def scaling_policies(self) -> int:
        answer = self._client("application-autoscaling").describe_scaling_policies(
            ServiceNamespace="sagemaker"
        )
        return len(answer["ScalingPolicies"])

    def stack_status(self) -> str:
        stacks = self._client("cloudformation").describe_stacks(StackName="mme-local-serving")["Stacks"]
        return str(stacks[0]["StackStatus"])

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with serve_embedded_aws() as url:
        yield Project(tmp_path, url)
    cloud.reset()


def test_changing_the_instance_type(project: Project) -> None:
    variant = "endpoint/mme-local/variant/AllTraffic"
    present = project.synth("present")
    status, found = project.preflight(present)
    assert (status, found.keys()) == (0, {"first-deployment"})
    project.cdk("bootstrap", "aws://123456789012/us-east-1")
    project.deploy(present)
    before = project.endpoint()
    assert project.scalable_targets() == [variant]
    assert project.preflight(present) == (0, {})
    project.scale_to(2)

    # At once: preflight stops it, and AWS would refuse it and roll the stack back.
    at_once = project.synth("at-once", instance_type="ml.m5.2xlarge")
    status, found = project.preflight(at_once)
    assert status == 3
    stopped = found["instance-type"]
    assert (
        "from ml.m5.xlarge to ml.m5.2xlarge while it is registered as a scalable target" in stopped["message"]
    )
    assert "cdk deploy -c env=local 'local/*'" in stopped["hint"]
    printed = project.deploy(at_once, fails=True)
    assert (
        'The variant(s) "["AllTraffic"]" must be deregistered as scalable target(s) with AWS Application '
        "Auto Scaling before they can be removed or have their instance type updated."
    ) in printed
    assert project.stack_status() == "UPDATE_ROLLBACK_COMPLETE"
    assert project.endpoint()["EndpointStatus"] == "InService"
    assert project.instance_type() == "ml.m5.xlarge"
    assert project.scalable_targets() == [variant]

    # First phase: one more line. The endpoint is not touched, and no longer scaled.
    first = project.synth("first", next_instance_type="ml.m5.2xlarge")
    status, found = project.preflight(first)
    assert (status, found.keys()) == (0, {"scaling-removed"})
    printed = project.deploy(first)
    assert "AllTraffic is not scaled while next_instance_type is ml.m5.2xlarge" in printed
    assert project.scalable_targets() == []
    assert project.scaling_policies() == 0
    assert project.endpoint()["EndpointConfigName"] == before["EndpointConfigName"]

    # Second phase: one line changed. The same endpoint on the new type, with its count, scaled again.
    second = project.synth("second", next_instance_type="ml.m5.2xlarge", instance_type="ml.m5.2xlarge")
    status, found = project.preflight(second)
    assert (status, found.keys()) == (0, {"instance-type-changed", "scaling-added", "endpoint-updated"})
    project.deploy(second)
    after = project.endpoint()
    assert after["EndpointArn"] == before["EndpointArn"]
    assert project.instance_type() == "ml.m5.2xlarge"
    assert after["ProductionVariants"][0]["DesiredInstanceCount"] == 2
    assert project.scalable_targets() == [variant]
    assert project.scaling_policies() == 1
    # Without the extra line, there is nothing to deploy.
    assert project.preflight(at_once) == (0, {})
