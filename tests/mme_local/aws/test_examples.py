"""Every example app, deployed and destroyed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.examples.conftest import EXAMPLES, synthesize

pytestmark = pytest.mark.slow

# Code of a function is uploaded by the CDK CLI: tests/e2e deploys `asynchronous` with it.
_BY_THE_CLI = {"asynchronous"}
NAMES = sorted({folder.parent.name for folder in EXAMPLES.glob("*/app.py")} - _BY_THE_CLI)


def in_order(folder: Path) -> list[str]:
    """The names of the stacks of a cloud assembly, those that others need first."""
    artifacts = json.loads((folder / "manifest.json").read_text("utf-8"))["artifacts"]
    stacks = {id: one for id, one in artifacts.items() if one["type"] == "aws:cloudformation:stack"}
    ordered: list[str] = []

    def place(id: str) -> None:
        for other in stacks[id].get("dependencies", []):
            if other in stacks:
                place(other)
        if id not in ordered:
            ordered.append(id)

    for id in stacks:
        place(id)
    return ordered


@pytest.fixture
def bootstrapped(aws: Any) -> None:
    """The parameter that the templates of a bootstrapped account read."""
    aws("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String")


@pytest.mark.usefixtures("bootstrapped")
@pytest.mark.parametrize("name", [name for name in NAMES if name != "github_actions"])
def test_deploy_and_destroy(name: str, tmp_path: Path, deploy: Any, cloudformation: Any, aws: Any) -> None:
    example = synthesize(EXAMPLES / name / "app.py", tmp_path)
    stacks = in_order(tmp_path)
    for stack in stacks:
        done = deploy(example.template(stack), name=stack, Capabilities=["CAPABILITY_IAM"])
        assert done["StackStatus"] == "CREATE_COMPLETE"
    endpoints = aws("sagemaker").list_endpoints()["Endpoints"]
    assert [one["EndpointStatus"] for one in endpoints] == ["InService"]
    for stack in reversed(stacks):
        cloudformation.delete_stack(StackName=stack)
    assert aws("sagemaker").list_endpoints()["Endpoints"] == []
    assert cloudformation.describe_stacks()["Stacks"] == []


@pytest.mark.usefixtures("bootstrapped")
def test_the_rights_of_github(tmp_path: Path, deploy: Any, cloudformation: Any, aws: Any) -> None:
    """Each stack is for a separate account, so they are deployed one after another here."""
    example = synthesize(EXAMPLES / "github_actions" / "app.py", tmp_path)
    for stack in in_order(tmp_path):
        done = deploy(example.template(stack), name=stack, Capabilities=["CAPABILITY_IAM"])
        assert done["StackStatus"] == "CREATE_COMPLETE"
        (provider,) = aws("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
        assert provider["Arn"].endswith(":oidc-provider/token.actions.githubusercontent.com")
        cloudformation.delete_stack(StackName=stack)
        assert aws("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
