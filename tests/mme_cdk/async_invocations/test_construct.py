"""AsyncInvocations as a template."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Duration, Size, Stack, Validations, aws_iam, aws_kms, aws_s3
from cdk_nag import HIPAASecurityChecks, NIST80053R5Checks, PCIDSS321Checks, ServerlessChecks

from mme_cdk import EndpointBase, ModelBucket, ModelStore, PropsError
from mme_cdk.async_invocations import AsyncInvocations, ExchangeBucket, ExchangePrefixes
from mme_cdk.async_invocations.handler import consumer, outcomes, request

Synth = Callable[[Stack], Any]


@pytest.fixture
def endpoint(stack: Stack) -> EndpointBase:
    return EndpointBase.from_endpoint_name(stack, "Endpoint", "ep")


def test_queues(stack: Stack, endpoint: EndpointBase, synth: Synth) -> None:
    AsyncInvocations(stack, "Async", endpoint=endpoint, max_attempts=4)
    template = synth(stack)
    queues = [one["Properties"] for one in template.all("AWS::SQS::Queue")]
    (main,) = [one for one in queues if "RedrivePolicy" in one]
    (dead,) = [one for one in queues if "RedrivePolicy" not in one]
    assert main["VisibilityTimeout"] == 480
    assert main["RedrivePolicy"]["maxReceiveCount"] == 7
    assert dead["MessageRetentionPeriod"] == 14 * 86400
    key = {"Fn::GetAtt": [template.id_of("AWS::KMS::Key"), "Arn"]}
    assert main["KmsMasterKeyId"] == dead["KmsMasterKeyId"] == key
    assert template.one("AWS::KMS::Key")["EnableKeyRotation"] is True
    for policy in template.all("AWS::SQS::QueuePolicy"):
        (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
        assert statement["Effect"] == "Deny"
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_consumer(stack: Stack, endpoint: EndpointBase, synth: Synth) -> None:
    AsyncInvocations(
        stack, "Async", endpoint=endpoint, batch_size=3, max_concurrency=7, timeout=Duration.seconds(100)
    )
    template = synth(stack)
    function = template.one("AWS::Lambda::Function")
    assert (function["Runtime"], function["Handler"]) == ("python3.13", "handler.index.handler")
    assert (function["Timeout"], function["MemorySize"]) == (100, 512)
    assert function["TracingConfig"] == {"Mode": "Active"}
    variables = function["Environment"]["Variables"]
    assert variables["MME_ENDPOINT_NAME"] == "ep"
    assert variables["MME_CONSUMER"] == "async-invocations"
    mapping = template.one("AWS::Lambda::EventSourceMapping")
    assert mapping["BatchSize"] == 3
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 7}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert template.one("AWS::Logs::LogGroup")["RetentionInDays"] == 30


def test_the_consumer_may_do_this_and_no_more(stack: Stack, endpoint: EndpointBase, synth: Synth) -> None:
    AsyncInvocations(stack, "Async", endpoint=endpoint)
    template = synth(stack)
    assert not template.one("AWS::IAM::Role").get("ManagedPolicyArns")
    actions: set[str] = set()
    for statement in template.statements():
        named = statement["Action"]
        actions |= {named} if isinstance(named, str) else set(named)
        if statement["Resource"] == "*":
            assert named == ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
    assert actions == {
        "kms:Decrypt",
        "kms:Encrypt",
        "kms:GenerateDataKey*",
        "kms:ReEncrypt*",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "sagemaker:InvokeEndpoint",
        "sns:Publish",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }
    (put,) = template.allowing("s3:PutObject")
    written = sorted(one["Fn::Join"][1][1] for one in put["Resource"])
    assert written == ["/async/failure/*", "/async/outcome/*", "/async/output/*"]


def test_who_submits_may_not_read_answers(stack: Stack, endpoint: EndpointBase, synth: Synth) -> None:
    queue = AsyncInvocations(stack, "Async", endpoint=endpoint)
    other = Stack(stack.node.root, "Other")  # type: ignore[arg-type]
    role = aws_iam.Role(other, "Role", assumed_by=aws_iam.ServicePrincipal("ec2.amazonaws.com"))
    queue.grant_submit(role)
    template = synth(other)
    (objects,) = template.allowing("s3:PutObject")
    assert str(objects["Resource"]).count("async/input/*") == 1
    assert "async/output" not in str(template.statements())
    assert template.allowing("sqs:SendMessage")
    assert not template.allowing("sqs:ReceiveMessage")


def test_who_reads_answers_sends_nothing(stack: Stack, endpoint: EndpointBase, synth: Synth) -> None:
    queue = AsyncInvocations(stack, "Async", endpoint=endpoint)
    other = Stack(stack.node.root, "Other")  # type: ignore[arg-type]
    reader = aws_iam.Role(other, "Reader", assumed_by=aws_iam.ServicePrincipal("ec2.amazonaws.com"))
    queue.grant_read_results(reader)
    read = synth(other)
    assert not read.allowing("s3:PutObject")
    assert not read.allowing("sqs:SendMessage")
    assert "async/input" not in str(read.statements())


def test_who_redrives_reads_no_objects(stack: Stack, endpoint: EndpointBase, synth: Synth) -> None:
    queue = AsyncInvocations(stack, "Async", endpoint=endpoint)
    other = Stack(stack.node.root, "Other")  # type: ignore[arg-type]
    operator = aws_iam.Role(other, "Operator", assumed_by=aws_iam.ServicePrincipal("ec2.amazonaws.com"))
    queue.grant_redrive(operator)
    redrive = synth(other)
    assert redrive.allowing("sqs:DeleteMessage")
    assert redrive.allowing("sqs:SendMessage")
    assert not redrive.allowing("s3:GetObject")


@pytest.mark.parametrize(
    ("prefixes", "fault"),
    [
        ({"outputs": "models/async/"}, "prefixes.outputs models/async/ overlaps the models' prefix models/"),
        ({"failures": "models/"}, "prefixes.failures models/ overlaps the models' prefix models/"),
        ({"outcomes": "models/o/"}, "answers could be invoked as models: use a separate folder"),
        ({"outputs": "async/input/o/"}, "overlap: use separate folders"),
        ({"outputs": "async/out"}, "has no trailing slash: use async/out/"),
        ({"outputs": ""}, "prefixes.outputs is empty"),
        ({"outputs": "/x/"}, "use single slashes, none first"),
        ({"outputs": "a*/"}, "are patterns in IAM"),
    ],
)
def test_prefixes_that_cannot_be(stack: Stack, prefixes: dict[str, str], fault: str) -> None:
    models = ModelStore.from_bucket(ModelBucket(stack, "Models", access_logs=False))
    endpoint = EndpointBase.from_endpoint_attributes(stack, "Endpoint", endpoint_name="ep", models=models)
    with pytest.raises(PropsError, match=r"Test/Async: ") as raised:
        AsyncInvocations(
            stack,
            "Async",
            endpoint=endpoint,
            bucket=models.bucket,
            prefixes=ExchangePrefixes(**prefixes),
        )
    assert fault in str(raised.value)


def test_beside_the_models_is_fine(stack: Stack, synth: Synth) -> None:
    models = ModelStore.from_bucket(ModelBucket(stack, "Models", access_logs=False))
    endpoint = EndpointBase.from_endpoint_attributes(stack, "Endpoint", endpoint_name="ep", models=models)
    AsyncInvocations(stack, "Async", endpoint=endpoint, bucket=models.bucket)
    assert len(synth(stack).all("AWS::S3::Bucket")) == 1


@pytest.mark.parametrize(
    ("props", "fault"),
    [
        ({"max_concurrency": 1}, "max_concurrency is 1; it must be from 2 to 1000"),
        ({"batch_size": 11}, "batch_size is 11; it must be from 1 to 10"),
        ({"max_attempts": 0}, "max_attempts is 0; it must be from 1 to 100"),
        ({"timeout": Duration.seconds(60)}, "timeout is 60 s; it must be from 75 to 900 s"),
        (
            {"memory_size": Size.mebibytes(64)},
            "memory_size is 64 MiB; it must be whole MiB, from 128 to 10240",
        ),
        ({"reserved_concurrency": 2}, "reserved_concurrency is 2, below max_concurrency 5"),
    ],
)
def test_props_that_cannot_be(
    stack: Stack, endpoint: EndpointBase, props: dict[str, Any], fault: str
) -> None:
    with pytest.raises(PropsError, match=fault):
        AsyncInvocations(stack, "Async", endpoint=endpoint, **props)


@pytest.mark.parametrize(
    ("props", "fault"),
    [
        (
            {"endpoint": "ep"},
            r'endpoint is "ep"; .* use EndpointBase\.from_endpoint_name\(self, "Id", "ep"\)',
        ),
        ({"endpoint": "arn:aws:x"}, r".* use EndpointBase\.from_endpoint_arn\(self"),
        ({"endpoint": None}, r"endpoint is None; it must be an endpoint: give a MultiModelEndpoint"),
        ({"bucket": "mine"}, r'bucket is "mine"; it must be a bucket: use Bucket\.from_bucket_name'),
        ({"prefixes": "async/"}, r'prefixes is "async/"; it must be an ExchangePrefixes: use'),
        ({"prefixes": ExchangePrefixes(inputs=None)}, r"prefixes\.inputs is None; it must be a text"),  # type: ignore[arg-type]
        ({"encryption_key": "alias/x"}, r'encryption_key is "alias/x"; it must be a KMS key: use'),
        ({"max_concurrency": "5"}, r'max_concurrency is "5"; it must be a whole number: give 5, without'),
        ({"batch_size": 2.5}, r"batch_size is 2\.5; it must be a whole number: give 2 or 3"),
        ({"max_attempts": True}, r"max_attempts is True; it must be a whole number"),
        ({"reserved_concurrency": "9"}, r'reserved_concurrency is "9"; it must be a whole number'),
        ({"timeout": 300}, r"timeout is 300; it must be a Duration: use Duration\.seconds\(300\)"),
        ({"objects_expire_after": 30}, r"objects_expire_after is 30; it must be a Duration"),
        ({"memory_size": 1024}, r"memory_size is 1024; it must be a Size: use Size\.mebibytes\(1024\)"),
        ({"access_logs_bucket": 1}, r"access_logs_bucket is 1; it must be a bucket"),
        ({"log_retention": 7}, r"log_retention is 7; .* use RetentionDays\.ONE_WEEK"),
        ({"log_retention": None}, r"log_retention is None; it must be a RetentionDays"),
        ({"removal_policy": "retain"}, r'removal_policy is "retain"; .* use RemovalPolicy\.RETAIN$'),
    ],
)
def test_values_of_a_wrong_kind(
    stack: Stack, endpoint: EndpointBase, props: dict[str, Any], fault: str
) -> None:
    with pytest.raises(PropsError, match=rf"^Test/Async: {fault}"):
        AsyncInvocations(stack, "Async", **{"endpoint": endpoint, **props})
    # The fault left nothing behind.
    AsyncInvocations(stack, "Async", endpoint=endpoint)


def test_every_value_of_a_wrong_kind_is_named_at_once(stack: Stack) -> None:
    with pytest.raises(PropsError) as raised:
        AsyncInvocations(stack, "Async", endpoint="ep", batch_size="x", timeout=3)  # type: ignore[arg-type]
    assert [fault.split()[0] for fault in raised.value.faults] == ["endpoint", "batch_size", "timeout"]


@pytest.mark.parametrize("grant", ["grant_submit", "grant_read_results", "grant_redrive"])
def test_grantees_that_are_none(stack: Stack, endpoint: EndpointBase, grant: str) -> None:
    queue = AsyncInvocations(stack, "Async", endpoint=endpoint)
    with pytest.raises(PropsError, match=r'^Test/Async: grantee is "me"; it must be a role, a user or'):
        getattr(queue, grant)("me")


@pytest.mark.parametrize(
    ("arn", "fault"),
    [
        ("arn:aws:sagemaker:us-west-2:111122223333:endpoint/ep", "the endpoint is in region us-west-2 and"),
        ("arn:aws:sagemaker:eu-west-1:444455556666:endpoint/ep", "the endpoint is in account 444455556666"),
    ],
)
def test_an_endpoint_elsewhere_would_not_be_found(placed: Stack, arn: str, fault: str) -> None:
    far = EndpointBase.from_endpoint_arn(placed, "Far", arn)
    with pytest.raises(PropsError, match=fault):
        AsyncInvocations(placed, "Async", endpoint=far)


@pytest.mark.parametrize(
    ("props", "fault"),
    [
        ({"encryption_key": "alias/x"}, r'encryption_key is "alias/x"; it must be a KMS key'),
        ({"expire_after": 30}, r"expire_after is 30; it must be a Duration"),
        (
            {"expire_after": Duration.hours(500)},
            r"expire_after is 20\.8333 days; it must be whole days, at least 15",
        ),
        ({"removal_policy": None}, r"removal_policy is None; it must be a RemovalPolicy"),
    ],
)
def test_exchange_buckets_that_cannot_be(stack: Stack, props: dict[str, Any], fault: str) -> None:
    settings = {"encryption_key": aws_kms.Key(stack, "Key"), **props}
    with pytest.raises(PropsError, match=rf"^Test/Bucket: {fault}"):
        ExchangeBucket(stack, "Bucket", **settings)


def test_settings_of_a_bucket_that_is_not_made_here(stack: Stack, endpoint: EndpointBase) -> None:
    bucket = aws_s3.Bucket.from_bucket_name(stack, "Mine", "mine")
    with pytest.raises(PropsError, match="apply to the default bucket: set them on your bucket"):
        AsyncInvocations(
            stack, "Async", endpoint=endpoint, bucket=bucket, objects_expire_after=Duration.days(20)
        )


def test_objects_outlive_dead_letters(stack: Stack) -> None:
    with pytest.raises(
        PropsError, match="expire_after is 14 days; it must be whole days, at least 15, as the dead"
    ):
        ExchangeBucket(
            stack, "Bucket", encryption_key=aws_kms.Key(stack, "Key"), expire_after=Duration.days(14)
        )


def test_a_key_of_another_account_leaves_the_log_to_aws(
    stack: Stack, endpoint: EndpointBase, synth: Synth
) -> None:
    arn = "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-0000-0000-000000000000"
    key = aws_kms.Key.from_key_arn(stack, "Key", arn)
    AsyncInvocations(stack, "Async", endpoint=endpoint, encryption_key=key)
    template = synth(stack)
    assert "KmsKeyId" not in template.one("AWS::Logs::LogGroup")
    assert not template.all("AWS::KMS::Key")


def test_the_security_packs_find_nothing(
    app: App, stack: Stack, endpoint: EndpointBase, findings: Callable[[], list[str]]
) -> None:
    AsyncInvocations(stack, "Async", endpoint=endpoint)
    aws_s3.Bucket(stack, "Control")
    for pack in (HIPAASecurityChecks, NIST80053R5Checks, PCIDSS321Checks, ServerlessChecks):
        Validations.of(app).add_plugins(pack(app))
    assert "AwsSolutions-S10" in findings()
    report = json.loads((Path(app.outdir) / "validation-report.json").read_text("utf-8"))
    violations = [
        (check["pluginName"], one["ruleName"], where["constructPath"])
        for check in report["pluginReports"]
        for one in check["violations"]
        for where in one["violatingConstructs"]
    ]
    assert {plugin for plugin, _, _ in violations} >= {"AwsSolutions", "HIPAA.Security", "PCI.DSS.321"}
    assert [one for one in violations if "Test/Async" in one[2]] == []


def test_checkov_is_told_each_exception_with_its_reason(
    stack: Stack, endpoint: EndpointBase, synth: Synth
) -> None:
    AsyncInvocations(stack, "Async", endpoint=endpoint)
    template = synth(stack)
    told = {
        (kind, skipped["id"]): skipped["comment"]
        for kind in ("AWS::S3::Bucket", "AWS::Lambda::Function")
        for found in template.all(kind)
        for skipped in found.get("Metadata", {}).get("checkov", {}).get("skip", [])
    }
    # What checkov 3 finds in the template without its metadata.
    assert set(told) == {
        ("AWS::S3::Bucket", "CKV_AWS_18"),
        ("AWS::S3::Bucket", "CKV_AWS_21"),
        ("AWS::Lambda::Function", "CKV_AWS_115"),
        ("AWS::Lambda::Function", "CKV_AWS_116"),
        ("AWS::Lambda::Function", "CKV_AWS_117"),
    }
    assert all(len(reason) > 20 for reason in told.values())


def test_the_toolkit_and_the_handler_speak_alike() -> None:
    """They can't share code: one runs in a function, the other never loads the constructs."""
    from mme.catalog import limits
    from mme.client.asynchronous import members, queue

    assert members.INFERENCE_ID_MAX_CHARS == request.INFERENCE_ID_MAX_CHARS
    assert members.TTL_RANGE_SECONDS == request.TTL_RANGE_SECONDS
    assert request.TIMEOUT_RANGE_SECONDS == (1, limits.INVOKE_TIMEOUT_SECONDS)
    assert request._MEMBERS | {"Body"} == members._MEMBERS
    assert consumer.PAYLOAD_MAX_BYTES == limits.PAYLOAD_MAX_BYTES
    assert set(queue._STATES) == {outcomes.COMPLETED, outcomes.FAILED, outcomes.DEAD}
