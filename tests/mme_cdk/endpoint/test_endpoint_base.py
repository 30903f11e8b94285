from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import (
    App,
    Environment,
    Stack,
    Token,
    aws_cloudwatch,
    aws_events_targets,
    aws_iam,
    aws_s3,
    aws_sqs,
)
from aws_cdk.assertions import Annotations, Match

from mme_cdk import (
    Endpoint,
    EndpointBase,
    ModelBucket,
    ModelStore,
    MultiModelEndpoint,
    PropsError,
    ServingImage,
)

ARN = "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/mine"
RULE = "AWS::Events::Rule"


def role_in(scope: Stack, **props: Any) -> aws_iam.Role:
    return aws_iam.Role(scope, "Caller", assumed_by=aws_iam.AccountRootPrincipal(), **props)


@pytest.fixture
def endpoint(stack: Stack, models: ModelStore) -> MultiModelEndpoint:
    return MultiModelEndpoint(
        stack,
        "Endpoint",
        image=ServingImage.triton("26.05"),
        models=models,
        instance_type="ml.g5.xlarge",
        endpoint_name="mine",
    )


# --- grants


def test_grant_describe(stack: Stack, endpoint: MultiModelEndpoint, synth) -> None:
    endpoint.grant_describe(role_in(stack))
    (statement,) = synth(stack).allowing("sagemaker:DescribeEndpoint")
    assert statement["Action"] == "sagemaker:DescribeEndpoint"
    assert statement["Resource"]["Fn::Join"][1][-1] == ":endpoint/mine"


def test_grant(stack: Stack, endpoint: MultiModelEndpoint, synth) -> None:
    endpoint.grant(role_in(stack), "sagemaker:UpdateEndpointWeightsAndCapacities", "sagemaker:ListTags")
    (statement,) = synth(stack).allowing("sagemaker:ListTags")
    assert sorted(statement["Action"]) == [
        "sagemaker:ListTags",
        "sagemaker:UpdateEndpointWeightsAndCapacities",
    ]


def test_grants_that_would_allow_nothing(stack: Stack, endpoint: MultiModelEndpoint) -> None:
    role = role_in(stack)
    with pytest.raises(PropsError, match=r"no action was given; the grant would allow nothing: name one"):
        endpoint.grant(role)
    with pytest.raises(PropsError, match=r'"InvokeEndpoint" is not an IAM action: write SERVICE:ACTION'):
        endpoint.grant(role, "InvokeEndpoint")


def test_grant_publish_models_under_a_tenants_prefix(
    stack: Stack, endpoint: MultiModelEndpoint, synth, findings: Callable
) -> None:
    endpoint.grant_publish_models(role_in(stack), prefix="tenant-a/")
    template = synth(stack)
    (write,) = template.allowing("s3:DeleteObject")
    assert write["Resource"]["Fn::Join"][1][-1] == "/models/tenant-a/*"
    (listing,) = [
        statement
        for statement in template.allowing("s3:ListBucket")
        if "models/tenant-a/" in str(statement["Condition"])
    ]
    patterns = listing["Condition"]["StringLike"]["s3:prefix"]
    assert patterns[:2] == ["models/tenant-a/", "models/tenant-a/*"]
    assert all("tenant-a/" in pattern for pattern in patterns)
    assert findings() == []


def test_grant_read_models(stack: Stack, endpoint: MultiModelEndpoint, synth, findings: Callable) -> None:
    role = role_in(stack)
    endpoint.grant_read_models(role)
    name = stack.resolve(role.role_name)
    (policy,) = [
        policy for policy in synth(stack).all("AWS::IAM::Policy") if policy["Properties"]["Roles"] == [name]
    ]
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    assert [statement["Action"] for statement in statements] == ["s3:GetObject", "s3:ListBucket"]
    assert findings() == []


def test_grant_resolve_aliases(stack: Stack, endpoint: MultiModelEndpoint, synth, findings: Callable) -> None:
    endpoint.grant_resolve_aliases(role_in(stack), prefix="tenant-a/")
    (listing,) = [
        statement
        for statement in synth(stack).allowing("s3:ListBucket")
        if "@aliases" in str(statement["Condition"])
    ]
    assert listing["Condition"]["StringLike"]["s3:prefix"][0] == ".mme/models/@aliases/tenant-a/"
    assert findings() == []


# --- imports


