"""Effects of a deployment on live endpoints and stacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mme.aws.settings import Settings
from mme.errors import MmeError
from mme.operate.preflight import Effect, PreflightFinding, PreflightReport, inspect

FAILS, LOSES, WARNING, NOTE = Effect
Check = Callable[..., PreflightReport]
Document = Callable[..., dict[str, Any]]
CANARY = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "CANARY"}}}
ALL_AT_ONCE = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE"}}}
ROLLING = {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}}}
GROUP = "/aws/sagemaker/Endpoints/mme-dev"
IMPORTED = {"Fn::ImportValue": "store:Bucket"}
BIGGER = {"type": "ml.m5.2xlarge"}
UPDATED = {"image": "image:2"}
MOVED = {
    "rights-removed-early": WARNING,
    "endpoint-updated": NOTE,
}  # the role's inline policy changes in place


def codes(report: PreflightReport) -> dict[str, Effect]:
    return {finding.code: finding.effect for finding in report.findings}


def only(report: PreflightReport, code: str) -> PreflightFinding:
    (finding,) = [finding for finding in report.findings if finding.code == code]
    return finding


def bucket(name: Any = None, **more: Any) -> dict[str, Any]:
    return {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name} if name else {}, **more}


def log_group(days: int) -> dict[str, Any]:
    return {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": GROUP, "RetentionInDays": days}}


@pytest.mark.parametrize(
    ("live", "before", "after", "found"),
    [
        # Instance types. What runs counts, not what was deployed.
        ({}, {}, {}, {}),
        ({}, {}, BIGGER, {"instance-type": FAILS}),
        ({}, {}, {**BIGGER, "scaled": False}, {"instance-type": FAILS, "scaling-removed": NOTE}),
        (BIGGER, {}, BIGGER, {"endpoint-updated": NOTE}),
        (
            {"registered": False},
            {"scaled": False},
            {**BIGGER, "scaled": False},
            {"instance-type-changed": NOTE, "endpoint-updated": NOTE},
        ),
        ({"type": ""}, {}, UPDATED, {"undecided": WARNING, "endpoint-updated": NOTE}),
        # Variants.
        ({}, {}, {"variant": "Other"}, {"variant-removed": FAILS, "scaling-removed": NOTE}),
        ({"registered": False}, {}, {"variant": "Other", "strategy": CANARY}, {"variant-renamed": FAILS}),
        (
            {"registered": False},
            {},
            {"variant": "Other"},
            {"variant-changed": WARNING, "endpoint-updated": NOTE},
        ),
        # The endpoint's status matters only if it is updated.
        *(
            ({"status": status}, {}, after, {"endpoint-busy": effect})
            for status in ("Updating", "Creating", "RollingBack", "SystemUpdating", "Deleting")
            for after, effect in ((UPDATED, FAILS), ({}, WARNING))
        ),
        ({"status": "Failed", "failure": "no capacity"}, {}, UPDATED, {"endpoint-failed": FAILS}),
        (
            {"config_deleted": True},
            {},
            UPDATED,
            {"config-deleted": NOTE, "endpoint-updated": NOTE},
        ),
        ({"config_deleted": True}, {}, {}, {"config-deleted": WARNING}),
        ({"name": "other"}, {}, UPDATED, {"endpoint-gone": FAILS}),
        ({"name": "other"}, {}, {}, {"endpoint-gone": WARNING}),
        # Guardrails with one instance, of the live or the initial count.
        ({"count": 1}, {}, {**UPDATED, "strategy": CANARY}, {"one-instance": FAILS}),
        ({"count": 1}, {}, {**UPDATED, "strategy": ROLLING}, {"one-instance": FAILS}),
        ({"count": 1}, {}, {**UPDATED, "strategy": ALL_AT_ONCE}, {"endpoint-updated": NOTE}),
        ({"count": 1}, {}, {"strategy": CANARY}, {}),
        (
            {"count": 1},
            {},
            {**UPDATED, "strategy": CANARY, "keeps_counts": False},
            {"endpoint-updated": NOTE},
        ),
        (
            {},
            {},
            {**UPDATED, "strategy": ROLLING, "count": 1},
            {"count-ignored": WARNING, "endpoint-updated": NOTE},
        ),
        # Scaling.
        ({"count": 5}, {}, UPDATED, {"endpoint-updated": NOTE}),
        (
            {"count": 5},
            {},
            {**UPDATED, "keeps_counts": False},
            {"fewer-instances": WARNING, "endpoint-updated": NOTE},
        ),
        ({}, {}, {"scaled": False}, {"scaling-removed": NOTE}),
        ({"registered": False}, {"scaled": False}, {}, {"scaling-added": NOTE}),
        ({"registered": False}, {}, {}, {"scaling-lost": WARNING}),
        # Models.
        ({}, {}, {"prefix": "new/"}, {"models-moved": LOSES, **MOVED}),
        ({}, {"bucket": IMPORTED}, {"bucket": IMPORTED}, {}),
        ({}, {"bucket": IMPORTED}, {}, {"undecided": WARNING, **MOVED}),
        # Names.
        ({}, {}, {"name": "other"}, {"endpoint-replaced": LOSES}),
        ({}, {}, {"name": None, "scaled": False}, {"endpoint-replaced": LOSES}),
        ({}, {}, {"name": {"Fn::Sub": "a-${AWS::AccountId}"}, "scaled": False}, {"undecided": WARNING}),
        ({}, {}, {"endpoint": "Renamed"}, {"endpoint-exists": FAILS, "endpoint-removed": LOSES}),
        # Stored data: replaced, kept, or by a name that only the deployment knows.
        ({}, {"Models": bucket("a")}, {"Models": bucket("b")}, {"data": LOSES}),
        ({}, {"Models": bucket("a")}, {}, {"data": LOSES}),
        (
            {},
            {"Models": bucket("a")},
            {"Models": bucket({"Fn::Sub": "x-${AWS::AccountId}"})},
            {"undecided": WARNING},
        ),
        ({}, *[{"Models": bucket({"Fn::Sub": "x-${AWS::AccountId}"})}] * 2, {}),
        ({}, *[{"Inner": {"Type": "AWS::CloudFormation::Stack"}}] * 2, {"undecided": WARNING}),
    ],
)
def test_findings(
    check: Check,
    document: Document,
    account: Any,
    live: dict[str, Any],
    before: dict[str, Any],
    after: dict[str, Any],
    found: dict[str, Effect],
) -> None:
    account.runs(**live)
    report = check(document(**before), document(**after))
    assert codes(report) == found
    assert {one.code for one in report.stopping()} == {
        code for code, effect in found.items() if effect in (FAILS, LOSES)
    }
    assert not report.first


def test_how_to_change_the_type_of_a_scaled_variant(check: Check, document: Document, account: Any) -> None:
    account.runs(count=3)
    finding = only(check(document(), document(**BIGGER)), "instance-type")
    assert finding.subject == "mme-dev"
    assert finding.message == (
        "the instance type of AllTraffic changes from ml.m5.xlarge to ml.m5.2xlarge while it is registered "
        "as a scalable target"
    )
    assert finding.hint.splitlines() == [
        "two deployments change it, each after one line in stacks/environments.py, environment dev:",
        '  1  instance_type="ml.m5.xlarge",        # stays',
        '     next_instance_type="ml.m5.2xlarge",  # add: removes the scaling, does not touch the endpoint',
        "     $ cdk deploy -c env=dev 'dev/*'",
        '  2  instance_type="ml.m5.2xlarge",       # change: changes the type, adds the scaling again',
        "     $ cdk synth --quiet -c env=dev && mme --env dev endpoint preflight && "
        "cdk deploy -c env=dev 'dev/*'",
        "between them AllTraffic has its 3 instances at any load",
    ]


@pytest.mark.parametrize(
    ("settings", "command"),
    [
        (Settings(stack="mme-dev-serving"), "mme --stack mme-dev-serving endpoint preflight"),
        (
            Settings(stack="mme-dev-serving", env="prod"),
            "mme --env prod --stack mme-dev-serving endpoint preflight",
        ),
    ],
)
def test_how_to_change_it_in_another_app(
    account: Any, assembly: Any, document: Document, settings: Settings, command: str
) -> None:
    account.deployed("mme-dev-serving", document())
    account.runs()
    report = inspect(settings, assembly(document(**BIGGER)), lambda *_: account)
    lines = only(report, "instance-type").hint.splitlines()
    assert lines[0].endswith("in the MultiModelEndpoint of dev/Serving:")
    assert f"     $ cdk synth --quiet && {command} && cdk deploy 'dev/Serving'" in lines


def test_how_to_change_it_if_another_tool_registered_it(check: Check, document: Document) -> None:
    report = check(document(scaled=False), document(scaled=False, **BIGGER))
    assert (
        "  $ aws application-autoscaling deregister-scalable-target --service-namespace sagemaker "
        "--scalable-dimension sagemaker:variant:DesiredInstanceCount "
        "--resource-id endpoint/mme-dev/variant/AllTraffic"
    ) in only(report, "instance-type").hint


def test_a_type_from_a_parameter(check: Check, document: Document, account: Any) -> None:
    def of_parameter(default: str | None) -> dict[str, Any]:
        declared = {"Type": "String"} | ({"Default": default} if default else {})
        return document(type={"Ref": "Size"}) | {"Parameters": {"Size": declared}}

    assert "instance-type" in codes(check(document(), of_parameter("ml.c5.xlarge")))
    assert "instance-type" not in codes(check(document(), of_parameter("ml.m5.xlarge")))
    unknown = only(check(document(), of_parameter(None)), "undecided")
    assert "whether the instance type of AllTraffic changes: it becomes ${Size}" in unknown.message
    # The deployed value wins over the new default.
    account.deployed("mme-dev-serving", document(), parameters={"Size": "ml.m5.xlarge"})
    assert "instance-type" not in codes(check(None, of_parameter("ml.c5.xlarge")))


def test_a_config_of_another_stack(check: Check, document: Document, account: Any) -> None:
    before, after = document(), document()
    for template, name in ((before, "config-1"), (after, "config-2")):
        template["Resources"]["Endpoint"]["Properties"]["EndpointConfigName"] = name
        del template["Resources"]["Config"], template["Resources"]["Model"]
    assert "the variants of the endpoint config config-2" in only(check(before, after), "undecided").message
    account.configs["config-2"] = {"AllTraffic": "ml.c5.xlarge"}
    assert "instance-type" in codes(check(before, after))


def test_counts_that_are_excluded_from_retention(check: Check, document: Document, account: Any) -> None:
    account.runs(count=5)
    after = document(**UPDATED)
    after["Resources"]["Endpoint"]["Properties"]["ExcludeRetainedVariantProperties"] = [
        {"VariantPropertyType": "DesiredInstanceCount"}
    ]
    finding = only(check(document(), after), "fewer-instances")
    assert finding.message == "AllTraffic goes from the 5 instances it has now to its initial count of 2"


def test_how_to_move_models(check: Check, document: Document) -> None:
    moved = only(check(document(), document(prefix="new/")), "models-moved")
    assert moved.message == (
        "the location of AllTraffic's models changes from s3://models/models/ to s3://models/new/"
    )
    assert moved.hint == "copy them before: aws s3 sync s3://models/models/ s3://models/new/"
    moved = only(check(document(bucket=IMPORTED), document(bucket=IMPORTED, prefix="b/")), "models-moved")
    assert moved.hint == "copy the models there before"


def test_losses_may_be_accepted_and_failures_not(check: Check, document: Document) -> None:
    report = check(document(), document(prefix="new/", **BIGGER))
    assert [finding.code for finding in report.stopping()] == ["instance-type", "models-moved"]
    left = report.stopping(["models-moved", "instance-type"])
    assert [finding.code for finding in left] == ["instance-type"]


def test_a_first_deployment(check: Check, document: Document) -> None:
    report = check(None, document())
    assert report.first
    assert [(finding.code, finding.effect, finding.subject) for finding in report.findings] == [
        ("first-deployment", NOTE, "mme-dev-store"),
        ("first-deployment", NOTE, "mme-dev-serving"),
    ]
    assert report.stopping() == []
    assert report.stacks == ("mme-dev-store", "mme-dev-serving")


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_a_stack_that_was_never_complete(check: Check, document: Document, account: Any, status: str) -> None:
    account.deployed("mme-dev-serving", document(), status=status)
    assert check(None, document()).first


def test_an_endpoint_of_others_with_the_name(check: Check, document: Document, account: Any) -> None:
    account.runs("mme-dev")
    finding = only(check(None, document()), "endpoint-exists")
    assert finding.effect is FAILS
    assert finding.reason == "it does not belong to the stack mme-dev-serving"
    account.runs("other")
    assert set(codes(check(document(), document(name="other")))) == {"endpoint-replaced", "endpoint-exists"}


def test_a_name_with_the_stacks_name(check: Check, document: Document, account: Any) -> None:
    named = {"name": {"Fn::Join": ["-", ["a", {"Ref": "AWS::StackName"}]]}, "scaled": False}
    account.runs("a-mme-dev-serving", registered=False)
    assert set(codes(check(document(**named), document(**named, **UPDATED)))) == {"endpoint-updated"}


def test_a_name_that_cloudformation_generated(check: Check, document: Document, account: Any) -> None:
    account.names["Endpoint"] = "Endpoint-1abc"
    account.runs("Endpoint-1abc", count=5)
    before = document(name=None, scaled=False)
    after = document(name=None, scaled=False, keeps_counts=False, **UPDATED)
    assert only(check(before, after), "fewer-instances").subject == "Endpoint-1abc"
    assert only(check(before, document(name="mine")), "endpoint-replaced").subject == "Endpoint-1abc"
    # The same name, now written out.
    assert "endpoint-replaced" not in codes(check(before, document(name="Endpoint-1abc")))


def test_a_scalable_target_that_refers_to_the_endpoint(
    check: Check, document: Document, account: Any
) -> None:
    account.names["Endpoint"] = "mme-123456789012"
    account.runs("mme-123456789012")
    named = {"Fn::Sub": "mme-${AWS::AccountId}"}
    before, after = (document(name=named, type=type) for type in ("ml.m5.xlarge", "ml.c5.xlarge"))
    endpoint = {"Fn::GetAtt": ["Endpoint", "EndpointName"]}
    for template in (before, after):
        template["Resources"]["Target"]["Properties"]["ResourceId"] = {
            "Fn::Join": ["", ["endpoint/", endpoint, "/variant/AllTraffic"]]
        }
    finding = only(check(before, after), "instance-type")
    assert finding.subject == "mme-123456789012"
    assert finding.hint.startswith("two deployments change it")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("UPDATE_IN_PROGRESS", "stack-busy"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "stack-busy"),
        ("UPDATE_ROLLBACK_FAILED", "stack-stuck"),
        ("DELETE_FAILED", "stack-stuck"),
    ],
)
def test_a_stack_that_can_not_be_updated(
    check: Check, document: Document, account: Any, status: str, code: str
) -> None:
    account.runs()
    account.deployed("mme-dev-serving", document(), status=status)
    assert only(check(None, document()), code).effect is FAILS


@pytest.mark.parametrize("policy", ["Retain", "Delete", "RetainExceptOnCreate", None])
def test_a_bucket_of_another_stack(account: Any, document: Document, assembly: Any, policy: Any) -> None:
    account.runs()
    account.deployed("mme-dev-serving", document())
    more = {"DeletionPolicy": policy} if policy else {}
    account.deployed("mme-dev-store", {"Resources": {"Models": bucket(**more)}})
    folder = assembly(document(), {"Resources": {"Renamed": bucket()}})
    finding = only(inspect(Settings(env="dev"), folder, lambda *_: account), "data")
    assert "the bucket Models of mme-dev-store is not in the new template" in finding.message
    retained = policy is not None and policy.startswith("Retain")
    assert ("stays in the account" in finding.reason) == retained


def test_a_condition_that_is_now_false_deletes(check: Check, document: Document) -> None:
    with_bucket = document(Models=bucket(Condition="Keep"))
    holds, does_not = ({"Conditions": {"Keep": {"Fn::Equals": ["yes", one]}}} for one in ("yes", "no"))
    assert codes(check(with_bucket | holds, with_bucket | does_not)) == {"data": LOSES}


def test_a_model_with_a_fixed_name(check: Check, document: Document) -> None:
    def fixed(image: str) -> dict[str, Any]:
        template = document(image=image)
        template["Resources"]["Model"]["Properties"]["ModelName"] = "mine"
        return template

    finding = only(check(fixed("image:1"), fixed("image:2")), "fixed-name")
    assert finding.effect is FAILS
    assert finding.message == "the model mine changes, and has a fixed name"
    assert codes(check(fixed("image:1"), fixed("image:1"))) == {}


@pytest.mark.parametrize("first", [True, False])
def test_a_log_group_that_sagemaker_created(
    check: Check, document: Document, account: Any, first: bool
) -> None:
    account.log_groups.add(GROUP)
    finding = only(check(None if first else document(), document(Log=log_group(14))), "log-group-exists")
    assert (finding.effect, finding.subject) == (FAILS, GROUP)
    assert f"aws logs put-retention-policy --log-group-name {GROUP}" in finding.hint
    assert "log-group-exists" not in codes(check(document(Log=log_group(14)), document(Log=log_group(30))))
    account.log_groups.clear()
    assert "log-group-exists" not in codes(check(document(), document(Log=log_group(14))))


def test_a_deployed_template_that_is_not_json(check: Check, document: Document, account: Any) -> None:
    account.deployed("mme-dev-serving", None)
    assert "which is not JSON" in only(check(None, document()), "undecided").message


def test_a_stack_without_an_endpoint(check: Check, document: Document) -> None:
    with pytest.raises(MmeError, match=r"mme-dev-serving has no AWS::SageMaker::Endpoint"):
        check({"Resources": {}}, {"Resources": {}})
    assert codes(check(document(), {"Resources": {}})) == {"endpoint-removed": LOSES}


def test_credentials_of_another_account(account: Any, document: Document, assembly: Any) -> None:
    folder: Path = assembly(document(), place="aws://999999999999/eu-west-1")
    with pytest.raises(MmeError, match=r"are for account 123456789012, and the assembly deploys .* to 9{12}"):
        inspect(Settings(env="dev"), folder, lambda *_: account)
