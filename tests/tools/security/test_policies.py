"""Permissions, read from templates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tools.security.policies import Permission, Policies, short

TRUST = {
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": ["sagemaker.amazonaws.com", "lambda.amazonaws.com"]},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    }
}


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


def test_trust_names_principals_and_conditions() -> None:
    (trust,) = permissions(Role=role(AssumeRolePolicyDocument={"Statement": [TRUST["Statement"]]}))
    assert trust.principal == "sagemaker.amazonaws.com, lambda.amazonaws.com"
    assert trust.conditions == ("StringEquals aws:SourceAccount: <account>",)
    assert trust.resources == ()


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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("arn:aws:s3:::b", "arn:aws:s3:::b"),
        ({"Ref": "AWS::Region"}, "<region>"),
        ({"Ref": "Bucket83908E77"}, "<Bucket>"),
        ({"Fn::GetAtt": ["Bucket83908E77", "Arn"]}, "<Bucket>"),
        ({"Fn::GetAtt": ["Bucket83908E77", "DomainName"]}, "<Bucket.DomainName>"),
        ({"Fn::Join": ["", [{"Fn::GetAtt": ["Bucket", "Arn"]}, "/models/*"]]}, "<Bucket>/models/*"),
        ({"Fn::FindInMap": ["Accounts", {"Ref": "AWS::Region"}, "id"]}, "<Accounts>"),
        ({"Fn::Select": [0, "x"]}, '{"Fn::Select": [0, "x"]}'),
    ],
)
def test_references_are_readable(value: Any, text: str) -> None:
    (found,) = permissions(Role=role(Policies=[{"PolicyDocument": document(Action="a:B", Resource=value)}]))
    assert found.resources == (text,)


def test_what_another_stack_exports_is_shown_by_its_own_name(tmp_path: Path) -> None:
    arn = {"Fn::GetAtt": ["Models83908E77", "Arn"]}
    store = {"Resources": {}, "Outputs": {"Out": {"Value": arn, "Export": {"Name": "store:Arn"}}}}
    rights = [
        {"PolicyDocument": document(Action="s3:GetObject", Resource={"Fn::ImportValue": name})}
        for name in ("store:Arn", "elsewhere:Arn")
    ]
    for name, template in (("store", store), ("serving", {"Resources": {"Role": role(Policies=rights)}})):
        (tmp_path / f"{name}.template.json").write_text(json.dumps(template))
    known, unknown = Policies.of_files(list(tmp_path.iterdir())).permissions()
    assert known.resources == ("<Models>",)
    assert "elsewhere:Arn" in unknown.resources[0]


def test_policies_that_lie_elsewhere_are_named() -> None:
    policies = Policies([{"Resources": {"RoleABCDEF12": role(ManagedPolicyArns=["arn:x"]), "R": role()}}])
    assert policies.attached() == {"Role": ["arn:x"]}


@pytest.mark.parametrize(
    ("logical", "name"),
    [
        ("EndpointRole7B5B3B1C", "EndpointRole"),
        ("MyRole", "MyRole"),
        ("ABCDEF12", "ABCDEF12"),
        ("lower1234abcd", "lower1234abcd"),
    ],
)
def test_a_logical_id_without_its_hash(logical: str, name: str) -> None:
    assert short(logical) == name
