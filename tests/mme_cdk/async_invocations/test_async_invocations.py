"""AsyncInvocations as a template; tests/stacks/test_asynchronous.py runs the security packs on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import Duration, Stack, aws_iam, aws_kms

from mme_cdk import AsyncInvocations, EndpointBase, ModelStore, PropsError
from mme_cdk.async_invocations.handler import consumer, outcomes, request

Synth = Callable[[Stack], Any]


@pytest.fixture
def endpoint(stack: Stack) -> EndpointBase:
    return EndpointBase.from_endpoint_name(stack, "Endpoint", "ep")


@pytest.fixture
def with_models(stack: Stack, models: ModelStore) -> EndpointBase:
    return EndpointBase.from_endpoint_attributes(stack, "WithModels", endpoint_name="ep", models=models)


def test_settings_of_queue_and_consumer(stack: Stack, endpoint: EndpointBase, synth: Synth) -> None:
    """The template with the defaults is tests/snapshots/test_asynchronous."""
    AsyncInvocations(
        stack,
        "Async",
        endpoint=endpoint,
        batch_size=3,
        max_concurrency=7,
        max_attempts=4,
        timeout=Duration.seconds(100),
    )
    template = synth(stack)
    queues = [one["Properties"] for one in template.all("AWS::SQS::Queue")]
    (main,) = [one for one in queues if "RedrivePolicy" in one]
    assert main["VisibilityTimeout"] == 130
    assert main["RedrivePolicy"]["maxReceiveCount"] == 7
    function = template.one("AWS::Lambda::Function")
    assert (function["Timeout"], function["MemorySize"]) == (100, 512)
    mapping = template.one("AWS::Lambda::EventSourceMapping")
    assert mapping["BatchSize"] == 3
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 7}


def test_the_consumer_has_least_privilege(stack: Stack, endpoint: EndpointBase, synth: Synth) -> None:
    """The snapshot in tests/snapshots/test_asynchronous lists all its actions."""
    AsyncInvocations(stack, "Async", endpoint=endpoint)
    template = synth(stack)
    assert not template.one("AWS::IAM::Role").get("ManagedPolicyArns")
    everywhere = [statement for statement in template.statements() if statement["Resource"] == "*"]
    assert [one["Action"] for one in everywhere] == [["xray:PutTelemetryRecords", "xray:PutTraceSegments"]]
    (put,) = template.allowing("s3:PutObject")
    written = sorted(one["Fn::Join"][1][1] for one in put["Resource"])
    assert written == ["/async/failure/*", "/async/outcome/*", "/async/output/*"]


@pytest.mark.parametrize(
    ("grant", "allowed", "denied", "prefixes"),
    [
        ("grant_submit", {"s3:PutObject", "sqs:SendMessage"}, {"sqs:ReceiveMessage"}, {"input"}),
        (
            "grant_read_results",
            {"s3:GetObject"},
            {"s3:PutObject", "sqs:SendMessage"},
            {"output", "failure", "outcome"},
        ),
        ("grant_redrive", {"sqs:DeleteMessage", "sqs:SendMessage"}, {"s3:GetObject"}, set()),
    ],
)
def test_grants(
    stack: Stack,
    endpoint: EndpointBase,
    synth: Synth,
    grant: str,
    allowed: set[str],
    denied: set[str],
    prefixes: set[str],
) -> None:
    queue = AsyncInvocations(stack, "Async", endpoint=endpoint)
    other = Stack(stack.node.root, "Other")  # type: ignore[arg-type]
    role = aws_iam.Role(other, "Role", assumed_by=aws_iam.ServicePrincipal("ec2.amazonaws.com"))
    getattr(queue, grant)(role)
    template = synth(other)
    assert all(template.allowing(action) for action in allowed)
    assert not any(template.allowing(action) for action in denied)
    text = str(template.statements())
    assert {name for name in ("input", "output", "failure", "outcome") if f"async/{name}" in text} == prefixes
    with pytest.raises(PropsError, match=r'^Test/Async: grantee is "me"; must be a role, a user or'):
        getattr(queue, grant)("me")


def test_the_models_bucket_may_hold_the_requests(
    stack: Stack, models: ModelStore, with_models: EndpointBase, synth: Synth
) -> None:
    AsyncInvocations(stack, "Async", endpoint=with_models, bucket=models.bucket)
    assert len(synth(stack).all("AWS::S3::Bucket")) == 1


def test_a_key_of_another_account_does_not_encrypt_the_log(
    stack: Stack, endpoint: EndpointBase, synth: Synth
) -> None:
    arn = "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-0000-0000-000000000000"
    key = aws_kms.Key.from_key_arn(stack, "Key", arn)
    AsyncInvocations(stack, "Async", endpoint=endpoint, encryption_key=key)
    template = synth(stack)
    assert "KmsKeyId" not in template.one("AWS::Logs::LogGroup")
    assert not template.all("AWS::KMS::Key")


def test_client_and_handler_agree() -> None:
    """They can't share code: the handler is packaged alone, and the client never imports the constructs."""
    from mme.catalog import limits
    from mme.client.asynchronous import members, queue

    assert members.INFERENCE_ID_MAX_CHARS == request.INFERENCE_ID_MAX_CHARS
    assert members.TTL_RANGE_SECONDS == request.TTL_RANGE_SECONDS
    assert request.TIMEOUT_RANGE_SECONDS == (1, limits.INVOKE_TIMEOUT_SECONDS)
    assert request._MEMBERS | {"Body"} == members._MEMBERS
    assert consumer.PAYLOAD_MAX_BYTES == limits.PAYLOAD_MAX_BYTES
    assert set(queue._STATES) == {outcomes.COMPLETED, outcomes.FAILED, outcomes.DEAD}
