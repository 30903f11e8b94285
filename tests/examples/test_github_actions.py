"""The pipeline: trust policies of its roles, and workflows with minimal permissions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from stacks.environments import ENVIRONMENTS
from tests.examples.conftest import EXAMPLES, Example

FOLDER = EXAMPLES / "github_actions"
WORKFLOWS = sorted((FOLDER / "workflows").glob("*.yml"))
DEPLOYED = [environment.name for environment in ENVIRONMENTS if environment.name != "local"]
ISSUER = "token.actions.githubusercontent.com"
REPOSITORY = "repo:your-org@1234567/your-repo@7654321"


def workflow(name: str) -> dict[str, Any]:
    document: dict[Any, Any] = yaml.safe_load((FOLDER / "workflows" / f"{name}.yml").read_text("utf-8"))
    document["on"] = document.pop(True)  # YAML 1.1 reads `on` as true
    return document


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in WORKFLOWS:
        for name, job in workflow(file.stem)["jobs"].items():
            yield f"{file.stem}/{name}", job


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, job in jobs():
        for step in job.get("steps", []):
            yield name, step


def role(example: Example, environment: str, id: str) -> dict[str, Any]:
    found = example.resources(f"github-access-{environment}", "AWS::IAM::Role")
    (properties,) = [properties for key, properties in found.items() if key.startswith(id)]
    return properties


def may_become(example: Example, environment: str, id: str) -> set[str]:
    (statement,) = example.statements(f"github-access-{environment}", id)
    assert statement["Action"] == "sts:AssumeRole"
    resources: str | list[str] = statement["Resource"]
    return {resources} if isinstance(resources, str) else set(resources)


@pytest.fixture
def access(example: Callable[[str], Example]) -> Example:
    return example("github_actions")


@pytest.mark.parametrize("environment", DEPLOYED)
def test_a_job_deploys_an_environment_only_while_it_runs_in_it(environment: str, access: Example) -> None:
    (trust,) = role(access, environment, "Deploy")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert set(trust["Principal"]) == {"Federated"}
    assert trust["Condition"] == {
        "StringEquals": {
            f"{ISSUER}:aud": "sts.amazonaws.com",
            f"{ISSUER}:sub": [f"{REPOSITORY}:environment:{environment}"],
        }
    }


@pytest.mark.parametrize("environment", DEPLOYED)
def test_the_diff_role_is_for_pull_requests_and_main(environment: str, access: Example) -> None:
    (trust,) = role(access, environment, "Diff")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"]["StringEquals"][f"{ISSUER}:sub"] == [
        f"{REPOSITORY}:pull_request",
        f"{REPOSITORY}:ref:refs/heads/main",
    ]
    assert set(trust["Condition"]) == {"StringEquals"}


@pytest.mark.parametrize(
    ("id", "names"),
    [("Diff", ["lookup"]), ("Deploy", ["lookup", "deploy", "file-publishing", "image-publishing"])],
)
def test_the_roles_can_only_become_roles_of_the_bootstrap(id: str, names: list[str], access: Example) -> None:
    assert may_become(access, "dev", id) == {
        f"arn:aws:iam::111111111111:role/cdk-hnb659fds-{name}-role-111111111111-eu-central-1"
        for name in names
    }
    properties = role(access, "dev", id)
    assert "ManagedPolicyArns" not in properties
    assert "Policies" not in properties


def test_an_account_for_each_environment(access: Example) -> None:
    manifest = json.loads((access.folder / "manifest.json").read_text("utf-8"))["artifacts"]
    places = {
        name: artifact["environment"]
        for name, artifact in manifest.items()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    assert set(places) == {f"github-access-{name}" for name in DEPLOYED}
    assert len(set(places.values())) == len(DEPLOYED)
    for name in places:
        provider = access.one(name, "AWS::IAM::OIDCProvider")
        assert provider["Url"] == f"https://{ISSUER}"
        assert provider["ClientIdList"] == ["sts.amazonaws.com"]


def test_environments_are_deployed_in_turn() -> None:
    deploy = workflow("deploy")["jobs"]
    order = ["diff", *DEPLOYED]
    assert list(deploy) == order
    for before, name in zip(order, DEPLOYED, strict=False):
        assert deploy[name]["needs"] == before
        assert deploy[name]["with"] == {"environment": name}
        assert deploy[name]["uses"] == "./.github/workflows/deploy-environment.yml"
    assert deploy["dev"]["if"] == "github.event_name == 'push'"
    assert workflow("deploy")["on"]["push"] == {"branches": ["main"]}
    matrix = deploy["diff"]["strategy"]["matrix"]["include"]
    assert [entry["environment"] for entry in matrix] == DEPLOYED
    assert [entry["role"] for entry in matrix] == [
        f"${{{{ vars.{name.upper()}_DIFF_ROLE_ARN }}}}" for name in DEPLOYED
    ]


def test_whatever_deploys_runs_in_an_environment() -> None:
    deploying = {name for name, step in steps() if "cdk deploy" in step.get("run", "")}
    assert deploying == {"deploy-environment/deploy"}
    for name, job in jobs():
        assert ("environment" in job) == (name in deploying), name
    called = workflow("deploy-environment")
    assert called["jobs"]["deploy"]["environment"] == "${{ inputs.environment }}"
    assert called["on"]["workflow_call"]["inputs"]["environment"]["required"] is True


def test_least_permissions() -> None:
    for file in WORKFLOWS:
        assert workflow(file.stem)["permissions"] == {}, file.name
    for name, job in jobs():
        assert job["permissions"] == {"contents": "read", "id-token": "write"}, name


def test_a_fork_gets_no_credentials() -> None:
    condition = workflow("deploy")["jobs"]["diff"]["if"]
    assert "github.event.pull_request.head.repo.full_name == github.repository" in condition
    triggers = {trigger for file in WORKFLOWS for trigger in workflow(file.stem)["on"]}
    assert triggers == {"pull_request", "push", "workflow_call"}


def test_nothing_older_overtakes() -> None:
    deploy = workflow("deploy")["concurrency"]
    assert deploy["group"] == "deploy-${{ github.ref }}"
    assert deploy["cancel-in-progress"] == "${{ github.event_name == 'pull_request' }}"
    environment = workflow("deploy-environment")["jobs"]["deploy"]["concurrency"]
    assert environment == {
        "group": "environment-${{ inputs.environment }}",
        "cancel-in-progress": False,
    }


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_no_secret_is_stored(file: Any) -> None:
    text = file.read_text("utf-8")
    assert "secrets." not in text
    assert "secrets:" not in text
    assert not re.search(r"aws-(access-key-id|secret-access-key|session-token):", text)
    assert not re.search(r"AKIA|ghp_", text)


def test_actions_are_pinned_by_commit_and_versioned_in_a_comment() -> None:
    ours = sorted((EXAMPLES.parent / ".github" / "workflows").glob("*.yml"))
    text = "\n".join(file.read_text("utf-8") for file in [*WORKFLOWS, *ours])
    used = re.findall(r"uses: (?!\./)(.+)", text)
    assert len(used) > 10
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
    names = [action.partition("@")[0] for action in set(used)]
    assert len(names) == len(set(names)), "one version of each action, in this project and in the example"


def test_no_outside_text_gets_into_a_shell() -> None:
    for name, step in steps():
        assert "${{" not in step.get("run", ""), (name, step)


def test_a_preflight_comes_before_a_deployment_of_what_it_saw() -> None:
    names = [step.get("name") for step in workflow("deploy-environment")["jobs"]["deploy"]["steps"]]
    assert names.index("Synthesize") < names.index("Preflight") < names.index("Deploy")
    deploying = [step["run"] for _, step in steps() if step.get("name") in {"Diff", "Deploy"}]
    assert all("--app cdk.out" in run for run in deploying)
    assert all(job["timeout-minutes"] <= 60 for _, job in jobs() if "steps" in job)


def test_credentials_stay_out_of_the_checkout() -> None:
    checkouts = [step for _, step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) == 2
    assert all(step["with"] == {"persist-credentials": False} for step in checkouts)
