"""Cleanup deletes this deployment and nothing of others: endpoints, prefixes, stacks, logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from mme.aws.clients import AwsClients
from mme.errors import MmeError
from mme.operate.cleanup import Choice, CleanPlan, clean, plan_clean, plan_leftovers
from mme.operate.discovery import Deployment
from tests.operate.deployment import DEPLOYMENT, put_log
from tools.sample_deployment import BUCKET, ENDPOINT, GROUP, STACK, deploy, serving_template, store_template

STORE = "mme-dev-model-store"
IMPORTED = {"Fn::ImportValue": f"{BUCKET}-name"}
ALL = Choice(models=True, outputs=True, logs=True, store=True)


class Recorder:
    """Records the progress."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.deleted = 0

    def began(self, what: str, total: int | None) -> None:
        pass

    def advanced(self, count: int) -> None:
        self.deleted += count

    def finished(self, what: str) -> None:
        self.steps.append(what)


@pytest.fixture
def deployed(clients: AwsClients) -> AwsClients:
    """A store and a serving stack that imports its bucket, models of two versions, an alias, a log."""
    deploy(clients, store_template(), STORE)
    deploy(clients, serving_template(bucket=IMPORTED))
    put(clients, "models/a_v0.tar.gz", "models/a_v0.tar.gz", "models/tenant/b_v0.tar.gz")
    put(clients, ".mme/models/@aliases/a")
    put_log(clients, "AllTraffic/i-1", [(datetime.now(UTC), "hello")])
    return clients


@pytest.fixture
def neighbours(clients: AwsClients) -> None:
    """Other resources of the account."""
    clients.s3.create_bucket(Bucket="others")
    clients.s3.put_object(Bucket="others", Key="models/x_v0.tar.gz", Body=b"x")
    deploy(clients, serving_template(endpoint="mme-dev-2", bucket="others"), "mme-dev-2-serving")
    clients.logs.create_log_group(logGroupName=f"{GROUP}-2")
    deploy(clients, store_template("prod-models"), "mme-prod-model-store")
    clients.s3.put_object(Bucket="prod-models", Key="models/p_v0.tar.gz", Body=b"x")


def put(clients: AwsClients, *keys: str, bucket: str = BUCKET) -> None:
    for key in keys:
        clients.s3.put_object(Bucket=bucket, Key=key, Body=b"content")


def keys(clients: AwsClients, bucket: str = BUCKET) -> list[str]:
    found = clients.s3.list_object_versions(Bucket=bucket)
    return sorted(one["Key"] for one in [*found.get("Versions", []), *found.get("DeleteMarkers", [])])


def stacks(clients: AwsClients) -> set[str]:
    found = clients.cloudformation.describe_stacks()["Stacks"]
    return {stack["StackName"] for stack in found if stack["StackStatus"] != "DELETE_COMPLETE"}


def endpoints(clients: AwsClients) -> set[str]:
    return {one["EndpointName"] for one in clients.sagemaker.list_endpoints()["Endpoints"]}


def run(clients: AwsClients, plan: CleanPlan) -> Recorder:
    recorder = Recorder()
    clean(clients, plan, recorder, lambda: pytest.fail("the embedded AWS deletes at once"))
    return recorder


@pytest.mark.usefixtures("neighbours")
def test_the_serving_stack_alone(deployed: AwsClients) -> None:
    plan = plan_clean(deployed, DEPLOYMENT, Choice())
    assert plan.subject == STACK
    assert plan.stays == (
        "2 models at s3://models/models/: --models deletes them too",
        f"the stack {STORE}: --store deletes it too",
        f"the log group {GROUP}: --logs deletes it too",
    )
    assert run(deployed, plan).steps == [f"stack {STACK}"]
    assert endpoints(deployed) == {"mme-dev-2"}
    assert stacks(deployed) == {STORE, "mme-dev-2-serving", "mme-prod-model-store"}
    assert len(keys(deployed)) == 4
    assert len(deployed.sagemaker.list_models()["Models"]) == 1


@pytest.mark.usefixtures("neighbours")
def test_all_of_the_deployment_and_nothing_else(deployed: AwsClients) -> None:
    plan = plan_clean(deployed, DEPLOYMENT, ALL)
    assert plan.stays == ()
    recorder = run(deployed, plan)
    assert recorder.deleted == 4
    assert recorder.steps == [
        f"stack {STACK}",
        "models in s3://models/models/",
        "aliases in s3://models/.mme/models/@",
        f"log group {GROUP}",
        f"stack {STORE}",
    ]
    assert stacks(deployed) == {"mme-dev-2-serving", "mme-prod-model-store"}
    assert endpoints(deployed) == {"mme-dev-2"}
    names = {bucket["Name"] for bucket in deployed.s3.list_buckets()["Buckets"]}
    assert names == {"others", "prod-models"}
    assert keys(deployed, "others") == ["models/x_v0.tar.gz"]
    assert keys(deployed, "prod-models") == ["models/p_v0.tar.gz"]
    groups = deployed.logs.describe_log_groups()["logGroups"]
    assert [group["logGroupName"] for group in groups] == [f"{GROUP}-2"]


