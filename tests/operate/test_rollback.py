"""Rollback to an endpoint config: found, checked, shown, applied; or refused with a reason."""

from __future__ import annotations

import pytest

from mme.aws.clients import AwsClients
from mme.errors import MmeError
from mme.operate.endpoint_state import EndpointState
from mme.operate.rollback import plan_rollback, roll_back, wait_until_settled
from mme.operate.status import read_status
from tests.operate.deployment import DEPLOYMENT
from tools.sample_deployment import ENDPOINT, IMAGE, deploy, serving_template

FORMER = IMAGE.replace("26.05", "25.09")


def running(clients: AwsClients) -> str:
    return clients.sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"]


def copy_of(clients: AwsClients, config: str, name: str, **changes: str) -> None:
    """A config like another, made now, on a model of its own that no stack replaces."""
    (variant,) = clients.sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    model = clients.sagemaker.describe_model(ModelName=variant["ModelName"])
    clients.sagemaker.create_model(
        ModelName=f"{name}-model",
        ExecutionRoleArn=model["ExecutionRoleArn"],
        PrimaryContainer={
            "Image": IMAGE,
            "Mode": "MultiModel",
            "ModelDataUrl": changes.pop("url", "s3://models/models/"),
        },
    )
    clients.sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[{**variant, "ModelName": f"{name}-model", **changes}],  # type: ignore[typeddict-item]
    )


def test_back_to_the_stacks_config_after_a_change_by_hand(clients: AwsClients) -> None:
    deploy(clients, serving_template())
    first = running(clients)
    copy_of(clients, first, "by-hand")
    clients.sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName="by-hand")
    plan = plan_rollback(clients, DEPLOYMENT)
    assert plan.current is not None
    assert (plan.current.name, plan.previous.name, plan.scaled) == ("by-hand", first, True)
    roll_back(clients, plan)
    settled = wait_until_settled(clients, ENDPOINT, lambda state: pytest.fail(f"waits at {state}"))
    assert (settled.config, settled.status) == (first, "InService")
    assert not read_status(clients, DEPLOYMENT).drifted


def test_a_scaled_endpoint_retains_its_live_instance_count(clients: AwsClients) -> None:
    deploy(clients, serving_template())
    copy_of(clients, running(clients), "by-hand")
    clients.sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName="by-hand")
    clients.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=ENDPOINT,
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 3}],
    )
    roll_back(clients, plan_rollback(clients, DEPLOYMENT))
    (variant,) = clients.sagemaker.describe_endpoint(EndpointName=ENDPOINT)["ProductionVariants"]
    assert variant["DesiredInstanceCount"] == 3


def test_cloudformation_deleted_what_it_replaced(clients: AwsClients) -> None:
    deploy(clients, serving_template(image=FORMER))
    deploy(clients, serving_template())
    with pytest.raises(MmeError, match="no earlier config left: CloudFormation deletes what it replaces"):
        plan_rollback(clients, DEPLOYMENT)


def test_a_config_that_the_stack_retained_is_found(clients: AwsClients) -> None:
    deploy(clients, serving_template(scaling=False))
    first = running(clients)
    stem = first.rpartition("-")[0]
    copy_of(clients, first, f"{stem}-OLDER1")
    # Newer than that one, so what it was before is it.
    copy_of(clients, first, f"{stem}-NEWER1")
    clients.sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=f"{stem}-NEWER1")
    assert plan_rollback(clients, DEPLOYMENT).previous.name == f"{stem}-OLDER1"


def test_another_environments_config_of_a_like_name_is_none(clients: AwsClients) -> None:
    deploy(clients, serving_template(scaling=False))
    first = running(clients)
    stem = first.rpartition("-")[0]
    copy_of(clients, first, f"{stem}-FOREIGN", url="s3://other/models/")
    copy_of(clients, first, f"{stem}-NEWER1")
    clients.sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=f"{stem}-NEWER1")
    assert plan_rollback(clients, DEPLOYMENT).previous.name == first
    with pytest.raises(MmeError, match=r"can't use config .*FOREIGN: it serves s3://other/models/"):
        plan_rollback(clients, DEPLOYMENT, f"{stem}-FOREIGN")


def test_a_config_without_its_model_is_skipped(clients: AwsClients) -> None:
    deploy(clients, serving_template(scaling=False))
    first = running(clients)
    copy_of(clients, first, "by-hand")
    clients.sagemaker.delete_model(ModelName="by-hand-model")
    with pytest.raises(MmeError, match="config by-hand: its model by-hand-model does not exist"):
        plan_rollback(clients, DEPLOYMENT, "by-hand")


def test_a_config_that_never_was(clients: AwsClients) -> None:
    deploy(clients, serving_template(scaling=False))
    with pytest.raises(MmeError, match="can't use config nothing: it does not exist"):
        plan_rollback(clients, DEPLOYMENT, "nothing")


def test_the_running_config_is_refused(clients: AwsClients) -> None:
    deploy(clients, serving_template(scaling=False))
    with pytest.raises(MmeError, match=r"runs config .* already"):
        plan_rollback(clients, DEPLOYMENT, running(clients))


def test_another_instance_type_of_a_variant_that_scales(clients: AwsClients) -> None:
    deploy(clients, serving_template())
    copy_of(clients, running(clients), "bigger", InstanceType="ml.m5.4xlarge")
    with pytest.raises(MmeError, match=r"runs ml\.m5\.xlarge and config bigger says ml\.m5\.4xlarge"):
        plan_rollback(clients, DEPLOYMENT, "bigger")


def test_waiting_asks_until_the_update_is_over(clients: AwsClients, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(clients, serving_template(scaling=False))
    answers = iter(["Updating", "RollingBack", "InService"])
    describe = clients.sagemaker.describe_endpoint

    def described(**arguments: str) -> object:
        return {**describe(**arguments), "EndpointStatus": next(answers)}  # type: ignore[arg-type]

    monkeypatch.setattr(clients.sagemaker, "describe_endpoint", described)
    seen: list[EndpointState] = []
    assert wait_until_settled(clients, ENDPOINT, seen.append).status == "InService"
    assert [state.status for state in seen] == ["Updating", "RollingBack"]
