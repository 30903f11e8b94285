"""What a deployment takes from a role, renamed scaling policies, and the account's quotas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mme.operate.preflight import Effect, PreflightReport
from mme.operate.preflight.quota_checks import QuotaRoom
from mme.operate.quotas import Quota

Check = Callable[..., PreflightReport]
Document = Callable[..., dict[str, Any]]
TYPE = "ml.m5.xlarge"


def found(report: PreflightReport, code: str) -> list[Any]:
    return [finding for finding in report.findings if finding.code == code]


def with_policy(template: dict[str, Any], id: str, prefix: str) -> dict[str, Any]:
    """Move the role's rights into a policy with this logical id."""
    resources = template["Resources"]
    resources["Role"]["Properties"].pop("Policies")
    statement = {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::models/{prefix}*", "arn:aws:s3:::models"],
    }
    resources[id] = {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {"Roles": [{"Ref": "Role"}], "PolicyDocument": {"Statement": [statement]}},
    }
    return template


@pytest.mark.parametrize(
    ("after_id", "prefix", "code"),
    [
        ("Rights", "new/", "rights-removed-early"),
        ("RightsNext", "new/", "rights-removed"),
        ("RightsNext", "", None),  # all of the bucket includes the old prefix
        ("Rights", "models/", None),
    ],
)
def test_rights_of_the_old_prefix(
    check: Check, document: Document, after_id: str, prefix: str, code: str | None
) -> None:
    before = with_policy(document(), "Rights", "models/")
    after = with_policy(document(prefix=prefix or "new/"), after_id, prefix)
    report = check(before, after)
    reported = {one.code: one for one in report.findings if one.code.startswith("rights")}
    assert list(reported) == ([code] if code else [])
    if code:
        assert "loses s3:GetObject, s3:ListBucket on arn:aws:s3:::models/models/*" in reported[code].message
        assert reported[code].effect is (Effect.WARNING if code.endswith("early") else Effect.NOTE)


def test_rights_of_an_endpoint_that_does_not_move_are_a_note(check: Check, document: Document) -> None:
    before = with_policy(document(), "Rights", "models/")
    report = check(before, with_policy(document(), "Rights", "new/"))
    (finding,) = found(report, "rights-removed")
    assert "after the endpoint" not in finding.message


def policy(name: str, metric: str = "SageMakerVariantInvocationsPerInstance") -> dict[str, Any]:
    specification = {"PredefinedMetricType": metric}
    tracking = {"TargetValue": 5, "PredefinedMetricSpecification": specification}
    return {
        "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
        "Properties": {
            "PolicyName": name,
            "ScalingTargetId": {"Ref": "Target"},
            "TargetTrackingScalingPolicyConfiguration": tracking,
        },
    }


@pytest.mark.parametrize(
    ("before", "after", "fails"),
    [
        ({"One": policy("one")}, {"One": policy("one")}, False),
        ({"One": policy("one")}, {"Two": policy("two")}, True),
        ({"One": policy("one")}, {"One": policy("two")}, True),
        ({"One": policy("one")}, {}, False),
        ({"One": policy("one")}, {"Two": policy("two", "Other")}, False),
        ({}, {"Two": policy("two")}, False),
    ],
)
def test_a_renamed_scaling_policy(
    check: Check, document: Document, before: dict[str, Any], after: dict[str, Any], fails: bool
) -> None:
    report = check(document(**before), document(**after))
    assert bool(found(report, "scaling-policy-renamed")) is fails


@pytest.mark.parametrize(
    ("limit", "others", "after", "needed"),
    [
        (10, 0, {"image": "image:2"}, None),
        (4, 0, {"image": "image:2"}, None),
        (3, 0, {"image": "image:2"}, 4),
        (10, 7, {"image": "image:2"}, 11),
        (3, 0, {}, None),
        (3, 0, {"image": "image:2", "strategy": {"RollingUpdatePolicy": {}}}, None),
        (2, 0, {"image": "image:2", "strategy": {"RollingUpdatePolicy": {}}}, 3),
    ],
)
def test_the_quota_of_an_update_next_to_other_endpoints(
    check: Check,
    document: Document,
    account: Any,
    limit: int,
    others: int,
    after: dict[str, Any],
    needed: int | None,
) -> None:
    account.room = {TYPE: QuotaRoom(Quota(limit, "L-1"), others)}
    reported = found(check(document(), document(**after)), "quota")
    assert [f"needs {needed} {TYPE} at a time" in one.message for one in reported] == [True] * bool(needed)
    if needed:
        assert f"--quota-code L-1 --desired-value {needed}" in reported[0].hint


def test_the_quota_of_a_first_deployment(check: Check, document: Document, account: Any) -> None:
    account.room = {TYPE: QuotaRoom(Quota(1, "L-1"), 0)}
    (finding,) = found(check(None, document()), "quota")
    assert "needs 2 ml.m5.xlarge at a time (2 new)" in finding.message
