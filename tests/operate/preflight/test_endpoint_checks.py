"""What an update does to a live endpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mme.aws.settings import Settings
from mme.operate.preflight import Effect, Finding, Report, inspect

Check = Callable[..., Report]
Document = Callable[..., dict[str, Any]]
CANARY = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "CANARY"}}}
ROLLING = {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}}}


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


def only(report: Report, code: str) -> Finding:
    (finding,) = [finding for finding in report.findings if finding.code == code]
    return finding


def test_the_same_template_finds_nothing(check: Check, document: Document) -> None:
    report = check(document(), document())
    assert report.findings == ()
    assert not report.first
    assert report.stopping() == []


def test_another_type_of_a_registered_variant(check: Check, document: Document, account) -> None:
    account.runs(count=3)
    finding = only(check(document(), document(type="ml.m5.2xlarge")), "instance-type")
    assert finding.effect is Effect.FAILS
    assert finding.subject == "mme-dev"
    assert finding.message == (
        "the instance type of AllTraffic changes from ml.m5.xlarge to ml.m5.2xlarge while it is registered "
        "as a scalable target"
    )
    assert finding.way_out == (
        "two deployments change it, each after one line in stacks/environments.py, environment dev:",
        '  1  instance_type="ml.m5.xlarge",        # stays',
        '     next_instance_type="ml.m5.2xlarge",  # add: takes the scaling away, leaves the endpoint alone',
        "     $ cdk deploy -c env=dev 'dev/*'",
        '  2  instance_type="ml.m5.2xlarge",       # change: changes the type, brings the scaling back',
        "     $ cdk synth --quiet -c env=dev && mme --env dev endpoint preflight && "
        "cdk deploy -c env=dev 'dev/*'",
        "between them AllTraffic keeps its 3 instances, whatever the load",
    )


@pytest.mark.parametrize(
    ("settings", "called"),
    [
        (Settings(stack="mme-dev-serving"), "mme --stack mme-dev-serving endpoint preflight"),
        (
            Settings(stack="mme-dev-serving", env="prod"),
            "mme --env prod --stack mme-dev-serving endpoint preflight",
        ),
    ],
)
def test_the_path_in_an_app_of_one_s_own(
    account, assembly, document: Document, settings: Settings, called: str
) -> None:
    account.deployed("mme-dev-serving", document())
    account.runs()
    report = inspect(settings, assembly(document(type="ml.m5.2xlarge")), lambda *_: account)  # type: ignore[arg-type, return-value]
    way_out = only(report, "instance-type").way_out
    assert way_out[0].endswith("in the MultiModelEndpoint of dev/Serving:")
    assert f"     $ cdk synth --quiet && {called} && cdk deploy 'dev/Serving'" in way_out


def test_removing_the_scaling_at_the_same_time_does_not_help(check: Check, document: Document) -> None:
    report = check(document(), document(type="ml.m5.2xlarge", scaled=False))
    assert [finding.code for finding in report.stopping()] == ["instance-type"]


def test_a_target_registered_by_nobody_s_stack(check: Check, document: Document) -> None:
    plain = document(scaled=False)
    way_out = only(check(plain, document(type="ml.m5.2xlarge", scaled=False)), "instance-type").way_out
    assert (
        "  $ aws application-autoscaling deregister-scalable-target --service-namespace sagemaker "
        "--scalable-dimension sagemaker:variant:DesiredInstanceCount "
        "--resource-id endpoint/mme-dev/variant/AllTraffic"
    ) in way_out


def test_what_runs_counts_not_what_was_deployed(check: Check, document: Document, account) -> None:
    # The stack has the old type, the endpoint was moved by hand: nothing is left to change.
    account.runs(type="ml.m5.2xlarge")
    report = check(document(), document(type="ml.m5.2xlarge"))
    assert codes(report) == {"endpoint-updated"}


def test_another_type_without_scaling(check: Check, document: Document, account) -> None:
    account.runs(registered=False)
    plain = document(scaled=False)
    report = check(plain, document(type="ml.c5.xlarge", scaled=False))
    assert only(report, "instance-type-changed").effect is Effect.NOTE
    assert report.stopping() == []


def test_the_type_comes_from_a_parameter(check: Check, document: Document, account) -> None:
    def of_parameter(default: str | None) -> dict[str, Any]:
        declared = {"Type": "String"} | ({"Default": default} if default else {})
        return document(type={"Ref": "Size"}) | {"Parameters": {"Size": declared}}

    assert "instance-type" in codes(check(document(), of_parameter("ml.c5.xlarge")))
    assert "instance-type" not in codes(check(document(), of_parameter("ml.m5.xlarge")))
    unknown = only(check(document(), of_parameter(None)), "undecided")
    assert "preflight can't tell whether the instance type of AllTraffic changes: it becomes ${Size}" in (
        unknown.message
    )
    assert unknown.effect is Effect.WARNING


def test_a_parameter_keeps_its_deployed_value(check: Check, document: Document, account) -> None:
    after = document(type={"Ref": "Size"}) | {
        "Parameters": {"Size": {"Type": "String", "Default": "ml.c5.xlarge"}}
    }
    check(document(), after)
    account.deployed("mme-dev-serving", document(), parameters={"Size": "ml.m5.xlarge"})
    assert "instance-type" not in codes(check(None, after))


def test_a_config_that_another_stack_defines(check: Check, document: Document, account) -> None:
    before, after = document(), document()
    for template, name in ((before, "config-1"), (after, "config-2")):
        template["Resources"]["Endpoint"]["Properties"]["EndpointConfigName"] = name
        del template["Resources"]["Config"], template["Resources"]["Model"]
    assert "instance-type" not in codes(check(before, after))
    assert "what the endpoint config config-2 has" in only(check(before, after), "undecided").message
    account.configs["config-2"] = {"AllTraffic": "ml.c5.xlarge"}
    assert "instance-type" in codes(check(before, after))


def test_a_running_config_that_is_gone(check: Check, document: Document, account) -> None:
    account.runs(type=None)
    report = check(document(), document(image="image:2"))
    assert "the instance type of AllTraffic as it runs" in only(report, "undecided").message


@pytest.mark.parametrize(
    ("registered", "strategy", "code", "effect"),
    [
        (True, None, "variant-removed", Effect.FAILS),
        (False, CANARY, "variant-renamed", Effect.FAILS),
        (False, None, "variant-changed", Effect.WARNING),
    ],
)
def test_a_variant_that_goes(
    check: Check, document: Document, account, registered: bool, strategy: Any, code: str, effect: Effect
) -> None:
    account.runs(registered=registered)
    report = check(document(), document(variant="Other", strategy=strategy))
    assert only(report, code).effect is effect


@pytest.mark.parametrize("status", ["Updating", "Creating", "RollingBack", "SystemUpdating", "Deleting"])
def test_a_busy_endpoint(check: Check, document: Document, account, status: str) -> None:
    account.runs(status=status)
    finding = only(check(document(), document(image="image:2")), "endpoint-busy")
    assert finding.effect is Effect.FAILS
    assert finding.message == f"the endpoint is {status}, not InService"
    # Nothing is asked of the endpoint itself.
    assert only(check(document(), document()), "endpoint-busy").effect is Effect.WARNING


def test_a_failed_endpoint(check: Check, document: Document, account) -> None:
    account.runs(status="Failed", failure="no capacity")
    finding = only(check(document(), document(image="image:2")), "endpoint-failed")
    assert "Failed, not InService: no capacity" in finding.message


def test_an_endpoint_deleted_by_hand(check: Check, document: Document, account) -> None:
    account.runs("another")
    assert only(check(document(), document(image="image:2")), "endpoint-gone").effect is Effect.FAILS
    assert only(check(document(), document()), "endpoint-gone").effect is Effect.WARNING


@pytest.mark.parametrize(
    ("strategy", "live", "initial", "kept", "stops"),
    [
        (CANARY, 1, 2, True, True),  # scaled in to one, and the update keeps that
        (CANARY, 1, 2, False, False),
        (ROLLING, 2, 1, False, True),
        (ROLLING, 2, 1, True, False),
        (None, 1, 1, True, False),
        (
            {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE"}}},
            1,
            1,
            True,
            False,
        ),
    ],
)
def test_guardrails_with_one_instance(
    check: Check, document: Document, account, strategy: Any, live: int, initial: int, kept: bool, stops: bool
) -> None:
    account.runs(count=live)
    after = document(count=initial, keeps_counts=kept, strategy=strategy, image="image:2")
    report = check(document(), after)
    assert ("one-instance" in codes(report)) == stops
    if stops:
        (way_out,) = only(report, "one-instance").way_out
        assert ("update-endpoint-weights-and-capacities" in way_out) == kept


def test_one_instance_is_enough_where_nothing_is_deployed(check: Check, document: Document, account) -> None:
    account.runs(count=1)
    assert codes(check(document(), document(strategy=CANARY))) == set()


def test_an_initial_count_below_the_live_one(check: Check, document: Document, account) -> None:
    account.runs(count=5)
    after = document(keeps_counts=False, image="image:2")
    finding = only(check(document(), after), "fewer-instances")
    assert finding.effect is Effect.WARNING
    assert finding.message == "AllTraffic goes from the 5 instances it has now to its initial count of 2"
    assert "fewer-instances" not in codes(check(document(), document(image="image:2")))
    # Kept, but for the counts.
    after = document(image="image:2")
    after["Resources"]["Endpoint"]["Properties"]["ExcludeRetainedVariantProperties"] = [
        {"VariantPropertyType": "DesiredInstanceCount"}
    ]
    assert "fewer-instances" in codes(check(document(), after))


def test_scaling_that_goes_and_comes(check: Check, document: Document, account) -> None:
    gone = check(document(), document(scaled=False))
    assert [finding.code for finding in gone.findings] == ["scaling-removed"]
    account.runs(registered=False)
    back = check(document(scaled=False), document())
    assert [finding.code for finding in back.findings] == ["scaling-added"]


def test_scaling_that_was_taken_away_by_hand(check: Check, document: Document, account) -> None:
    account.runs(registered=False)
    finding = only(check(document(), document()), "scaling-lost")
    assert finding.effect is Effect.WARNING
    assert "although its stack has Target" in finding.message


def test_models_that_move(check: Check, document: Document) -> None:
    finding = only(check(document(), document(prefix="new/")), "models-moved")
    assert finding.effect is Effect.LOSES
    assert finding.message == (
        "the place of AllTraffic's models changes from s3://models/models/ to s3://models/new/"
    )
    assert finding.way_out == ("copy them before: aws s3 sync s3://models/models/ s3://models/new/",)


def test_models_whose_bucket_only_the_deployment_knows(check: Check, document: Document) -> None:
    imported = {"Fn::ImportValue": "store:Bucket"}
    assert codes(check(document(bucket=imported), document(bucket=imported))) == set()
    report = check(document(bucket=imported), document())
    assert "s3://${import store:Bucket}/models/ to s3://models/models/" in only(report, "undecided").message
    moved = only(check(document(bucket=imported), document(bucket=imported, prefix="b/")), "models-moved")
    assert moved.way_out == ("copy the models to the new place before",)


def test_losses_may_be_accepted_and_failures_not(check: Check, document: Document) -> None:
    report = check(document(), document(prefix="new/", type="ml.c5.xlarge"))
    assert [finding.code for finding in report.stopping()] == ["instance-type", "models-moved"]
    assert [finding.code for finding in report.stopping(["models-moved", "instance-type"])] == [
        "instance-type"
    ]
