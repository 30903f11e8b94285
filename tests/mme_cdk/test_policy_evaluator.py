"""The evaluator that the least-privilege tests rely on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mme_cdk.policy_evaluator import Policies, Resolver, Unsupported

BUCKET = "arn:aws:s3:::mine"


def allow(**statement: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **statement}


def deny(**statement: Any) -> dict[str, Any]:
    return {**allow(**statement), "Effect": "Deny"}


def without(statement: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in statement.items() if name != key}


@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        ("s3:GetObject", f"{BUCKET}/models/a", True),
        ("S3:getobject", f"{BUCKET}/models/a", True),
        ("s3:GetObjectAcl", f"{BUCKET}/models/a", False),
        ("s3:GetObject", f"{BUCKET}/modelsX/a", False),
        ("s3:GetObject", f"{BUCKET}/Models/a", False),
        ("s3:GetObject", f"{BUCKET}2/models/a", False),
        ("s3:GetObject", f"{BUCKET}/models/a\nb", True),
    ],
)
def test_actions_fold_case_and_resources_do_not(action: str, resource: str, expected: bool) -> None:
    assert Policies([allow(Resource=f"{BUCKET}/models/*")]).allow(action, resource) is expected


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [("a?c", "abc", True), ("a?c", "ac", False), ("a.c", "abc", False), ("*", "", True), ("a*", "ba", False)],
)
def test_wildcards(pattern: str, value: str, expected: bool) -> None:
    assert Policies([allow(Resource=pattern)]).allow("s3:GetObject", value) is expected


def test_silence_denies() -> None:
    assert not Policies([]).allow("s3:GetObject", BUCKET)


def test_deny_wins_in_any_order() -> None:
    for statements in ([allow(), deny(Resource=BUCKET)], [deny(Resource=BUCKET), allow()]):
        assert not Policies(statements).allow("s3:GetObject", BUCKET)
        assert Policies(statements).allow("s3:GetObject", f"{BUCKET}/x")


def test_not_action_and_not_resource() -> None:
    policies = Policies(
        [without(allow(NotAction=["s3:Delete*"]), "Action"), without(deny(NotResource=BUCKET), "Resource")]
    )
    assert policies.allow("s3:GetObject", BUCKET)
    assert not policies.allow("s3:DeleteObject", BUCKET)
    assert not policies.allow("s3:GetObject", "arn:aws:s3:::other")


@pytest.mark.parametrize(
    ("operator", "wanted", "found", "expected"),
    [
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "a*", "ab", False),
        ("StringEquals", "a", None, False),
        ("StringEqualsIfExists", "a", None, True),
        ("StringEqualsIfExists", "a", "b", False),
        ("StringLike", "a*", "ab", True),
        ("StringLike", "a*", "ba", False),
        ("StringLikeIfExists", "a*", None, True),
        ("ForAnyValue:StringEquals", "a", ["b", "a"], True),
        ("ForAnyValue:StringEquals", "a", ["b"], False),
        ("ForAnyValue:StringEquals", "a", None, False),
        ("ForAnyValue:StringLike", "a*", ["b", "ab"], True),
        ("ArnLike", "arn:aws:sagemaker:eu-west-1:1:*", "arn:aws:sagemaker:eu-west-1:1:endpoint/x", True),
        ("ArnLike", "arn:aws:sagemaker:*:endpoint/x", "arn:aws:sagemaker:eu-west-1:1:endpoint/x", False),
        ("ArnLike", "arn:aws:sagemaker:*:1:endpoint/x", "arn:aws:sagemaker:eu-west-1:1:endpoint/x", True),
        ("ArnLike", "*", "arn:aws:s3:::mine", False),
        ("Bool", "false", "False", True),
        ("Bool", "false", "true", False),
    ],
)
def test_conditions(operator: str, wanted: Any, found: Any, expected: bool) -> None:
    policies = Policies([allow(Condition={operator: {"aws:Key": wanted}})])
    context = {} if found is None else {"AWS:key": found}
    assert policies.allow("s3:GetObject", BUCKET, context) is expected


def test_every_condition_must_hold() -> None:
    policies = Policies([allow(Condition={"StringEquals": {"a": "1", "b": "2"}, "StringLike": {"c": "*"}})])
    assert policies.allow("s3:GetObject", BUCKET, {"a": "1", "b": "2", "c": "3"})
    assert not policies.allow("s3:GetObject", BUCKET, {"a": "1", "b": "2"})
    assert not policies.allow("s3:GetObject", BUCKET, {"a": "1", "b": "x", "c": "3"})


@pytest.mark.parametrize(
    "statement",
    [
        allow(Condition={"DateLessThan": {"a": "1"}}),
        allow(Condition={"StringEquals": {"many": "1"}}),
        allow(Resource="arn:aws:s3:::${aws:username}"),
        allow(NotAction="s3:*"),
        without(allow(), "Resource"),
        allow(Principal="*"),
    ],
)
def test_what_is_not_understood_raises(statement: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        Policies([statement]).allow("s3:GetObject", BUCKET, {"many": ["1", "2"]})


def test_functions_are_resolved() -> None:
    resolve = Resolver(
        {"AWS::Region": "eu-west-1", "Bucket": "mine", "Bucket.Arn": BUCKET, "Store:Arn": "imported"},
        {"Accounts": {"eu-west-1": {"Account": "42"}}},
    )
    assert resolve({"Fn::Join": ["", [{"Fn::GetAtt": ["Bucket", "Arn"]}, "/*"]]}) == f"{BUCKET}/*"
    assert resolve({"Fn::GetAtt": "Bucket.Arn"}) == BUCKET
    assert resolve({"a": [{"Ref": "Bucket"}], "b": "c"}) == {"a": ["mine"], "b": "c"}
    assert resolve({"Fn::Sub": "${Bucket.Arn}/${!x}/${AWS::Region}"}) == f"{BUCKET}/${{x}}/eu-west-1"
    assert resolve({"Fn::Sub": ["${Own}-${Bucket}", {"Own": {"Ref": "AWS::Region"}}]}) == "eu-west-1-mine"
    assert resolve({"Fn::FindInMap": ["Accounts", {"Ref": "AWS::Region"}, "Account"]}) == "42"
    assert resolve({"Fn::ImportValue": "Store:Arn"}) == "imported"


@pytest.mark.parametrize("node", [{"Ref": "Unknown"}, {"Fn::Select": [0, ["a"]]}])
def test_what_cannot_be_resolved_raises(node: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        Resolver({})(node)


def test_only_the_roles_own_policies_count() -> None:
    document = {"Statement": [allow(Resource={"Ref": "Bucket"})]}
    template = {
        "Resources": {
            "Mine": {"Type": "AWS::IAM::Role", "Properties": {}},
            "Inline": {"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"PolicyDocument": document}]}},
            "Managed": {"Type": "AWS::IAM::Role", "Properties": {"ManagedPolicyArns": ["x"]}},
            "Other": {"Type": "AWS::IAM::Role", "Properties": {}},
            "Beneath": {"Type": "AWS::IAM::Role", "Properties": {}},
            "ManagedPolicy": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {"PolicyDocument": document, "Roles": [{"Ref": "Beneath"}]},
            },
            "Policy": {
                "Type": "AWS::IAM::Policy",
                "Properties": {"PolicyDocument": document, "Roles": [{"Ref": "Mine"}]},
            },
        }
    }
    may = {
        role: Policies.of_role(template, role, {"Bucket": BUCKET}).allow("s3:GetObject", BUCKET)
        for role in ("Mine", "Inline", "Beneath", "Other")
    }
    assert may == {"Mine": True, "Inline": True, "Beneath": True, "Other": False}
    with pytest.raises(Unsupported, match="managed"):
        Policies.of_role(template, "Managed", {})
