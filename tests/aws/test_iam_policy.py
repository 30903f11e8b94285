"""IAM policies, evaluated without IAM."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.aws.iam_policy import Context, Decision, evaluate, trusts

ALLOWED, DENIED, NOT_ALLOWED, UNKNOWN = Decision
ACTION = "s3:GetObject"
BUCKET = "arn:aws:s3:::mine"
OBJECT = f"{BUCKET}/models/a_v0.tar.gz"
PRINCIPAL = "arn:aws:iam::123456789012:user/ann"
KEYS = {
    "aws:Username": "ann",
    "aws:PrincipalArn": PRINCIPAL,
    "aws:SecureTransport": "true",
    "Model": "ann/x",
    "Tags": ["a", "bc"],
}


def allow(**elements: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": ACTION, "Resource": "*", **elements}
    return {name: value for name, value in statement.items() if value is not None}


def deny(**elements: Any) -> dict[str, Any]:
    return allow(**{"Effect": "Deny", **elements})


def when(operator: str, *wanted: Any, key: str = "model", **elements: Any) -> dict[str, Any]:
    return allow(Condition={operator: {key: list(wanted)}}, **elements)


def decided(
    *statements: dict[str, Any],
    action: str = ACTION,
    resource: str = OBJECT,
    context: Context | None = None,
    complete_context: bool = True,
) -> Decision:
    policies = [{"Version": "2012-10-17", "Statement": list(statements)}]
    return evaluate(policies, action, resource, context or {}, complete_context=complete_context)


def test_a_request_without_a_matching_statement_is_not_allowed() -> None:
    assert evaluate([], ACTION, OBJECT) is NOT_ALLOWED
    assert evaluate([{}], ACTION, OBJECT) is NOT_ALLOWED
    assert evaluate([{"Statement": allow()}], ACTION, OBJECT) is ALLOWED


@pytest.mark.parametrize(
    ("elements", "decision"),
    [
        ({}, ALLOWED),
        ({"Action": "*"}, ALLOWED),
        ({"Action": ["s3:List*", "S3:getobject"]}, ALLOWED),
        ({"Action": "s3:GetObjectAcl"}, NOT_ALLOWED),
        ({"Action": "s3:Get"}, NOT_ALLOWED),
        ({"Resource": [BUCKET, f"{BUCKET}/models/?_v0*"]}, ALLOWED),
        ({"Resource": "arn:aws:s3:*:*:mine/models/a_v0.tar.gz"}, ALLOWED),
        ({"Resource": BUCKET}, NOT_ALLOWED),
        ({"Resource": OBJECT.upper()}, NOT_ALLOWED),
        ({"Resource": f"{BUCKET}/models/[a]_v0.tar.gz"}, NOT_ALLOWED),
        ({"Resource": f"{BUCKET}/models/._v0.tar.gz"}, NOT_ALLOWED),
        ({"Action": None, "NotAction": "iam:*"}, ALLOWED),
        ({"Action": None, "NotAction": "s3:*"}, NOT_ALLOWED),
        ({"Resource": None, "NotResource": "arn:aws:s3:::other/*"}, ALLOWED),
        ({"Resource": None, "NotResource": f"{BUCKET}/*"}, NOT_ALLOWED),
        ({"Action": None}, NOT_ALLOWED),
        ({"Resource": None}, NOT_ALLOWED),
        ({"Effect": "allow"}, NOT_ALLOWED),
        ({"Effect": None}, NOT_ALLOWED),
        ({"NotAction": "iam:*"}, UNKNOWN),
        ({"Principal": "*"}, UNKNOWN),
    ],
)
def test_actions_and_resources(elements: dict[str, Any], decision: Decision) -> None:
    assert decided(allow(**elements)) is decision


def test_a_deny_wins_in_any_order() -> None:
    denied = deny(Resource=f"{BUCKET}/models/*")
    for statements in ([allow(), denied], [denied, allow()]):
        assert decided(*statements) is DENIED
        assert decided(*statements, resource=f"{BUCKET}/other") is ALLOWED
    assert decided(denied) is DENIED
    assert decided(allow(), deny(Resource=None, NotResource=f"{BUCKET}/*")) is ALLOWED


@pytest.mark.parametrize(
    ("statement", "decision"),
    [
        (when("StringEquals", "b", "ann/x"), ALLOWED),
        (when("StringEquals", "ann/*"), NOT_ALLOWED),
        (when("StringEquals", "ANN/X"), NOT_ALLOWED),
        (when("StringEqualsIgnoreCase", "ANN/X"), ALLOWED),
        (when("StringEqualsIfExists", "b"), NOT_ALLOWED),
        (when("StringLike", "bob/*", "a?n/*"), ALLOWED),
        (when("StringLike", "ann"), NOT_ALLOWED),
        (when("StringNotEquals", "b", "ann/x"), NOT_ALLOWED),
        (when("StringNotEquals", "b", "c"), ALLOWED),
        (when("StringNotLike", "ann/*"), NOT_ALLOWED),
        (when("StringLike", "${aws:username}/*"), ALLOWED),
        (when("StringLike", "${aws:PrincipalTag/team, 'ann'}/*"), ALLOWED),
        (when("StringLike", "${aws:PrincipalTag/team}/*"), UNKNOWN),
        (when("StringLike", "${tags}/*"), UNKNOWN),
        (when("StringLike", "ann/${*}"), NOT_ALLOWED),
        (when("ForAnyValue:StringEquals", "bc", key="tags"), ALLOWED),
        (when("ForAnyValue:StringLike", "b*", key="tags"), ALLOWED),
        (when("ForAnyValue:StringEquals", "b", key="tags"), NOT_ALLOWED),
        (when("ForAllValues:StringEquals", "bc", key="tags"), NOT_ALLOWED),
        (when("ForAllValues:StringEquals", "bc", "a", key="tags"), ALLOWED),
        (when("StringEquals", "a", key="tags"), UNKNOWN),
        (when("ForSomeValues:StringEquals", "a", key="tags"), UNKNOWN),
        (when("Null", "false"), ALLOWED),
        (when("Null", True), NOT_ALLOWED),
        (when("ArnLike", "arn:aws:iam::*:user/ann", key="aws:PrincipalArn"), ALLOWED),
        (when("ArnLike", "arn:aws:iam::123456789012:*", key="aws:PrincipalArn"), ALLOWED),
        (when("ArnEquals", "${aws:PrincipalArn}", key="aws:PrincipalArn"), ALLOWED),
        (when("ArnLike", "arn:aws:*:user/ann", key="aws:PrincipalArn"), NOT_ALLOWED),
        (when("ArnLike", "*", key="aws:PrincipalArn"), NOT_ALLOWED),
        (when("Bool", "TRUE", key="aws:SecureTransport"), ALLOWED),
        (when("Bool", True, key="aws:SecureTransport"), ALLOWED),
        (when("Bool", "false", key="aws:SecureTransport"), NOT_ALLOWED),
        (when("NumericLessThan", "5"), UNKNOWN),
    ],
)
def test_conditions(statement: dict[str, Any], decision: Decision) -> None:
    assert decided(statement, context=KEYS) is decision


@pytest.mark.parametrize(
    ("statement", "decision"),
    [
        (when("StringLike", "*"), NOT_ALLOWED),
        (when("StringLikeIfExists", "bob/*"), ALLOWED),
        (when("StringNotLike", "*"), ALLOWED),
        (when("ForAllValues:StringLike", "bob/*"), ALLOWED),
        (when("ForAnyValue:StringLike", "*"), NOT_ALLOWED),
        (when("ForAnyValue:StringNotLike", "bob/*"), NOT_ALLOWED),
        (when("Null", "true"), ALLOWED),
    ],
)
def test_conditions_on_an_absent_key(statement: dict[str, Any], decision: Decision) -> None:
    assert decided(statement) is decision
    assert decided(statement, complete_context=False) is UNKNOWN


def test_every_condition_must_hold() -> None:
    statement = allow(Condition={"StringEquals": {"a": "1", "b": "2"}, "StringLike": {"c": "*"}})
    assert decided(statement, context={"a": "1", "b": "2", "c": "3"}) is ALLOWED
    assert decided(statement, context={"a": "1", "b": "2"}) is NOT_ALLOWED
    assert decided(statement, context={"a": "1", "b": "x", "c": "3"}) is NOT_ALLOWED


def test_what_cannot_be_evaluated_is_unknown_only_if_the_outcome_depends_on_it() -> None:
    unclear_deny = when("NumericLessThan", "5", Effect="Deny")
    assert decided(allow(), unclear_deny) is UNKNOWN
    assert decided(unclear_deny, allow()) is UNKNOWN
    assert decided(unclear_deny) is NOT_ALLOWED
    assert decided(allow(), deny(Resource="arn:aws:s3:::${aws:unknown}")) is UNKNOWN
    assert decided(when("NumericLessThan", "5"), allow()) is ALLOWED
    assert decided(when("NumericLessThan", "5"), deny()) is DENIED
    assert decided(when("NumericLessThan", "5", Action="s3:PutObject")) is NOT_ALLOWED


@given(pattern=st.text("ab*?.[", max_size=8), value=st.text("ab.[\n", max_size=8))
def test_patterns_have_two_wildcards_and_nothing_else(pattern: str, value: str) -> None:
    expected = "".join({"*": "(.|\n)*", "?": "(.|\n)"}.get(letter) or re.escape(letter) for letter in pattern)
    decision = ALLOWED if re.fullmatch(expected, value) else NOT_ALLOWED
    assert decided(when("StringLike", pattern), context={"model": [value]}) is decision


@given(
    pattern=st.lists(st.text("ab*?", max_size=3), min_size=6, max_size=7),
    value=st.lists(st.text("ab", max_size=3), min_size=6, max_size=7),
)
def test_in_the_first_five_parts_of_an_arn_wildcards_match_no_colon(
    pattern: list[str], value: list[str]
) -> None:
    parts = [*zip(pattern[:5], value[:5], strict=True), (":".join(pattern[5:]), ":".join(value[5:]))]
    signs = {"*": "(.|\n)*", "?": "(.|\n)"}
    matching = all(
        re.fullmatch("".join(signs.get(sign) or re.escape(sign) for sign in wanted), found)
        for wanted, found in parts
    )
    statement = when("ArnLike", ":".join(pattern))
    decision = decided(statement, context={"model": [":".join(value)]})
    assert decision is (ALLOWED if matching else NOT_ALLOWED)


@pytest.mark.parametrize(
    "elements",
    [
        {"Condition": {"StringLike": {"model": "a*" * 3000 + "b"}}},
        {"Condition": {"StringNotLike": {"model": "*a?" * 3000 + "b"}}, "Resource": "*a" * 3000 + "b"},
        {"Condition": {"ArnLike": {"model": "arn:*:*:*:*:" + "a*" * 3000 + "b"}}},
        {"Condition": {"ArnLike": {"model": "a*" * 3000 + ":*:*:*:*:b"}}},
        {"Condition": {"StringLike": {"model": "${" * 10_000}}},
        {"Resource": "a*" * 3000 + "b"},
        {"Action": "a*" * 3000 + "b"},
    ],
)
def test_thousands_of_wildcards_are_decided(elements: dict[str, Any]) -> None:
    many = "a" * 10_000
    decision = decided(allow(**elements), action=many, resource=many, context={"model": [many]})
    assert decision is NOT_ALLOWED


@given(name=st.text(min_size=1, max_size=8))
def test_the_value_of_a_variable_is_not_a_pattern(name: str) -> None:
    context = {"aws:username": name}
    for pattern, operator in (("${aws:username}/*", "StringLike"), ("${aws:username}/x", "StringEquals")):
        statement = when(operator, pattern)
        assert decided(statement, context={**context, "model": f"{name}/x"}) is ALLOWED
        expected = ALLOWED if name == "other" else NOT_ALLOWED
        assert decided(statement, context={**context, "model": "other/x"}) is expected


def test_trust() -> None:
    statement = {"Effect": "Allow", "Principal": {"Service": ["x.amazonaws.com", "sagemaker.amazonaws.com"]}}
    assert trusts({"Statement": statement}, "sagemaker.amazonaws.com")
    assert not trusts({"Statement": statement}, "ec2.amazonaws.com")
    assert not trusts({"Statement": [{"Effect": "Allow", "Principal": "*"}]}, "sagemaker.amazonaws.com")
    assert not trusts({"Statement": [{**statement, "Effect": "Deny"}]}, "sagemaker.amazonaws.com")
