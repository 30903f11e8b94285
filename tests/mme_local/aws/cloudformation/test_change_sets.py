"""Change sets, as the CDK CLI uses them."""

from __future__ import annotations

import json
from typing import Any

import pytest


def create(cloudformation: Any, template: dict[str, Any], kind: str, name: str = "changes") -> dict[str, Any]:
    cloudformation.create_change_set(
        StackName="app", ChangeSetName=name, ChangeSetType=kind, TemplateBody=json.dumps(template)
    )
    described: dict[str, Any] = cloudformation.describe_change_set(StackName="app", ChangeSetName=name)
    return described


def test_a_create_change_set_makes_a_stack_under_review(cloudformation: Any, endpoint_template: Any) -> None:
    described = create(cloudformation, endpoint_template(), "CREATE")

    assert (described["Status"], described["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    assert [one["ResourceChange"]["Action"] for one in described["Changes"]] == ["Add", "Add", "Add"]
    [stack] = cloudformation.describe_stacks(StackName="app")["Stacks"]
    assert stack["StackStatus"] == "REVIEW_IN_PROGRESS"
    cloudformation.execute_change_set(StackName="app", ChangeSetName="changes")
    [stack] = cloudformation.describe_stacks(StackName="app")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"


def test_an_update_change_set_shows_replacements(
    cloudformation: Any, deploy: Any, endpoint_template: Any
) -> None:
    deploy(endpoint_template(image="image:1"))
    described = create(cloudformation, endpoint_template(image="image:2"), "UPDATE")

    changes = {
        one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"] for one in described["Changes"]
    }
    summary = {name: (change["Action"], change["Replacement"]) for name, change in changes.items()}
    assert summary == {
        "Model": ("Modify", "True"),
        "Config": ("Modify", "True"),
        "Endpoint": ("Modify", "False"),
    }
    assert changes["Model"]["Details"][0]["Target"]["RequiresRecreation"] == "Always"
    cloudformation.execute_change_set(StackName="app", ChangeSetName="changes")
    [stack] = cloudformation.describe_stacks(StackName="app")["Stacks"]
    assert stack["StackStatus"] == "UPDATE_COMPLETE"


def test_a_change_set_without_changes_fails(cloudformation: Any, deploy: Any, endpoint_template: Any) -> None:
    deploy(endpoint_template())
    described = create(cloudformation, endpoint_template(), "UPDATE")

    assert described["Status"] == "FAILED"
    assert described["StatusReason"].startswith("The submitted information didn't contain changes.")
    with pytest.raises(Exception, match="cannot be executed in its current status"):
        cloudformation.execute_change_set(StackName="app", ChangeSetName="changes")


def test_a_failing_change_set_ends_in_rollback(
    cloudformation: Any, deploy: Any, endpoint_template: Any
) -> None:
    deploy(endpoint_template())
    create(cloudformation, endpoint_template(instance_type="ml.imaginary.large"), "UPDATE")
    cloudformation.execute_change_set(StackName="app", ChangeSetName="changes")

    described = cloudformation.describe_change_set(StackName="app", ChangeSetName="changes")
    assert described["ExecutionStatus"] == "EXECUTE_FAILED"
    [stack] = cloudformation.describe_stacks(StackName="app")["Stacks"]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


def test_a_deleted_change_set_is_not_found(cloudformation: Any, deploy: Any, endpoint_template: Any) -> None:
    deploy(endpoint_template(image="image:1"))
    create(cloudformation, endpoint_template(image="image:2"), "UPDATE")
    cloudformation.delete_change_set(StackName="app", ChangeSetName="changes")
    cloudformation.delete_change_set(StackName="app", ChangeSetName="never-was")

    with pytest.raises(cloudformation.exceptions.ChangeSetNotFoundException):
        cloudformation.describe_change_set(StackName="app", ChangeSetName="changes")
