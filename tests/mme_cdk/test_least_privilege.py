"""Requests that the synthesized policies allow or deny, by the policy evaluator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, aws_iam, aws_kms
from aws_cdk.assertions import Template

from mme_cdk import ModelBucket, ModelStore, MultiModelEndpoint, ServingImage
from tests.mme_cdk.role_policies import RolePolicies

HERE = "eu-west-1:111122223333"
BUCKET = "arn:aws:s3:::the-models"
OTHER_BUCKET = "arn:aws:s3:::the-models-2"
KEY = f"arn:aws:kms:{HERE}:key/ours"
OTHER_KEY = f"arn:aws:kms:{HERE}:key/theirs"
REPOSITORY = "arn:aws:ecr:eu-west-1:763104351884:repository/sagemaker-tritonserver"
OWN_REPOSITORY = f"arn:aws:ecr:{HERE}:repository/mine"
LOGS = f"arn:aws:logs:{HERE}:log-group:/aws/sagemaker/Endpoints"
GROUP = f"{LOGS}/mine"
STREAM = f"{GROUP}:log-stream:AllTraffic/i-0123456789"
ENDPOINT = f"arn:aws:sagemaker:{HERE}:endpoint/mine"
ROLE = f"arn:aws:iam::{HERE.split(':')[1]}:role"

LIST = "s3:ListBucket"
METRICS = "cloudwatch:PutMetricData"
INVOKE = "sagemaker:InvokeEndpoint"
NAMESPACE = "cloudwatch:namespace"
TARGET = "sagemaker:TargetModel"

Request = tuple[str, str, dict[str, str]]


def requests(*rows: Request) -> Any:
    """One test a request, named after it."""
    return pytest.mark.parametrize("request_", [pytest.param(row, id=_words(row)) for row in rows])


def _words(row: Request) -> str:
    action, resource, context = row
    return " ".join([action, resource.split(":", 2)[2] if ":" in resource else resource, *context.values()])


@pytest.fixture(scope="module")
def roles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RolePolicies]:
    """The execution role, two tenants' roles and everyone's, of one stack with a key of its own."""
    content = json.loads((Path(__file__).parents[2] / "cdk.json").read_text("utf-8"))
    app = App(
        context=content["context"],
        outdir=str(tmp_path_factory.mktemp("out")),
        analytics_reporting=False,
    )
    region, account = HERE.split(":")
    stack = Stack(app, "Test", env=Environment(account=account, region=region))
    key = aws_kms.Key(stack, "Key")
    bucket = ModelBucket(stack, "Models", encryption_key=key, access_logs=False)
    endpoint = MultiModelEndpoint(
        stack,
        "Endpoint",
        image=ServingImage.triton("26.05"),
        models=ModelStore.from_bucket(bucket),
        instance_type="ml.g5.xlarge",
        endpoint_name="mine",
    )
    people = {
        name: aws_iam.Role(stack, name, assumed_by=aws_iam.AccountRootPrincipal())
        for name in ("Tenant", "Publisher", "Caller")
    }
    endpoint.grant_invoke_model(people["Tenant"], "tenant-a/*")
    endpoint.grant_publish_models(people["Publisher"], prefix="tenant-a/")
    endpoint.grant_invoke(people["Caller"])
    template = Template.from_stack(stack).to_json()
    values = {
        "AWS::Partition": "aws",
        f"{_id_of(stack, bucket.node.default_child)}.Arn": BUCKET,
        f"{_id_of(stack, key.node.default_child)}.Arn": KEY,
    }
    (model,) = (
        found["Properties"]
        for found in template["Resources"].values()
        if found["Type"] == "AWS::SageMaker::Model"
    )
    ids = {name: _id_of(stack, role.node.default_child) for name, role in people.items()}
    ids["Execution"] = model["ExecutionRoleArn"]["Fn::GetAtt"][0]
    return {name: RolePolicies(template, id, values) for name, id in ids.items()}


def _id_of(stack: Stack, element: Any) -> str:
    return str(stack.resolve(element.logical_id))


@requests(
    ("s3:GetObject", f"{BUCKET}/models/x_v0.tar.gz", {}),
    ("s3:GetObject", f"{BUCKET}/models/tenant-a/x_v0.tar.gz", {}),
    (LIST, BUCKET, {"s3:prefix": "models/"}),
    (LIST, BUCKET, {"s3:prefix": "models/tenant-a/"}),
    ("kms:Decrypt", KEY, {}),
    ("ecr:GetAuthorizationToken", "*", {}),
    ("ecr:BatchCheckLayerAvailability", REPOSITORY, {}),
    ("ecr:GetDownloadUrlForLayer", REPOSITORY, {}),
    ("ecr:BatchGetImage", REPOSITORY, {}),
    ("logs:CreateLogGroup", GROUP, {}),
    ("logs:DescribeLogStreams", GROUP, {}),
    ("logs:CreateLogStream", STREAM, {}),
    ("logs:PutLogEvents", STREAM, {}),
    (METRICS, "*", {NAMESPACE: "AWS/SageMaker"}),
    (METRICS, "*", {NAMESPACE: "/aws/sagemaker/Endpoints"}),
)
def test_the_execution_role_may(request_: Request, roles: dict[str, RolePolicies]) -> None:
    assert roles["Execution"].allow(*request_)


@requests(
    # other keys of the bucket, other buckets
    ("s3:GetObject", f"{BUCKET}/secret.txt", {}),
    ("s3:GetObject", f"{BUCKET}/models", {}),
    ("s3:GetObject", f"{BUCKET}/models-old/x.tar.gz", {}),
    ("s3:GetObject", f"{BUCKET}/other/models/x.tar.gz", {}),
    ("s3:GetObject", f"{OTHER_BUCKET}/models/x.tar.gz", {}),
    (LIST, BUCKET, {}),
    (LIST, BUCKET, {"s3:prefix": ""}),
    (LIST, BUCKET, {"s3:prefix": "secret/"}),
    (LIST, BUCKET, {"s3:prefix": "models-old/"}),
    (LIST, OTHER_BUCKET, {"s3:prefix": "models/"}),
    ("s3:ListAllMyBuckets", "*", {}),
    ("s3:ListBucketVersions", BUCKET, {"s3:prefix": "models/"}),
    ("s3:GetObjectVersion", f"{BUCKET}/models/x.tar.gz", {}),
    # writes and deletes
    ("s3:PutObject", f"{BUCKET}/models/x.tar.gz", {}),
    ("s3:PutObjectAcl", f"{BUCKET}/models/x.tar.gz", {}),
    ("s3:DeleteObject", f"{BUCKET}/models/x.tar.gz", {}),
    ("s3:DeleteObjectVersion", f"{BUCKET}/models/x.tar.gz", {}),
    ("s3:AbortMultipartUpload", f"{BUCKET}/models/x.tar.gz", {}),
    ("s3:PutBucketPolicy", BUCKET, {}),
    ("s3:DeleteBucket", BUCKET, {}),
    # keys
    ("kms:Decrypt", OTHER_KEY, {}),
    ("kms:Encrypt", KEY, {}),
    ("kms:GenerateDataKey", KEY, {}),
    ("kms:CreateGrant", KEY, {}),
    ("kms:PutKeyPolicy", KEY, {}),
    # images
    ("ecr:BatchGetImage", OWN_REPOSITORY, {}),
    ("ecr:BatchGetImage", REPOSITORY.replace("eu-west-1", "us-east-1"), {}),
    ("ecr:BatchGetImage", REPOSITORY.replace("763104351884", "444455556666"), {}),
    ("ecr:GetDownloadUrlForLayer", f"{REPOSITORY}-2", {}),
    ("ecr:PutImage", REPOSITORY, {}),
    # logs
    ("logs:CreateLogGroup", f"{LOGS}/other", {}),
    ("logs:PutLogEvents", f"{LOGS}/other:log-stream:AllTraffic/i-0", {}),
    ("logs:PutLogEvents", f"{GROUP}-2:log-stream:AllTraffic/i-0", {}),
    ("logs:PutLogEvents", STREAM.replace("111122223333", "444455556666"), {}),
    ("logs:GetLogEvents", STREAM, {}),
    ("logs:DeleteLogGroup", GROUP, {}),
    ("logs:PutRetentionPolicy", GROUP, {}),
    # metrics
    (METRICS, "*", {}),
    (METRICS, "*", {NAMESPACE: "AWS/EC2"}),
    (METRICS, "*", {NAMESPACE: "AWS/SageMaker2"}),
    ("cloudwatch:GetMetricData", "*", {}),
    # other roles and services
    ("iam:PassRole", f"{ROLE}/Admin", {"iam:PassedToService": "sagemaker.amazonaws.com"}),
    ("iam:CreateRole", f"{ROLE}/New", {}),
    ("sts:AssumeRole", f"{ROLE}/Admin", {}),
    (INVOKE, ENDPOINT, {TARGET: "x.tar.gz"}),
    ("sagemaker:InvokeEndpoint", f"{ENDPOINT}-2", {}),
    ("sagemaker:CreateModel", f"arn:aws:sagemaker:{HERE}:model/x", {}),
    ("sagemaker:DeleteEndpoint", ENDPOINT, {}),
    ("ec2:CreateNetworkInterface", "*", {}),
    ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{HERE}:secret:x", {}),
    ("lambda:InvokeFunction", f"arn:aws:lambda:{HERE}:function:x", {}),
)
def test_the_execution_role_may_not(request_: Request, roles: dict[str, RolePolicies]) -> None:
    assert not roles["Execution"].allow(*request_)


@requests(
    (INVOKE, ENDPOINT, {TARGET: "tenant-a/x_v0.tar.gz"}),
    (INVOKE, ENDPOINT, {TARGET: "tenant-a/nested/x_v0.tar.gz"}),
)
def test_a_tenant_may(request_: Request, roles: dict[str, RolePolicies]) -> None:
    assert roles["Tenant"].allow(*request_)


@requests(
    (INVOKE, ENDPOINT, {}),
    (INVOKE, ENDPOINT, {TARGET: "x_v0.tar.gz"}),
    (INVOKE, ENDPOINT, {TARGET: "tenant-b/x_v0.tar.gz"}),
    (INVOKE, ENDPOINT, {TARGET: "tenant-a-2/x_v0.tar.gz"}),
    (INVOKE, ENDPOINT, {TARGET: "Tenant-A/x_v0.tar.gz"}),
    (INVOKE, ENDPOINT, {TARGET: "other/tenant-a/x_v0.tar.gz"}),
    (INVOKE, f"{ENDPOINT}-2", {TARGET: "tenant-a/x_v0.tar.gz"}),
    (INVOKE, ENDPOINT.replace("eu-west-1", "us-east-1"), {TARGET: "tenant-a/x_v0.tar.gz"}),
    ("sagemaker:InvokeEndpointAsync", ENDPOINT, {TARGET: "tenant-a/x_v0.tar.gz"}),
    ("sagemaker:DescribeEndpoint", ENDPOINT, {}),
    ("sagemaker:DeleteEndpoint", ENDPOINT, {}),
    ("s3:GetObject", f"{BUCKET}/models/tenant-a/x_v0.tar.gz", {}),
    ("kms:Decrypt", KEY, {}),
)
def test_a_tenant_may_not(request_: Request, roles: dict[str, RolePolicies]) -> None:
    assert not roles["Tenant"].allow(*request_)


@requests(
    ("s3:PutObject", f"{BUCKET}/models/tenant-a/x.tar.gz", {}),
    ("s3:GetObject", f"{BUCKET}/models/tenant-a/x.tar.gz", {}),
    ("s3:DeleteObject", f"{BUCKET}/models/tenant-a/x.tar.gz", {}),
    ("s3:AbortMultipartUpload", f"{BUCKET}/models/tenant-a/x.tar.gz", {}),
    (LIST, BUCKET, {"s3:prefix": "models/tenant-a/"}),
    (LIST, BUCKET, {"s3:prefix": ".mme/models/@removed/tenant-a/x_v"}),
    ("s3:PutObject", f"{BUCKET}/.mme/models/@removed/tenant-a/x_v0", {}),
    ("s3:GetObject", f"{BUCKET}/.mme/models/@aliases/tenant-a/x@prod.json", {}),
    ("s3:PutObject", f"{BUCKET}/.mme/models/@aliases/tenant-a/x@prod.json", {}),
    ("kms:GenerateDataKey", KEY, {}),
    ("kms:Decrypt", KEY, {}),
)
def test_a_publisher_may(request_: Request, roles: dict[str, RolePolicies]) -> None:
    assert roles["Publisher"].allow(*request_)


@requests(
    ("s3:PutObject", f"{BUCKET}/models/x.tar.gz", {}),
    ("s3:PutObject", f"{BUCKET}/models/tenant-b/x.tar.gz", {}),
    ("s3:PutObject", f"{BUCKET}/models/tenant-a-2/x.tar.gz", {}),
    ("s3:PutObject", f"{BUCKET}/tenant-a/x.tar.gz", {}),
    ("s3:PutObject", f"{OTHER_BUCKET}/models/tenant-a/x.tar.gz", {}),
    ("s3:GetObject", f"{BUCKET}/models/tenant-b/x.tar.gz", {}),
    ("s3:DeleteObject", f"{BUCKET}/models/tenant-b/x.tar.gz", {}),
    ("s3:DeleteObjectVersion", f"{BUCKET}/models/tenant-a/x.tar.gz", {}),
    (LIST, BUCKET, {}),
    (LIST, BUCKET, {"s3:prefix": "models/"}),
    (LIST, BUCKET, {"s3:prefix": "models/tenant-b/"}),
    (LIST, BUCKET, {"s3:prefix": ".mme/models/@removed/"}),
    ("s3:PutObject", f"{BUCKET}/.mme/models/@aliases/tenant-b/x@prod.json", {}),
    ("s3:PutObject", f"{BUCKET}/.mme/models/@aliases/x@prod.json", {}),
    ("s3:DeleteObject", f"{BUCKET}/.mme/models/@removed/tenant-a/x_v0", {}),
    ("kms:GenerateDataKey", OTHER_KEY, {}),
    ("kms:Encrypt", KEY, {}),
    ("kms:ReEncryptFrom", KEY, {}),
    ("kms:GenerateDataKeyWithoutPlaintext", KEY, {}),
    ("kms:ScheduleKeyDeletion", KEY, {}),
    (INVOKE, ENDPOINT, {TARGET: "tenant-a/x.tar.gz"}),
)
def test_a_publisher_may_not(request_: Request, roles: dict[str, RolePolicies]) -> None:
    assert not roles["Publisher"].allow(*request_)


def test_a_caller_of_every_model_has_one_endpoint(roles: dict[str, RolePolicies]) -> None:
    assert roles["Caller"].allow(INVOKE, ENDPOINT, {TARGET: "tenant-b/x.tar.gz"})
    assert not roles["Caller"].allow(INVOKE, f"{ENDPOINT}-2", {TARGET: "tenant-b/x.tar.gz"})
