"""The packs' review of small apps: open, accepted and needlessly accepted findings."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from aws_cdk import Acknowledgment, App, Stack, Validations, aws_s3, aws_sqs
from constructs import Construct

from mme_cdk._internal.acknowledgements import CONFIG_PACKS, acknowledge_config_rule
from tools.security.packs import PACKS, Acceptance, Finding, Review, review

RULE = "S3BucketReplicationEnabled"
REASON = "built elsewhere, and published again at any time"
Accept = Callable[[Construct], object]


def reviewed(accept: Accept) -> Review:
    """The review of two buckets, `S/One` and `S/OneMore`, after `accept` of the first."""

    def build(app: App) -> None:
        stack = Stack(app, "S")
        accept(aws_s3.Bucket(stack, "One"))
        aws_s3.Bucket(stack, "OneMore")

    return review(build, {})


def of_rule(findings: tuple[Finding, ...]) -> set[tuple[str, str]]:
    return {(one.pack, one.path) for one in findings if one.rule.endswith(f"-{RULE}")}


def test_an_unaccepted_finding_is_open() -> None:
    found = reviewed(lambda _: None)
    assert found.left == found.findings
    both = {"S/One/Resource", "S/OneMore/Resource"}
    assert of_rule(found.left) == {(pack, path) for pack in CONFIG_PACKS for path in both}
    assert f"HIPAA.Security-{RULE} at S/One/Resource: fix it, or acknowledge it with a reason" in (
        found.faults()
    )


def test_an_acceptance_closes_only_its_own_finding() -> None:
    found = reviewed(lambda bucket: acknowledge_config_rule(bucket, RULE, REASON))
    assert of_rule(found.left) == {(pack, "S/OneMore/Resource") for pack in CONFIG_PACKS}
    accepted = {one for one in found.findings if one not in found.left}
    assert {(one.pack, one.path) for one in accepted} == {(pack, "S/One/Resource") for pack in CONFIG_PACKS}
    assert {found.reasons(one) for one in accepted} == {(REASON,)}
    assert len(found.faults()) == len(found.left)


def test_an_acceptance_that_nothing_needs_is_a_fault() -> None:
    found = reviewed(
        lambda bucket: Validations.of(bucket).acknowledge(
            Acknowledgment(id="AwsSolutions-SQS3", reason="no queue here")
        )
    )
    assert (
        "AwsSolutions-SQS3 at S/One is acknowledged, but not found: remove the acknowledgement"
        in found.faults()
    )


def test_an_acceptance_without_a_reason_is_a_fault() -> None:
    finding = Finding(f"HIPAA.Security-{RULE}", "S/One/Resource")
    found = Review((finding,), (), (Acceptance(finding.rule, "S/One", " "),))
    assert found.faults() == [f"HIPAA.Security-{RULE} at S/One is acknowledged without a reason"]


@pytest.mark.parametrize(
    ("rule", "path", "covered"),
    [
        ("AwsSolutions-S1", "S/One", True),
        ("AwsSolutions-S1", "S/One/Resource", True),
        ("AwsSolutions-S1", "S/OneMore", False),
        ("AwsSolutions-S1", "S", False),
        ("AwsSolutions-S10", "S/One", False),
    ],
)
def test_an_acceptance_covers_its_construct_and_what_is_below(rule: str, path: str, covered: bool) -> None:
    assert Acceptance("AwsSolutions-S1", "S/One", REASON).covers(Finding(rule, path)) is covered


def test_every_pack_runs() -> None:
    """A queue without anything breaks a rule of each pack that knows queues; a bucket does of the others."""

    def build(app: App) -> None:
        stack = Stack(app, "S")
        aws_sqs.CfnQueue(stack, "Queue")
        aws_s3.CfnBucket(stack, "Bucket")

    assert {one.pack for one in review(build, {}).left} == set(PACKS)