def test_by_name(stack: Stack, synth) -> None:
    imported = MultiModelEndpoint.from_endpoint_name(stack, "Imported", "Mine")
    imported.grant_invoke_model(role_in(stack), "tenant-a/*")
    (statement,) = synth(stack).allowing("sagemaker:InvokeEndpoint")
    assert statement["Resource"]["Fn::Join"][1][-1] == ":endpoint/mine"
    assert imported.metric_invocations().dimensions == {
        "EndpointName": "Mine",
        "VariantName": "AllTraffic",
    }


def test_by_arn(stack: Stack, synth) -> None:
    imported = Endpoint.from_endpoint_arn(stack, "Imported", ARN)
    assert (imported.endpoint_name, imported.endpoint_arn) == ("mine", ARN)
    imported.grant_invoke(role_in(stack))
    (statement,) = synth(stack).allowing("sagemaker:InvokeEndpoint")
    assert statement["Resource"] == ARN


def test_by_an_arn_known_only_at_deployment(stack: Stack, synth) -> None:
    imported = EndpointBase.from_endpoint_arn(stack, "Imported", Token.as_string({"Ref": "Arn"}))
    imported.grant_invoke(role_in(stack))
    imported.on_deployment_state_change("Moved")
    metric = imported.metric_model_latency()
    aws_cloudwatch.Alarm(stack, "Slow", metric=metric, threshold=1, evaluation_periods=1)
    template = synth(stack)
    (statement,) = template.allowing("sagemaker:InvokeEndpoint")
    assert statement["Resource"] == {"Ref": "Arn"}
    name = template.one("AWS::CloudWatch::Alarm")["Dimensions"][0]["Value"]
    assert name == {
        "Fn::Select": [1, {"Fn::Split": ["/", {"Fn::Select": [5, {"Fn::Split": [":", {"Ref": "Arn"}]}]}]}]
    }


def test_by_attributes(stack: Stack, models: ModelStore, synth, findings: Callable) -> None:
    imported = EndpointBase.from_endpoint_attributes(
        stack, "Imported", endpoint_name="Mine", endpoint_arn=ARN, variant_name="blue", models=models
    )
    assert imported.metric_invocations().dimensions == {"EndpointName": "Mine", "VariantName": "blue"}
    imported.grant_publish_models(role_in(stack), prefix="tenant-a/")
    (write,) = synth(stack).allowing("s3:DeleteObject")
    assert write["Resource"]["Fn::Join"][1][-1] == "/models/tenant-a/*"
    assert findings() == []


@pytest.mark.parametrize("method", ["grant_publish_models", "grant_read_models", "grant_resolve_aliases"])
def test_an_import_without_models(stack: Stack, method: str) -> None:
    imported = EndpointBase.from_endpoint_name(stack, "Imported", "mine")
    with pytest.raises(
        PropsError, match=r"^Test/Imported: .* was imported without models: use from_endpoint_attr"
    ):
        getattr(imported, method)(role_in(stack))


@pytest.mark.parametrize(
    ("attributes", "fault"),
    [
        ({}, r"^Test/Imported: neither endpoint_name nor endpoint_arn is given"),
        ({"endpoint_arn": "arn:aws:s3:::bucket"}, r"arn:aws:s3:::bucket is not an endpoint's ARN: use arn:"),
        ({"endpoint_arn": ARN, "endpoint_name": "other"}, r"endpoint_name other is not the name in arn:aws"),
        ({"endpoint_name": "no_good"}, r"endpoint_name no_good is not valid"),
    ],
)
def test_faults_of_an_import(stack: Stack, attributes: dict[str, str], fault: str) -> None:
    with pytest.raises(PropsError, match=fault):
        EndpointBase.from_endpoint_attributes(stack, "Imported", **attributes)


def test_metrics_of_an_import_from_afar(app: App, synth) -> None:
    here = Stack(app, "Here", env=Environment(account="444455556666", region="us-east-1"))
    metric = EndpointBase.from_endpoint_arn(here, "Imported", ARN).metric_invocations()
    widget = aws_cloudwatch.GraphWidget(left=[metric])
    aws_cloudwatch.Dashboard(here, "Dashboard", widgets=[[widget]])
    body = str(synth(here).one("AWS::CloudWatch::Dashboard")["DashboardBody"])
    assert '"region":"eu-west-1"' in body
    assert '"accountId":"111122223333"' in body


