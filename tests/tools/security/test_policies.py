"""Permissions, read from templates."""

from __future__ import annotations

from typing import Any

from tools.security.policies import Permission, Policies


def document(**statement: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", **statement}]}


def role(**properties: Any) -> dict[str, Any]:
    trust = {"Statement": []}
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust, **properties}}


def permissions(**resources: Any) -> list[Permission]:
    return Policies([{"Resources": resources}]).permissions()


def lines(found: list[Permission]) -> list[tuple[str, str]]:
    return [(one.holder, one.action) for one in found]


def test_a_roles_rights_come_from_every_place_that_may_hold_them() -> None:
    rights = document(Action=["s3:GetObject", "s3:ListBucket"], Resource="*")
    mine = {"Roles": [{"Ref": "RoleABCDEF12"}]}
    found = permissions(
        RoleABCDEF12=role(Policies=[{"PolicyDocument": document(Action="sns:Publish", Resource="*")}]),
        Inline={"Type": "AWS::IAM::Policy", "Properties": {"PolicyDocument": rights, **mine}},
        Managed={
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {"PolicyDocument": document(Action="kms:Decrypt", Resource="*"), **mine},
        },
        OfAnother={
            "Type": "AWS::IAM::Policy",
            "Properties": {"PolicyDocument": rights, "Roles": [{"Ref": "Another"}]},
        },
    )
    assert sorted(lines(found)) == [
        ("Role", "kms:Decrypt"),
        ("Role", "s3:GetObject"),
        ("Role", "s3:ListBucket"),
        ("Role", "sns:Publish"),
    ]
    assert {one.principal for one in found} == {""}


def test_everything_but_an_action_is_not_taken_for_that_action() -> None:
    (found,) = permissions(
        Role=role(Policies=[{"PolicyDocument": document(NotAction="iam:*", Resource="*")}])
    )
    assert found.action == "all but iam:*"


def test_roles_come_before_the_policies_of_resources() -> None:
    key = {"KeyPolicy": document(Action="kms:*", Resource="*", Principal={"AWS": "x"})}
    bucket = document(Effect="Deny", Action="s3:*", Resource="*", Principal="*")
    found = permissions(
        Key={"Type": "AWS::KMS::Key", "Properties": key},
        Access={"Type": "AWS::S3::BucketPolicy", "Properties": {"PolicyDocument": bucket}},
        Gateway={"Type": "AWS::EC2::VPCEndpoint", "Properties": {}},
        Role=role(Policies=[{"PolicyDocument": document(Action="sns:Publish", Resource="*")}]),
    )
    assert lines(found) == [("Role", "sns:Publish"), ("Access", "s3:*"), ("Key", "kms:*")]
    assert [one.effect for one in found] == ["Allow", "Deny", "Allow"]
    # In a key's policy `*` is the key; anywhere else it is everything.
    assert [one.resources for one in found] == [("*",), ("*",), ("this key",)]


def test_policies_that_lie_elsewhere_are_named() -> None:
    policies = Policies([{"Resources": {"RoleABCDEF12": role(ManagedPolicyArns=["arn:x"]), "R": role()}}])
    assert policies.attached() == {"Role": ["arn:x"]}
