"""IAM policies, judged without IAM."""

from __future__ import annotations

from typing import Any

import pytest

from mme.operate.doctor.role_policies import Verdict, evaluate, trusts

OBJECT = "arn:aws:s3:::b/models/a.tar.gz"


def policy(*statements: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"Version": "2012-10-17", "Statement": list(statements)}]


def allow(action: Any = "s3:GetObject", resource: Any = "arn:aws:s3:::b/*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@pytest.mark.parametrize(
    ("policies", "verdict"),
    [
        ([], Verdict.UNMENTIONED),
        (policy(allow()), Verdict.ALLOWED),
        ([{"Statement": allow()}], Verdict.ALLOWED),
        (policy(allow("*", "*")), Verdict.ALLOWED),
        (policy(allow(["s3:List*", "S3:getobject"])), Verdict.ALLOWED),
        (policy(allow(resource="arn:aws:s3:::b/models/?.tar.gz")), Verdict.ALLOWED),
        (policy(allow(resource="arn:aws:s3:::b/other/*")), Verdict.UNMENTIONED),
        (policy(allow(resource="arn:aws:s3:::b/models/[a].tar.gz")), Verdict.UNMENTIONED),
        (policy(allow("s3:PutObject")), Verdict.UNMENTIONED),
        (policy(allow(), {**allow(), "Effect": "Deny"}), Verdict.DENIED),
        (policy({**allow(), "Effect": "Deny"}, allow()), Verdict.DENIED),
        (policy({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}), Verdict.ALLOWED),
        (policy({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}), Verdict.UNMENTIONED),
        (
            policy(allow(), {"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::b/*"}),
            Verdict.ALLOWED,
        ),
        (policy(allow(Condition={"Bool": {"aws:SecureTransport": "true"}})), Verdict.DEPENDS),
        (
            policy(
                allow(),
                {**allow(), "Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
            ),
            Verdict.DEPENDS,
        ),
    ],
)
def test_verdicts(policies: list[dict[str, Any]], verdict: Verdict) -> None:
    assert evaluate(policies, "s3:GetObject", OBJECT, {}) is verdict


@pytest.mark.parametrize(
    ("prefixes", "verdict"),
    [
        (["models/", "models/*"], Verdict.ALLOWED),
        ("models/*", Verdict.ALLOWED),
        ("other/*", Verdict.UNMENTIONED),
    ],
)
def test_the_condition_on_the_listed_prefix(prefixes: Any, verdict: Verdict) -> None:
    statement = allow("s3:ListBucket", "arn:aws:s3:::b", Condition={"StringLike": {"s3:Prefix": prefixes}})
    context = {"s3:prefix": "models/"}
    assert evaluate(policy(statement), "s3:ListBucket", "arn:aws:s3:::b", context) is verdict


def test_trust() -> None:
    statement = {"Effect": "Allow", "Principal": {"Service": ["x.amazonaws.com", "sagemaker.amazonaws.com"]}}
    assert trusts({"Statement": statement}, "sagemaker.amazonaws.com")
    assert not trusts({"Statement": statement}, "ec2.amazonaws.com")
    assert not trusts({"Statement": [{"Effect": "Allow", "Principal": "*"}]}, "sagemaker.amazonaws.com")
    assert not trusts({"Statement": [{**statement, "Effect": "Deny"}]}, "sagemaker.amazonaws.com")