def test_models_go_and_other_prefixes_of_the_same_bucket_stay(deployed: AwsClients) -> None:
    others = ["models-2/a.tar.gz", "shared/a", ".mme/models/tenant/@aliases/a"]
    put(deployed, *others)
    run(deployed, plan_clean(deployed, DEPLOYMENT, Choice(models=True)))
    assert keys(deployed) == sorted(others)
    assert stacks(deployed) == {STORE}


def test_a_store_with_other_content_is_not_deleted(deployed: AwsClients) -> None:
    put(deployed, "shared/a")
    with pytest.raises(MmeError, match=r"models has objects of others: shared/a"):
        plan_clean(deployed, DEPLOYMENT, ALL)
    assert endpoints(deployed) == {ENDPOINT}


def test_models_that_another_stack_uses_stay(deployed: AwsClients) -> None:
    other = serving_template(endpoint="staging", bucket=IMPORTED)
    deploy(deployed, other, "mme-staging-serving")
    with pytest.raises(MmeError, match="used by mme-staging-serving too: they stay"):
        plan_clean(deployed, DEPLOYMENT, Choice(models=True))
    run(deployed, plan_clean(deployed, DEPLOYMENT, Choice()))
    assert endpoints(deployed) == {"staging"}
    assert len(keys(deployed)) == 4


def test_models_in_a_bucket_of_no_stack_stay(clients: AwsClients) -> None:
    clients.s3.create_bucket(Bucket=BUCKET)
    put(clients, "models/a_v0.tar.gz")
    deploy(clients, serving_template())
    with pytest.raises(MmeError, match="bucket models belongs to no stack of this deployment"):
        plan_clean(clients, DEPLOYMENT, Choice(models=True))
    run(clients, plan_clean(clients, DEPLOYMENT, Choice()))
    assert keys(clients) == ["models/a_v0.tar.gz"]


def test_termination_protection_stops_it_before_any_deletion(deployed: AwsClients) -> None:
    deployed.cloudformation.update_termination_protection(EnableTerminationProtection=True, StackName=STORE)
    with pytest.raises(MmeError, match=f"{STORE} has termination protection"):
        plan_clean(deployed, DEPLOYMENT, ALL)
    assert plan_clean(deployed, DEPLOYMENT, Choice()).serving is not None
    deployed.cloudformation.update_termination_protection(EnableTerminationProtection=True, StackName=STACK)
    with pytest.raises(MmeError, match=f"{STACK} has termination protection"):
        plan_clean(deployed, DEPLOYMENT, Choice())


def test_an_endpoint_that_the_stack_only_names(deployed: AwsClients) -> None:
    named = Deployment(STACK, "foreign", BUCKET, "models/")
    with pytest.raises(MmeError, match="names endpoint foreign but does not own it"):
        plan_clean(deployed, named, Choice())


def test_an_interrupted_cleaning_goes_on_from_the_store(deployed: AwsClients) -> None:
    run(deployed, plan_clean(deployed, DEPLOYMENT, Choice()))
    plan = plan_leftovers(deployed, STORE, ALL)
    assert plan is not None
    assert (plan.subject, plan.serving) == (STORE, None)
    run(deployed, plan)
    assert stacks(deployed) == set()
    assert plan_leftovers(deployed, STORE, ALL) is None


def test_a_stack_that_is_not_a_store_has_no_leftovers(deployed: AwsClients) -> None:
    with pytest.raises(MmeError, match="is not a model store"):
        plan_leftovers(deployed, STACK, ALL)


def test_the_store_by_its_name(deployed: AwsClients) -> None:
    with pytest.raises(MmeError, match="stack nothing does not exist"):
        plan_clean(deployed, DEPLOYMENT, ALL, "nothing")
    with pytest.raises(MmeError, match=f"stack {STACK} does not own the bucket models"):
        plan_clean(deployed, DEPLOYMENT, ALL, STACK)
    plan = plan_clean(deployed, DEPLOYMENT, ALL, STORE)
    assert plan.store is not None
    assert plan.store.name == STORE


