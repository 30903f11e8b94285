"""The tables of the security pages."""

from __future__ import annotations

from dataclasses import replace

from tools.security import tables
from tools.security.exceptions import Exemption
from tools.security.packs import PACKS, Acceptance, Finding, Review
from tools.security.policies import Permission

RULE = "S3BucketReplicationEnabled"
REFUSED = Permission(
    holder="AlarmsPolicy",
    kind="AWS::SNS::TopicPolicy",
    effect="Deny",
    principal="*",
    action="sns:Publish",
    resources=("<Alarms>", "<Others>"),
    conditions=("Bool aws:SecureTransport: false",),
)


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]


def test_a_cell_cannot_end_its_row() -> None:
    assert tables.table(["a", "b"], [["x|y", "one\ntwo"]]).splitlines() == [
        "| a | b |",
        "| --- | --- |",
        r"| x\|y | one two |",
    ]


def test_a_refusal_does_not_look_like_a_right() -> None:
    text = tables.permissions([REFUSED], lambda one: one.holder)
    assert "### AlarmsPolicy" in text
    (row,) = rows(text.partition("\n\n")[2])
    assert row == [
        "**refused:** anyone",
        "`sns:Publish`",
        "`<Alarms>`<br>`<Others>`",
        "`Bool aws:SecureTransport: false`",
        "publishing to the topic needs TLS",
    ]


def test_a_table_for_each_holder_that_is_asked_for() -> None:
    key = replace(REFUSED, holder="AlarmsKey", kind="AWS::KMS::Key", action="kms:*", principal="x:root")
    both = tables.permissions([REFUSED, key], lambda one: one.holder)
    assert both.count("### ") == 2
    assert tables.permissions([REFUSED, key], lambda one: one.holder, only=".*Key").count("### ") == 1


def review() -> Review:
    found = tuple(
        Finding(f"{pack}-{rule}", "prod/Store/Bucket/Resource")
        for pack in ("HIPAA.Security", "PCI.DSS.321")
        for rule in (RULE, "Open")
    )
    accepted = tuple(
        Acceptance(one.rule, "prod/Store/Bucket", "why") for one in found if one.rule.endswith(RULE)
    )
    return Review(found, tuple(one for one in found if one.rule.endswith("Open")), accepted)


def test_every_pack_has_a_line_even_without_findings() -> None:
    found = {row[0]: row[2:] for row in rows(tables.packs(review()))}
    assert list(found) == list(PACKS)
    assert found["HIPAA.Security"] == found["PCI.DSS.321"] == ["1", "1"]
    assert found["Serverless"] == ["0", "0"]


def test_what_several_packs_find_is_one_line() -> None:
    lines = rows(tables.accepted(review()))
    assert ["`prod/Store/Bucket`", f"`{RULE}`", "HIPAA.Security, PCI.DSS.321", "why"] in lines
    assert len(lines) == 2


def test_the_hash_of_an_export_is_left_out() -> None:
    rule = "AwsSolutions-IAM5[Resource::a-store:ExportsOutputFnGetAttModelsB33D855BArn307A99BA/models/*]"
    table = tables.accepted(Review((Finding(rule, "prod/Role/Resource"),), (), ()))
    assert "`IAM5` `Resource::<Models>/models/*`" in table


def test_what_linters_pass_over_names_the_template_readably() -> None:
    one = Exemption("cfn-lint", "W3005", "prodServingABCDEF12", "EndpointModelABCDEF12", "why")
    whole = Exemption("cfn-lint", "W6001", "prodServingABCDEF12", "", "because")
    assert rows(tables.linters([one, whole], {"prodServingABCDEF12": "serving"})) == [
        ["cfn-lint", "`W3005`", "serving", "`EndpointModel`", "why"],
        ["cfn-lint", "`W6001`", "serving", "outputs", "because"],
    ]
