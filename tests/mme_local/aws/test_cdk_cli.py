"""The real CDK CLI against the embedded AWS: bootstrap, deploy, change, fail, destroy."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mme_local.aws import control_plane

ROOT = Path(__file__).resolve().parents[3]
CDK = ROOT / "node_modules" / ".bin" / "cdk"
# the wheel's node is next to this Python
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

# A store and a serving stack, as small as they get; what changes between deployments comes by context.
APP = """
from aws_cdk import App, CfnOutput, Environment, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam, aws_s3 as s3, aws_sagemaker as sagemaker

app = App()
context = app.node.try_get_context
env = Environment(account="123456789012", region="us-east-1")
store = Stack(app, "Store", env=env)
bucket = s3.Bucket(store, "Models", enforce_ssl=True, removal_policy=RemovalPolicy.DESTROY)
serving = Stack(app, "Serving", env=env)
role = iam.Role(serving, "Role", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
bucket.grant_read(role)
model = sagemaker.CfnModel(
    serving, "Model", execution_role_arn=role.role_arn,
    containers=[{
        "image": context("image") or "image:1", "mode": "MultiModel",
        "modelDataUrl": f"s3://{bucket.bucket_name}/models/",
    }],
)
model.node.add_dependency(role)
config = sagemaker.CfnEndpointConfig(
    serving, "Config",
    production_variants=[{
        "variantName": "AllTraffic", "modelName": model.attr_model_name,
        "instanceType": context("type") or "ml.g5.xlarge",
        "initialInstanceCount": int(context("count") or 1), "initialVariantWeight": 1,
    }],
)
endpoint = sagemaker.CfnEndpoint(
    serving, "Endpoint", endpoint_name="mme", endpoint_config_name=config.attr_endpoint_config_name
)
CfnOutput(serving, "EndpointName", value=endpoint.attr_endpoint_name)
app.synth()
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),  # a dozen runs of the CLI
    pytest.mark.skipif(not CDK.exists(), reason="the CDK CLI is not installed: run make install"),
    pytest.mark.skipif(shutil.which("node", path=PATH) is None, reason="there is no node: run make install"),
]


@pytest.fixture
def cdk(tmp_path: Path, aws_environment: dict[str, str]) -> Callable[..., str]:
    """Run the CLI on the app above: `cdk("deploy", "--all", fails=False)`; returns its output."""
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "cdk.json").write_text(json.dumps({"app": shlex.join([sys.executable, "app.py"])}))
    environment = {
        **os.environ,
        **aws_environment,
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CI": "true",
        "HOME": str(tmp_path),
        "PATH": PATH,
    }

    def run(*arguments: str, fails: bool = False) -> str:
        done = subprocess.run(
            [str(CDK), "--no-notices", "--no-version-reporting", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        printed = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, printed
        return printed

    return run


def test_the_life_of_an_app(cdk: Callable[..., str], aws: Any) -> None:
    deploy = ("deploy", "--all", "--require-approval", "never")
    cdk("bootstrap", "aws://123456789012/us-east-1")

    assert "Serving.EndpointName = mme" in cdk(*deploy)
    first = control_plane.resolve_endpoint("mme")
    assert first is not None
    assert first.variants[0].containers[0].image == "image:1"

    output = cdk("diff", "Serving", "-c", "image=image:2")
    assert "AWS::SageMaker::Model Model Model replace" in output

    cdk(*deploy, "-c", "image=image:2", "-c", "count=2")
    second = control_plane.resolve_endpoint("mme")
    assert second is not None
    assert second.arn == first.arn
    assert second.variants[0].containers[0].image == "image:2"
    assert second.variants[0].instance_count == 2
    assert len(aws("sagemaker").list_models()["Models"]) == 1

    output = cdk(*deploy, "-c", "type=ml.imaginary.large", fails=True)
    assert "Value 'ml.imaginary.large' at" in output
    assert control_plane.resolve_endpoint("mme") is not None
    serving = aws("cloudformation").describe_stacks(StackName="Serving")["Stacks"][0]
    assert serving["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"

    cdk("destroy", "--all", "--force")
    assert [one["StackName"] for one in aws("cloudformation").describe_stacks()["Stacks"]] == ["CDKToolkit"]
    assert control_plane.resolve_endpoint("mme") is None