def test_a_retained_bucket_is_emptied_and_stays(clients: AwsClients) -> None:
    deploy(clients, store_template(retain=True), STORE)
    deploy(clients, serving_template(bucket=IMPORTED))
    put(clients, "models/a_v0.tar.gz", "shared/a")
    plan = plan_clean(clients, DEPLOYMENT, ALL)
    assert plan.stays == ("the bucket models: its stack retains it",)
    run(clients, plan)
    assert stacks(clients) == set()
    assert keys(clients) == ["shared/a"]


def one_stack(**more: Any) -> str:
    """Bucket and endpoint in one stack, as a small app has them."""
    bucket = json.loads(store_template())["Resources"]["Bucket"]
    return serving_template(bucket={"Ref": "Bucket"}, Bucket=bucket, **more)


def test_bucket_and_endpoint_in_one_stack(clients: AwsClients) -> None:
    deploy(clients, one_stack())
    put(clients, "models/a_v0.tar.gz", "models/a_v0.tar.gz")
    with pytest.raises(MmeError, match=r"owns the bucket models, which is not empty \(models/a_v0"):
        plan_clean(clients, DEPLOYMENT, Choice())
    plan = plan_clean(clients, DEPLOYMENT, Choice(models=True))
    assert plan.store is None
    assert run(clients, plan).steps == ["models in s3://models/models/", f"stack {STACK}"]
    assert clients.s3.list_buckets()["Buckets"] == []


def test_outputs_by_choice(clients: AwsClients) -> None:
    outputs = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "answers"}}
    deploy(clients, store_template(), STORE)
    template = serving_template(bucket=IMPORTED, capture="s3://models/captured", Outputs=outputs)
    deploy(clients, template)
    put(clients, "models/a_v0.tar.gz")
    put(clients, f"captured/{ENDPOINT}/AllTraffic/x", "captured/mme-dev-2/AllTraffic/x")
    with pytest.raises(MmeError, match="models has objects of others"):
        plan_clean(clients, DEPLOYMENT, ALL)
    plan = plan_clean(clients, DEPLOYMENT, Choice(models=True))
    assert f"captured data at s3://models/captured/{ENDPOINT}/: --outputs deletes it too" in plan.stays
    put(clients, "one", bucket="answers")
    with pytest.raises(MmeError, match="owns the bucket answers, which is not empty"):
        plan_clean(clients, DEPLOYMENT, Choice(models=True))
    run(clients, plan_clean(clients, DEPLOYMENT, Choice(models=True, outputs=True)))
    assert keys(clients) == ["captured/mme-dev-2/AllTraffic/x"]
    assert [bucket["Name"] for bucket in clients.s3.list_buckets()["Buckets"]] == [BUCKET]


def test_captured_data_in_a_bucket_of_others_stays(clients: AwsClients) -> None:
    clients.s3.create_bucket(Bucket="lake")
    deploy(clients, store_template(), STORE)
    deploy(clients, serving_template(bucket=IMPORTED, capture="s3://lake/captured"))
    put(clients, f"captured/{ENDPOINT}/x", bucket="lake")
    plan = plan_clean(clients, DEPLOYMENT, ALL)
    assert plan.stays == (
        f"captured data at s3://lake/captured/{ENDPOINT}/: no stack of this deployment owns the bucket",
    )
    run(clients, plan)
    assert keys(clients, "lake") == [f"captured/{ENDPOINT}/x"]


def test_what_arrives_late_in_the_log_bucket_is_deleted_again(
    deployed: AwsClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_clean(deployed, DEPLOYMENT, ALL)
    delete, late = deployed.cloudformation.delete_stack, iter(["models/late_v0.tar.gz"])

    def delete_stack(**arguments: Any) -> Any:
        if STORE in arguments["StackName"] and (key := next(late, None)):
            put(deployed, key)
        return delete(**arguments)

    monkeypatch.setattr(deployed.cloudformation, "delete_stack", delete_stack)
    run(deployed, plan)
    assert stacks(deployed) == set()


def test_why_cloudformation_did_not_delete(deployed: AwsClients, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_clean(deployed, DEPLOYMENT, Choice(store=True))
    delete = deployed.cloudformation.delete_stack

    def delete_stack(**arguments: Any) -> Any:
        if STORE in arguments["StackName"]:
            put(deployed, "strange/key")
        return delete(**arguments)

    monkeypatch.setattr(deployed.cloudformation, "delete_stack", delete_stack)
    with pytest.raises(MmeError, match=f"did not delete the stack {STORE}: .*not empty"):
        run(deployed, plan)
    assert keys(deployed)[0] == "strange/key"