def test_metrics_of_an_import_at_home(placed: Stack, synth) -> None:
    metric = EndpointBase.from_endpoint_arn(placed, "Imported", ARN).metric_invocations()
    aws_cloudwatch.Alarm(placed, "Quiet", metric=metric, threshold=1, evaluation_periods=1)
    alarm = synth(placed).one("AWS::CloudWatch::Alarm")
    assert alarm["MetricName"] == "Invocations"
    assert "Metrics" not in alarm


# --- other stacks, regions, accounts


def test_a_caller_in_another_stack_needs_no_export(
    app: App, stack: Stack, endpoint: MultiModelEndpoint, synth
) -> None:
    callers = Stack(app, "Callers")
    endpoint.grant_invoke(role_in(callers))
    (statement,) = synth(callers).allowing("sagemaker:InvokeEndpoint")
    assert "ImportValue" not in str(statement)
    assert "Outputs" not in synth(stack).template


def test_a_caller_in_another_region(app: App, placed: Stack, synth) -> None:
    bucket = aws_s3.Bucket.from_bucket_name(placed, "Bucket", "the-bucket")
    endpoint = MultiModelEndpoint(
        placed,
        "Endpoint",
        image=ServingImage.triton("26.05"),
        models=ModelStore.from_bucket(bucket),
        instance_type="ml.g5.xlarge",
        endpoint_name="mine",
    )
    callers = Stack(app, "Callers", env=Environment(account="111122223333", region="us-east-1"))
    endpoint.grant_invoke(role_in(callers))
    (statement,) = synth(callers).allowing("sagemaker:InvokeEndpoint")
    # The endpoint's region, not the caller's.
    assert "sagemaker:eu-west-1:111122223333:endpoint/mine" in str(statement["Resource"])
    assert Annotations.from_stack(placed).find_warning("*", Match.string_like_regexp("policy")) == []


def test_a_caller_in_another_account_is_warned_of(app: App, placed: Stack) -> None:
    imported = EndpointBase.from_endpoint_arn(placed, "Imported", ARN)
    other = Stack(app, "Other", env=Environment(account="444455556666", region="eu-west-1"))
    imported.grant_invoke(role_in(other))
    Annotations.from_stack(placed).has_warning(
        "/Placed/Imported", Match.string_like_regexp("no resource policy.*let it assume a role")
    )


def test_a_publisher_in_another_account(app: App, synth) -> None:
    place = Environment(account="111122223333", region="eu-west-1")
    store = Stack(app, "Store", env=place)
    bucket = ModelBucket(store, "Models", access_logs=False)
    imported = EndpointBase.from_endpoint_attributes(
        store, "Imported", endpoint_arn=ARN, models=ModelStore.from_bucket(bucket)
    )
    publisher = aws_iam.Role.from_role_arn(store, "Publisher", "arn:aws:iam::444455556666:role/publisher")
    imported.grant_publish_models(publisher, prefix="tenant-a/")
    policy = synth(store).one("AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
    (write,) = [statement for statement in policy if "s3:AbortMultipartUpload" in statement["Action"]]
    assert write["Principal"] == {"AWS": "arn:aws:iam::444455556666:role/publisher"}
    assert write["Resource"]["Fn::Join"][1][-1] == "/models/tenant-a/*"


# --- events


def test_on_deployment_state_change(
    stack: Stack, endpoint: MultiModelEndpoint, synth, findings: Callable
) -> None:
    queue = aws_sqs.Queue(stack, "Queue", enforce_ssl=True)
    rule = endpoint.on_deployment_state_change(
        "Moved", target=aws_events_targets.SqsQueue(queue), description="deployments of mine"
    )
    assert rule.node.path == "Test/Endpoint/Moved"
    properties = synth(stack).one(RULE)
    assert properties["EventPattern"] == {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Endpoint Deployment State Change"],
        "detail": {"EndpointName": [{"equals-ignore-case": "mine"}]},
    }
    assert properties["Description"] == "deployments of mine"
    assert len(properties["Targets"]) == 1
    assert [finding for finding in findings() if "SQS" not in finding] == []


def test_events_of_an_endpoint_elsewhere(placed: Stack) -> None:
    arn = ARN.replace("eu-west-1", "us-east-1")
    imported = EndpointBase.from_endpoint_arn(placed, "Imported", arn)
    with pytest.raises(PropsError, match=r"is in region us-east-1 and the rule in eu-west-1"):
        imported.on_deployment_state_change("Moved")
