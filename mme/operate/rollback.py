"""Back to the endpoint config before this one, without a deployment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mme.aws.clients import AwsClients
from mme.errors import MmeError
from mme.operate.discovery import Deployment
from mme.operate.endpoint_state import EndpointState, is_not_found, read_endpoint
from mme.operate.scaling_state import read_scaling
from mme.operate.stack_resources import ENDPOINT_CONFIG, stack_resources

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


@dataclass(frozen=True, slots=True)
class ConfigSummary:
    """An endpoint config in what matters to whoever chooses one.

    Attributes:
        name: of the config.
        created: in UTC.
        variants: for each, its name, instance type and models' images.
    """

    name: str
    created: datetime
    variants: tuple[tuple[str, str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """What a rollback would do.

    Attributes:
        endpoint: as it is now.
        current: the config it runs; None where that was deleted under it.
        previous: the config it would run.
        scaled: true where its instance count is Application Auto Scaling's, and so is kept.
    """

    endpoint: EndpointState
    current: ConfigSummary | None
    previous: ConfigSummary
    scaled: bool


def plan_rollback(clients: AwsClients, deployment: Deployment, to: str | None = None) -> RollbackPlan:
    """Finds the config to go back to: the newest that is older than the running one and still whole.

    Args:
        clients: of the endpoint's account and region.
        deployment: whose endpoint.
        to: a config's name, where another is wanted.

    Raises:
        MmeError: there is none, its models are gone, it serves other models, or SageMaker would refuse it.
    """
    endpoint = read_endpoint(clients.sagemaker, deployment.endpoint_name)
    if endpoint.in_motion:
        raise MmeError(
            f"endpoint {endpoint.name} is {endpoint.status}: it can't be rolled back now",
            hint="wait until that is done: mme endpoint status --watch",
        )
    current = _summary(clients, endpoint.config, deployment)[0]
    previous = _chosen(clients, deployment, to) if to else _previous(clients, deployment, endpoint, current)
    if previous.name == endpoint.config:
        raise MmeError(f"endpoint {endpoint.name} runs config {previous.name} already")
    scaled = bool(read_scaling(clients.scaling, endpoint.name, [one.name for one in endpoint.variants]))
    if scaled and current is not None:
        _check_types(current, previous)
    return RollbackPlan(endpoint, current, previous, scaled)


def roll_back(clients: AwsClients, plan: RollbackPlan) -> None:
    """Begins the update.

    No deployment guardrail is kept: with its alarm ringing, it would roll the rollback back.

    Raises:
        botocore.exceptions.ClientError: SageMaker refuses.
    """
    arguments: dict[str, Any] = {"RetainAllVariantProperties": True} if plan.scaled else {}
    clients.sagemaker.update_endpoint(
        EndpointName=plan.endpoint.name, EndpointConfigName=plan.previous.name, **arguments
    )


def wait_until_settled(
    clients: AwsClients, endpoint_name: str, pause: Callable[[EndpointState], object]
) -> EndpointState:
    """Asks until no update is going on any more.

    Args:
        pause: called with the endpoint's state before each further question; it waits.
    """
    while (state := read_endpoint(clients.sagemaker, endpoint_name)).in_motion:
        pause(state)
    return state


def _previous(
    clients: AwsClients, deployment: Deployment, endpoint: EndpointState, current: ConfigSummary | None
) -> ConfigSummary:
    names = _stack_configs(clients.cloudformation, deployment) | _configs_like(clients, endpoint.config)
    found = [
        summary
        for name in sorted(names - {endpoint.config})
        if (summary := _summary(clients, name, deployment)[0]) is not None
        and (current is None or summary.created < current.created)
    ]
    if not found:
        raise MmeError(
            f"endpoint {endpoint.name} has no earlier config left: CloudFormation deletes what it replaces",
            hint="deploy the former version of your code, or name a config with --to",
        )
    return max(found, key=lambda one: one.created)


def _stack_configs(cloudformation: CloudFormationClient, deployment: Deployment) -> set[str]:
    """The stack's config, and those it made before, as far back as CloudFormation's events go (90 days)."""
    now = {
        one.name for one in stack_resources(cloudformation, deployment.stack) if one.type == ENDPOINT_CONFIG
    }
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=deployment.stack)
    return now | {
        event["PhysicalResourceId"].rpartition("/")[2]
        for page in pages
        for event in page["StackEvents"]
        if event.get("ResourceType") == ENDPOINT_CONFIG and event.get("PhysicalResourceId")
    }


def _configs_like(clients: AwsClients, name: str) -> set[str]:
    """Configs whose names differ from this one in the random end only, which CloudFormation gives them."""
    stem = name.rpartition("-")[0]
    if not stem:
        return set()
    pages = clients.sagemaker.get_paginator("list_endpoint_configs").paginate(NameContains=stem)
    return {
        one["EndpointConfigName"]
        for page in pages
        for one in page["EndpointConfigs"]
        if one["EndpointConfigName"].rpartition("-")[0] == stem
    }


def _chosen(clients: AwsClients, deployment: Deployment, name: str) -> ConfigSummary:
    summary, fault = _summary(clients, name, deployment)
    if summary is None:
        raise MmeError(
            f"the endpoint can't go to config {name}: {fault}",
            hint="see what there is: aws sagemaker list-endpoint-configs",
        )
    return summary


def _summary(clients: AwsClients, name: str, deployment: Deployment) -> tuple[ConfigSummary | None, str]:
    """The config, or why it is none that this endpoint can run: another environment's has a like name."""
    from botocore.exceptions import ClientError

    asked = "it"
    try:
        found: Any = clients.sagemaker.describe_endpoint_config(EndpointConfigName=name)
        variants = []
        for variant in found["ProductionVariants"]:
            asked = f"its model {variant['ModelName']}"
            model: Any = clients.sagemaker.describe_model(ModelName=variant["ModelName"])
            containers = model.get("Containers") or [model["PrimaryContainer"]]
            served = {one.get("ModelDataUrl") for one in containers if one.get("Mode") == "MultiModel"}
            if served != {f"s3://{deployment.bucket}/{deployment.prefix}"}:
                return None, f"it serves {', '.join(sorted(map(str, served))) or 'no multi-model container'}"
            images = tuple(one.get("Image", "") for one in containers)
            variants.append((variant["VariantName"], variant.get("InstanceType", ""), images))
    except ClientError as error:
        if is_not_found(error):
            return None, f"{asked} does not exist"
        raise
    return ConfigSummary(name, found["CreationTime"], tuple(variants)), ""


def _check_types(current: ConfigSummary, previous: ConfigSummary) -> None:
    """SageMaker refuses another instance type while the variant is a scalable target."""
    before = {name: kind for name, kind, _ in current.variants}
    for name, kind, _ in previous.variants:
        if name in before and before[name] != kind:
            raise MmeError(
                f"variant {name} runs {before[name]} and config {previous.name} says {kind}: "
                "SageMaker changes no instance type of a variant that scales",
                hint="deploy the former version of your code without scaling, then with it",
            )
