"""Return an endpoint to a previous endpoint config, without a deployment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mme.aws.clients import AwsClients
from mme.errors import MmeError
from mme.operate.discovery import Deployment
from mme.operate.endpoint_state import EndpointState, read_endpoint, unless_missing
from mme.operate.scaling_state import scalable_targets
from mme.operate.stacks import ENDPOINT_CONFIG, last_of_arn, stack_resources

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


@dataclass(frozen=True, slots=True)
class ConfigSummary:
    """An endpoint config.

    Attributes:
        variants: Name, instance type and container images of each variant.
    """

    name: str
    created: datetime
    variants: tuple[tuple[str, str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """What a rollback would change.

    Attributes:
        endpoint: The endpoint now.
        current: Its config; None if that was deleted.
        previous: The config after the rollback.
        scaled: Whether Application Auto Scaling sets the instance count, which is then retained.
    """

    endpoint: EndpointState
    current: ConfigSummary | None
    previous: ConfigSummary
    scaled: bool


def plan_rollback(clients: AwsClients, deployment: Deployment, to: str | None = None) -> RollbackPlan:
    """Find the newest usable config that is older than the current one.

    Args:
        clients: Clients of the deployment's account and region.
        deployment: The deployment.
        to: Name of another config.

    Raises:
        MmeError: There is none, it serves other models, or SageMaker would refuse it.
    """
    endpoint = read_endpoint(clients.sagemaker, deployment.endpoint_name)
    if endpoint.in_progress:
        raise MmeError(
            f"endpoint {endpoint.name} is {endpoint.status}; it can't be rolled back now",
            hint="wait until that is done: mme endpoint status --watch",
        )
    current = _summary(clients, endpoint.config, deployment)[0]
    previous = _named(clients, deployment, to) if to else _previous(clients, deployment, endpoint, current)
    if previous.name == endpoint.config:
        raise MmeError(
            f"endpoint {endpoint.name} runs config {previous.name} already",
            hint="name another with --to; list them: aws sagemaker list-endpoint-configs",
        )
    scaled = bool(scalable_targets(clients.scaling, endpoint))
    if scaled and current is not None:
        _check_types(current, previous)
    return RollbackPlan(endpoint, current, previous, scaled)


def roll_back(clients: AwsClients, plan: RollbackPlan) -> None:
    """Start the update, without deployment guardrails: an alarm that is on would roll it back again.

    Args:
        clients: Clients of the deployment's account and region.
        plan: From `plan_rollback`.
    """
    arguments: dict[str, Any] = {"RetainAllVariantProperties": True} if plan.scaled else {}
    clients.sagemaker.update_endpoint(
        EndpointName=plan.endpoint.name, EndpointConfigName=plan.previous.name, **arguments
    )


def wait_until_settled(
    clients: AwsClients, endpoint_name: str, pause: Callable[[EndpointState], object]
) -> EndpointState:
    """Poll until no update is in progress.

    Args:
        clients: Clients of the endpoint's account and region.
        endpoint_name: Name of the endpoint.
        pause: Called with the endpoint's state before the next poll; it waits.
    """
    while (state := read_endpoint(clients.sagemaker, endpoint_name)).in_progress:
        pause(state)
    return state


def _previous(
    clients: AwsClients, deployment: Deployment, endpoint: EndpointState, current: ConfigSummary | None
) -> ConfigSummary:
    names = _stack_configs(clients.cloudformation, deployment) | _similar_configs(clients, endpoint.config)
    found = [
        summary
        for name in sorted(names - {endpoint.config})
        if (summary := _summary(clients, name, deployment)[0]) is not None
        and (current is None or summary.created < current.created)
    ]
    if not found:
        raise MmeError(
            f"endpoint {endpoint.name} has no earlier config left: CloudFormation deletes what it replaces",
            hint="deploy the previous version of your code, or name a config with --to",
        )
    return max(found, key=lambda one: one.created)


def _stack_configs(cloudformation: CloudFormationClient, deployment: Deployment) -> set[str]:
    """Return the stack's config and those it created before, in the 90 days of CloudFormation's events."""
    if not deployment.stack:
        return set()
    resources = stack_resources(cloudformation, deployment.stack)
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=deployment.stack)
    return {one.name for one in resources if one.type == ENDPOINT_CONFIG} | {
        last_of_arn(event["PhysicalResourceId"])
        for page in pages
        for event in page["StackEvents"]
        if event.get("ResourceType") == ENDPOINT_CONFIG and event.get("PhysicalResourceId")
    }


def _similar_configs(clients: AwsClients, name: str) -> set[str]:
    """Return configs whose names differ only in the random suffix that CloudFormation adds."""
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


def _named(clients: AwsClients, deployment: Deployment, name: str) -> ConfigSummary:
    summary, fault = _summary(clients, name, deployment)
    if summary is None:
        raise MmeError(
            f"the endpoint can't use config {name}: {fault}",
            hint="list the configs: aws sagemaker list-endpoint-configs",
        )
    return summary


def _summary(clients: AwsClients, name: str, deployment: Deployment) -> tuple[ConfigSummary | None, str]:
    """Return the config, or None and the reason why the endpoint can't use it."""
    sagemaker = clients.sagemaker
    found: Any = unless_missing(lambda: sagemaker.describe_endpoint_config(EndpointConfigName=name))
    if found is None:
        return None, "it does not exist"
    variants = []
    for variant in found["ProductionVariants"]:
        model = unless_missing(lambda name=variant["ModelName"]: sagemaker.describe_model(ModelName=name))
        if model is None:
            return None, f"its model {variant['ModelName']} does not exist"
        containers = model.get("Containers") or [model["PrimaryContainer"]]
        served = {one.get("ModelDataUrl") for one in containers if one.get("Mode") == "MultiModel"}
        if served != {f"s3://{deployment.bucket}/{deployment.prefix}"}:
            return None, f"it serves {', '.join(sorted(map(str, served))) or 'no multi-model container'}"
        images = tuple(one.get("Image", "") for one in containers)
        variants.append((variant["VariantName"], variant.get("InstanceType", ""), images))
    return ConfigSummary(name, found["CreationTime"], tuple(variants)), ""


def _check_types(current: ConfigSummary, previous: ConfigSummary) -> None:
    """SageMaker refuses another instance type while the variant is a scalable target."""
    before = {name: kind for name, kind, _ in current.variants}
    for name, kind, _ in previous.variants:
        if name in before and before[name] != kind:
            raise MmeError(
                f"variant {name} runs {before[name]} and config {previous.name} says {kind}; "
                "SageMaker can't change the instance type of a variant that scales",
                hint="deploy the previous version of your code without scaling, then with it",
            )
