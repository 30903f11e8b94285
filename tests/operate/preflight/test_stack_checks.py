"""What a deployment does to stacks: their endpoints' names, what holds data, whether they can be updated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mme.aws.settings import Settings
from mme.errors import MmeError
from mme.operate.preflight import Effect, Finding, Report, inspect

Check = Callable[..., Report]
Document = Callable[..., dict[str, Any]]


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


def only(report: Report, code: str) -> Finding:
    (finding,) = [finding for finding in report.findings if finding.code == code]
    return finding


def bucket(**more: Any) -> dict[str, Any]:
    return {"Type": "AWS::S3::Bucket", **more}


def test_a_first_deployment(check: Check, document: Document) -> None:
    report = check(None, document())
    assert report.first
    assert [(finding.code, finding.effect, finding.subject) for finding in report.findings] == [
        ("first-deployment", Effect.NOTE, "mme-dev-store"),
        ("first-deployment", Effect.NOTE, "mme-dev-serving"),
    ]
    assert report.stopping() == []
    assert report.stacks == ("mme-dev-store", "mme-dev-serving")


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_a_stack_that_never_was(check: Check, document: Document, account, status: str) -> None:
    account.deployed("mme-dev-serving", document(), status=status)
    assert check(None, document()).first


def test_a_name_that_is_somebody_else_s(check: Check, document: Document, account) -> None:
    account.runs("mme-dev")
    finding = only(check(None, document()), "endpoint-exists")
    assert finding.effect is Effect.FAILS
    assert finding.reason == "it is not the stack mme-dev-serving's"


def test_another_name_is_another_endpoint(check: Check, document: Document, account) -> None:
    finding = only(check(document(), document(name="other")), "endpoint-replaced")
    assert finding.effect is Effect.LOSES
    assert finding.subject == "mme-dev"
    assert "changes to other: a new endpoint is made, this one deleted" in finding.message
    account.runs("other")
    assert codes(check(document(), document(name="other"))) == {"endpoint-replaced", "endpoint-exists"}


def test_a_name_that_only_the_deployment_knows(check: Check, document: Document) -> None:
    named = {"Fn::Sub": "mme-${AWS::AccountId}"}
    report = check(document(), document(name=named, scaled=False))
    assert "it becomes mme-${AWS::AccountId}" in only(report, "undecided").message


def test_a_name_that_the_stack_s_name_is_in(check: Check, document: Document, account) -> None:
    named = {"Fn::Join": ["-", ["a", {"Ref": "AWS::StackName"}]]}
    account.runs("a-mme-dev-serving", registered=False)
    before = document(name=named, scaled=False)
    assert codes(check(before, document(name=named, scaled=False, image="image:2"))) == {"endpoint-updated"}


def test_a_name_that_cloudformation_made(check: Check, document: Document, account) -> None:
    account.names["Endpoint"] = "Endpoint-1abc"
    account.runs("Endpoint-1abc", count=5)
    before = document(name=None, scaled=False)
    after = document(name=None, scaled=False, keeps_counts=False, image="image:2")
    assert only(check(before, after), "fewer-instances").subject == "Endpoint-1abc"


def test_a_name_is_left_to_cloudformation_or_taken_from_it(check: Check, document: Document, account) -> None:
    gone = only(check(document(), document(name=None)), "endpoint-replaced")
    assert gone.subject == "mme-dev"
    assert "changes to one that CloudFormation makes" in gone.message
    account.names["Endpoint"] = "Endpoint-1abc"
    account.runs("Endpoint-1abc")
    fixed = check(document(name=None), document(name="mine"))
    assert only(fixed, "endpoint-replaced").subject == "Endpoint-1abc"
    # The same name, now written out.
    assert "endpoint-replaced" not in codes(check(document(name=None), document(name="Endpoint-1abc")))


def test_a_name_of_tokens_that_stays(check: Check, document: Document, account) -> None:
    named = {"Fn::Sub": "mme-${AWS::AccountId}"}
    account.names["Endpoint"] = "mme-123456789012"
    account.runs("mme-123456789012")
    before, after = (document(name=named, type=type) for type in ("ml.m5.xlarge", "ml.c5.xlarge"))
    for template in (before, after):
        template["Resources"]["Target"]["Properties"]["ResourceId"] = {
            "Fn::Join": [
                "",
                ["endpoint/", {"Fn::GetAtt": ["Endpoint", "EndpointName"]}, "/variant/AllTraffic"],
            ]
        }
    finding = only(check(before, after), "instance-type")
    assert finding.subject == "mme-123456789012"
    # The target refers to the endpoint instead of naming it: it is this stack's all the same.
    assert finding.way_out[0].startswith("two deployments change it")


def test_a_construct_that_was_renamed(check: Check, document: Document) -> None:
    report = check(document(), document(endpoint="Renamed"))
    exists = only(report, "endpoint-exists")
    assert exists.reason.startswith(
        "it is Endpoint of this stack, and CloudFormation makes the new one before"
    )
    assert only(report, "endpoint-removed").effect is Effect.LOSES


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("UPDATE_IN_PROGRESS", "stack-busy"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "stack-busy"),
        ("UPDATE_ROLLBACK_FAILED", "stack-stuck"),
        ("DELETE_FAILED", "stack-stuck"),
    ],
)
def test_a_stack_that_takes_no_update(
    check: Check, document: Document, account, status: str, code: str
) -> None:
    account.runs()
    account.deployed("mme-dev-serving", document(), status=status)
    assert only(check(None, document()), code).effect is Effect.FAILS


@pytest.mark.parametrize("policy", ["Retain", "Delete", "RetainExceptOnCreate", None])
def test_a_bucket_that_goes(account, document: Document, assembly: Callable[..., Path], policy: Any) -> None:
    account.runs()
    account.deployed("mme-dev-serving", document())
    more = {"DeletionPolicy": policy} if policy else {}
    account.deployed("mme-dev-store", {"Resources": {"Models": bucket(**more)}})
    after = assembly(document(), {"Resources": {"Renamed": bucket()}})
    report = inspect(Settings(env="dev"), after, lambda *_: account)  # type: ignore[arg-type, return-value]
    finding = only(report, "data")
    assert finding.effect is Effect.LOSES
    assert "the bucket Models of mme-dev-store is not in the new template" in finding.message
    kept = policy is not None and policy.startswith("Retain")
    assert ("stays in the account" in finding.reason) == kept


def test_a_bucket_with_another_name(check: Check, document: Document) -> None:
    def named(name: Any, **more: Any) -> dict[str, Any]:
        return document(Models=bucket(Properties={"BucketName": name}, **more))

    finding = only(check(named("a"), named("b", UpdateReplacePolicy="Retain")), "data")
    assert "is replaced, as its BucketName changes from a to b" in finding.message
    assert "its policy is Retain" in finding.reason
    undecided = only(check(named("a"), named({"Fn::Sub": "x-${AWS::AccountId}"})), "undecided")
    assert "from a to x-${AWS::AccountId}" in undecided.message
    same = named({"Fn::Sub": "x-${AWS::AccountId}"})
    assert codes(check(same, same)) == set()


def test_a_condition_that_no_longer_holds_deletes(check: Check, document: Document) -> None:
    kept = document(Models=bucket(Condition="Keep"))
    conditions = {"Keep": {"Fn::Equals": ["yes", "yes"]}}, {"Keep": {"Fn::Equals": ["yes", "no"]}}
    report = check(kept | {"Conditions": conditions[0]}, kept | {"Conditions": conditions[1]})
    assert codes(report) == {"data"}


def test_a_model_with_a_fixed_name(check: Check, document: Document) -> None:
    def fixed(image: str) -> dict[str, Any]:
        template = document(image=image)
        template["Resources"]["Model"]["Properties"]["ModelName"] = "mine"
        return template

    finding = only(check(fixed("image:1"), fixed("image:2")), "fixed-name")
    assert finding.effect is Effect.FAILS
    assert finding.message == "the model mine changes, and has a fixed name"
    assert codes(check(fixed("image:1"), fixed("image:1"))) == set()


def test_nested_stacks_are_not_read_and_that_is_said(check: Check, document: Document) -> None:
    nested = document(Inner={"Type": "AWS::CloudFormation::Stack"})
    assert "does not look into the nested stack Inner" in only(check(nested, nested), "undecided").message


def test_a_deployed_template_that_is_not_json(check: Check, document: Document, account) -> None:
    account.deployed("mme-dev-serving", None)
    assert "which is not JSON" in only(check(None, document()), "undecided").message


def test_a_stack_without_an_endpoint(check: Check) -> None:
    with pytest.raises(MmeError, match=r"mme-dev-serving has no AWS::SageMaker::Endpoint"):
        check({"Resources": {}}, {"Resources": {}})


def test_an_endpoint_that_is_taken_out(check: Check, document: Document) -> None:
    assert codes(check(document(), {"Resources": {}})) == {"endpoint-removed"}


def test_credentials_of_another_account(account, document: Document, assembly: Callable[..., Path]) -> None:
    folder = assembly(document(), place="aws://999999999999/eu-west-1")
    with pytest.raises(MmeError, match=r"are for account 123456789012, and the assembly deploys .* to 9{12}"):
        inspect(Settings(env="dev"), folder, lambda *_: account)  # type: ignore[arg-type, return-value]


GROUP = "/aws/sagemaker/Endpoints/mme-dev"


def log_group(days: int) -> dict[str, Any]:
    return {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": GROUP, "RetentionInDays": days}}


@pytest.mark.parametrize("first", [True, False])
def test_a_log_group_that_sagemaker_made_stops_the_deployment(
    check: Check, document: Document, account: Any, first: bool
) -> None:
    account.log_groups.add(GROUP)
    report = check(None if first else document(), document(Log=log_group(14)))
    finding = only(report, "log-group-exists")
    assert finding in report.stopping()
    assert finding.subject == GROUP
    assert f"aws logs put-retention-policy --log-group-name {GROUP}" in finding.way_out[0]


def test_a_log_group_of_the_stack_s_own_or_a_free_name_is_fine(
    check: Check, document: Document, account: Any
) -> None:
    assert "log-group-exists" not in codes(check(document(), document(Log=log_group(14))))
    account.log_groups.add(GROUP)
    assert "log-group-exists" not in codes(check(document(Log=log_group(14)), document(Log=log_group(30))))
