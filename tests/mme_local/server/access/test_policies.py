from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme_local.server.access.policies import Decision, decide

ACTION = "sagemaker:InvokeEndpoint"
ARN = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/shop"
ALLOW = {"Effect": "Allow", "Action": ACTION, "Resource": ARN}


def decided(
    *statements: dict[str, Any], model: str | None = "tenant-a/x_v0.tar.gz", **context: str
) -> Decision:
    known = {key.replace("__", ":"): value for key, value in context.items()}
    if model is not None:
        known["sagemaker:TargetModel"] = model
    return decide([{"Version": "2012-10-17", "Statement": list(statements)}], ACTION, ARN, known)


def when(operator: str, *values: str, key: str = "sagemaker:TargetModel", **changes: Any) -> dict[str, Any]:
    return {**ALLOW, "Condition": {operator: {key: list(values)}}, **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"Action": "*"},
        {"Action": ["s3:GetObject", "SageMaker:invoke*"]},
        {"Resource": "*"},
        {"Resource": ["arn:aws:s3:::x", "arn:aws:sagemaker:*:*:endpoint/sh?p"]},
    ],
)
def test_what_matches_is_allowed(changes: dict[str, Any]) -> None:
    assert decided({**ALLOW, **changes}) is Decision.ALLOWED


@pytest.mark.parametrize(
    "changes",
    [
        {"Action": "sagemaker:InvokeEndpointAsync"},
        {"Resource": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/shop2"},
        {"Resource": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/.hop"},
        {"Resource": ARN.upper()},
        {"Effect": "Deny", "Resource": "arn:aws:s3:::x"},
        {"Effect": "allow"},
        {"Effect": None},
    ],
)
def test_what_does_not_match_allows_nothing(changes: dict[str, Any]) -> None:
    assert decided({**ALLOW, **changes}) is Decision.NOT_ALLOWED


def test_the_not_forms_match_everything_else() -> None:
    others = {"Effect": "Allow", "NotAction": "s3:*", "NotResource": "arn:aws:s3:::*"}
    assert decided(others) is Decision.ALLOWED
    assert decided({**others, "NotAction": "sagemaker:*"}) is Decision.NOT_ALLOWED
    assert decided({**others, "NotResource": ARN}) is Decision.NOT_ALLOWED


def test_one_deny_wins_over_every_allow() -> None:
    assert decided(ALLOW, {**ALLOW, "Effect": "Deny"}) is Decision.DENIED
    assert decided(ALLOW, when("StringLike", "tenant-b/*", Effect="Deny")) is Decision.ALLOWED


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        (when("StringLike", "tenant-a/*"), True),
        (when("StringLike", "tenant-b/*", "tenant-?/x*"), True),
        (when("StringLike", "tenant-b/*"), False),
        (when("StringLike", "tenant-a"), False),
        (when("StringEquals", "tenant-a/x_v0.tar.gz"), True),
        (when("StringEquals", "tenant-a/*"), False),
        (when("StringEqualsIgnoreCase", "TENANT-A/x_v0.tar.gz"), True),
        (when("StringNotLike", "tenant-a/*"), False),
        (when("StringNotEquals", "x", "tenant-a/x_v0.tar.gz"), False),
        (when("StringNotEquals", "x", "y"), True),
        (when("ForAnyValue:StringLike", "tenant-a/*"), True),
        (when("Null", "false"), True),
        (when("Null", "true"), False),
        (when("StringLike", "${aws:username}/*"), True),
        (when("StringLike", "${aws:PrincipalTag/team}/*"), False),
        (when("StringLike", "${aws:PrincipalTag/team, 'tenant-a'}/*"), True),
        (when("StringLike", "tenant-${*}/*"), False),
        (when("ArnLike", "arn:aws:iam::*:user/tenant-a", key="aws:PrincipalArn"), True),
        (when("ArnLike", "arn:aws:*:user/tenant-a", key="aws:PrincipalArn"), False),
        (when("Bool", "TRUE", key="aws:SecureTransport"), True),
        (when("NumericLessThan", "5"), False),
    ],
)
def test_conditions(statement: dict[str, Any], allowed: bool) -> None:
    context = {
        "aws__username": "tenant-a",
        "aws__PrincipalArn": "arn:aws:iam::123456789012:user/tenant-a",
        "aws__SecureTransport": "true",
    }
    assert (decided(statement, **context) is Decision.ALLOWED) == allowed


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        (when("StringLike", "*"), False),
        (when("StringLikeIfExists", "tenant-b/*"), True),
        (when("StringNotLike", "tenant-a/*"), True),
        (when("ForAllValues:StringLike", "tenant-b/*"), True),
        (when("ForAnyValue:StringLike", "*"), False),
        (when("Null", "true"), True),
    ],
)
def test_conditions_on_a_request_without_the_key(statement: dict[str, Any], allowed: bool) -> None:
    assert (decided(statement, model=None) is Decision.ALLOWED) == allowed


def test_a_deny_that_cannot_be_evaluated_denies() -> None:
    assert decided(ALLOW, when("NumericLessThan", "5", Effect="Deny")) is Decision.DENIED
    assert decided(ALLOW, {**ALLOW, "Effect": "Deny", "Resource": "${aws:unknown}"}) is Decision.DENIED


@given(pattern=st.text("ab*?.[", max_size=8), value=st.text("ab.[\n", max_size=8))
def test_patterns_know_two_wildcards_and_nothing_else(pattern: str, value: str) -> None:
    expected = "".join({"*": "(.|\n)*", "?": "(.|\n)"}.get(letter) or re.escape(letter) for letter in pattern)
    assert (decided(when("StringLike", pattern), model=value) is Decision.ALLOWED) == bool(
        re.fullmatch(expected, value)
    )


@given(name=st.text(min_size=1, max_size=8))
def test_what_a_variable_brings_is_no_pattern(name: str) -> None:
    statement = when("StringLike", "${aws:username}/*")
    assert decided(statement, model=f"{name}/x", aws__username=name) is Decision.ALLOWED
    assert decided(statement, model="other/x", aws__username=name) is (
        Decision.ALLOWED if name == "other" else Decision.NOT_ALLOWED
    )
