"""Read a template, new or deployed: endpoints, variants, scalable targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mme.aws.template_resolver import PlaceholderValues, TemplateResolver, reference
from mme.operate.scaling_state import scaling_resource_id
from mme.operate.stacks import ENDPOINT, ENDPOINT_CONFIG

SCALABLE_TARGET: Final = "AWS::ApplicationAutoScaling::ScalableTarget"
NESTED_STACK: Final = "AWS::CloudFormation::Stack"


@dataclass(frozen=True)
class Resource:
    """A resource of a template.

    Attributes:
        properties: Resolved as far as known.
        raw: Its properties as written.
        on_delete: Its DeletionPolicy.
        on_replace: Its UpdateReplacePolicy.
    """

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    raw: Mapping[str, Any]
    on_delete: str = "Delete"
    on_replace: str = "Delete"


@dataclass(frozen=True)
class VariantPlan:
    """A variant of a template.

    Attributes:
        instance_type: None for a serverless variant; may contain `${...}`.
        instance_count: Initial number of instances; None if it is not a known number.
        models_url: S3 URL of its models; may contain `${...}`; None without a multi-model container.
    """

    name: str
    instance_type: str | None
    instance_count: int | None
    models_url: str | None


@dataclass(frozen=True)
class EndpointPlan:
    """An endpoint of a template.

    Attributes:
        name: May contain `${...}`; None if CloudFormation generates it.
        config_name: Name of an endpoint config outside the template, else None.
        variants: By name; empty if the config is not in the template.
        strategy: Traffic routing of the blue/green update (`CANARY`...), `ROLLING`, or None.
        keeps_counts: Whether an update retains the live instance counts.
        content: Everything that triggers an update of the endpoint when it changes.
    """

    logical_id: str
    name: str | None
    config_name: str | None
    variants: Mapping[str, VariantPlan]
    strategy: str | None
    keeps_counts: bool
    content: Mapping[str, Any] = field(repr=False)


class StackTemplate:
    """The resources of a template, resolved.

    Args:
        document: The template.
        parameters: Values of its parameters.
        pseudo: Values of pseudo parameters such as AWS::Region, as far as known.
    """

    def __init__(
        self, document: Mapping[str, Any], parameters: Mapping[str, str], pseudo: Mapping[str, str]
    ) -> None:
        resolver = TemplateResolver(document, PlaceholderValues(document, parameters, pseudo))
        self.resources: dict[str, Resource] = {}
        for id, one in document.get("Resources", {}).items():
            if "Condition" in one and resolver.holds(one["Condition"]) is False:
                continue
            raw = one.get("Properties", {})
            self.resources[id] = Resource(
                id,
                str(one.get("Type")),
                resolver.resolve(raw),
                raw,
                str(one.get("DeletionPolicy", "Delete")),
                str(one.get("UpdateReplacePolicy", "Delete")),
            )

    def of_type(self, *types: str) -> list[Resource]:
        """Return the resources of these types, in the template's order."""
        return [resource for resource in self.resources.values() if resource.type in types]

    def endpoints(self) -> dict[str, EndpointPlan]:
        """Return the endpoints by logical id."""
        return {resource.logical_id: self._endpoint(resource) for resource in self.of_type(ENDPOINT)}

    def scalable_target(self, endpoint: EndpointPlan, name: str, variant: str) -> Resource | None:
        """Return the scalable target of a variant, which names the endpoint or refers to it, or None.

        Args:
            endpoint: The endpoint, of this template.
            name: Its actual name.
            variant: Name of the variant.
        """
        wanted = {
            scaling_resource_id(one, variant)
            for one in (name, endpoint.name, f"${{{endpoint.logical_id}.EndpointName}}")
            if one is not None
        }
        for resource in self.of_type(SCALABLE_TARGET):
            if resource.properties.get("ResourceId") in wanted:
                return resource
        return None

    def _endpoint(self, resource: Resource) -> EndpointPlan:
        config = self.resources.get(reference(resource.raw.get("EndpointConfigName")) or "")
        variants: list[Mapping[str, Any]] = []
        models: dict[str, Any] = {}
        if config is not None and config.type == ENDPOINT_CONFIG:
            variants = config.properties.get("ProductionVariants") or []
            for raw in config.raw.get("ProductionVariants") or []:
                model = self.resources.get(reference(raw.get("ModelName")) or "")
                if model is not None:
                    models[raw.get("VariantName", "")] = model.properties
        name = resource.properties.get("EndpointName")
        config_name = resource.properties.get("EndpointConfigName")
        excluded = [
            one.get("VariantPropertyType")
            for one in resource.properties.get("ExcludeRetainedVariantProperties") or []
        ]
        retains = resource.properties.get("RetainAllVariantProperties") in (True, "true")
        return EndpointPlan(
            logical_id=resource.logical_id,
            name=None if name is None else str(name),
            config_name=str(config_name) if config is None and config_name is not None else None,
            variants={plan.name: plan for plan in (_variant(one, models) for one in variants)},
            strategy=_strategy(resource.properties.get("DeploymentConfig") or {}),
            keeps_counts=retains and "DesiredInstanceCount" not in excluded,
            content={
                "config": config.properties if config is not None else config_name,
                "models": models,
            },
        )


def _variant(properties: Mapping[str, Any], models: Mapping[str, Any]) -> VariantPlan:
    name = str(properties.get("VariantName", ""))
    count = str(properties.get("InitialInstanceCount", ""))
    type = properties.get("InstanceType")
    return VariantPlan(
        name=name,
        instance_type=None if type is None else str(type),
        instance_count=int(count) if count.isdecimal() else None,
        models_url=_models_url(models.get(name, {})),
    )


def _models_url(model: Mapping[str, Any]) -> str | None:
    primary = model.get("PrimaryContainer")
    for container in [*([primary] if primary else []), *(model.get("Containers") or [])]:
        if container.get("Mode") == "MultiModel":
            return str(container.get("ModelDataUrl"))
    return None


def _strategy(deployment: Mapping[str, Any]) -> str | None:
    if "RollingUpdatePolicy" in deployment:
        return "ROLLING"
    routing = (deployment.get("BlueGreenUpdatePolicy") or {}).get("TrafficRoutingConfiguration") or {}
    return str(routing["Type"]) if "Type" in routing else None
