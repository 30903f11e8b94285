"""Event rules: their pattern, their targets."""

from __future__ import annotations

import json
from typing import Any


def rule(*targets: str) -> dict[str, Any]:
    return {
        "Resources": {
            "Rule": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "EventPattern": {"source": ["aws.sagemaker"]},
                    "State": "ENABLED",
                    "Targets": [
                        {"Id": target, "Arn": f"arn:aws:sqs:us-east-1:123456789012:{target}"}
                        for target in targets
                    ],
                },
            }
        }
    }


def test_the_targets_of_a_rule_are_added_and_removed(
    deploy: Any, resource_id: Any, cloudformation: Any, aws: Any
) -> None:
    deploy(rule("one", "two"))
    name = resource_id("Rule")
    client = aws("events")
    assert json.loads(client.describe_rule(Name=name)["EventPattern"]) == {"source": ["aws.sagemaker"]}

    deploy(rule("two", "three"))

    assert resource_id("Rule") == name
    targets = client.list_targets_by_rule(Rule=name)["Targets"]
    assert {target["Id"] for target in targets} == {"two", "three"}
    cloudformation.delete_stack(StackName="app")
    assert client.list_rules()["Rules"] == []
