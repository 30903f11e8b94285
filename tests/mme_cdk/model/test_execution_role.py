from __future__ import annotations

from aws_cdk import Stack, aws_iam

from mme_cdk import ExecutionRole


def test_only_sagemaker_of_this_account_and_region_assumes_it(placed: Stack, synth) -> None:
    ExecutionRole(placed, "Role")
    (trust,) = synth(placed).one("AWS::IAM::Role")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": "111122223333"}
    assert trust["Condition"]["ArnLike"] == {"aws:SourceArn": "arn:aws:sagemaker:eu-west-1:111122223333:*"}


def test_logs_of_one_endpoint(placed: Stack, synth) -> None:
    ExecutionRole(placed, "Role", endpoint_name="mine")
    (logs,) = synth(placed).allowing("logs:PutLogEvents")
    group = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/sagemaker/Endpoints/mine"
    assert logs["Resource"] == [group, f"{group}:*"]


def test_metrics_are_bound_to_sagemakers_namespaces(stack: Stack, synth) -> None:
    ExecutionRole(stack, "Role")
    (metrics,) = synth(stack).allowing("cloudwatch:PutMetricData")
    assert metrics["Condition"] == {
        "StringEquals": {"cloudwatch:namespace": ["AWS/SageMaker", "/aws/sagemaker/Endpoints"]}
    }


def test_nothing_else(stack: Stack, synth) -> None:
    ExecutionRole(stack, "Role")
    template = synth(stack)
    assert len(template.statements()) == 2
    assert "ManagedPolicyArns" not in template.one("AWS::IAM::Role")


def test_permissions_boundary(stack: Stack, synth) -> None:
    boundary = aws_iam.ManagedPolicy.from_aws_managed_policy_name("PowerUserAccess")
    ExecutionRole(stack, "Role", permissions_boundary=boundary, description="for tests")
    role = synth(stack).one("AWS::IAM::Role")
    assert "PermissionsBoundary" in role
    assert role["Description"] == "for tests"
