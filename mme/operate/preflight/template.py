"""A template, new or deployed, by what matters to a multi-model endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mme.operate.preflight.resolution import Resolver, reference

ENDPOINT: Final = "AWS::SageMaker::Endpoint"
ENDPOINT_CONFIG: Final = "AWS::SageMaker::EndpointConfig"
MODEL: Final = "AWS::SageMaker::Model"
SCALABLE_TARGET: Final = "AWS::ApplicationAutoScaling::ScalableTarget"
NESTED_STACK: Final = "AWS::CloudFormation::Stack"


@dataclass(frozen=True)
class Resource:
    """A resource of a template.

    Attributes:
        logical_id: its key there.
        type: such as `AWS::S3::Bucket`.
        properties: resolved as far as they are known.
        raw: its properties as they are written.
        on_delete: its DeletionPolicy, `Delete` where it has none.
        on_replace: its UpdateReplacePolicy, `Delete` where it has none.
        sure: False where a condition decides on it that is known only at deployment.
    """

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    raw: Mapping[str, Any]
    on_delete: str = "Delete"
    on_replace: str = "Delete"
    sure: bool = True


@dataclass(frozen=True)
class VariantPlan:
    """A variant as the template has it.

    Attributes:
        name: its name.
        instance_type: None where it has none, as serverless variants; may hold `${...}`.
        instance_count: what it would start with; None where that is not a number known now.
        models_url: where its multi-model container finds the models; may hold `${...}`; None without one.
    """

    name: str
    instance_type: str | None
    instance_count: int | None
    models_url: str | None


@dataclass(frozen=True)
class EndpointPlan:
    """An endpoint as the template has it.

    Attributes:
        logical_id: its key in the template.
        name: its name; None where CloudFormation makes one; may hold `${...}`.
        config_name: name of a config that another stack or nobody's defines, else None.
        variants: by name; empty where the config is not in this template.
        strategy: BlueGreenUpdatePolicy's traffic routing (`CANARY`...), `ROLLING`, or None without one.
        keeps_counts: whether an update keeps the live instance counts.
        content: all that an update of it depends on: the same content means no update.
    """

    logical_id: str
    name: str | None
    config_name: str | None
    variants: Mapping[str, VariantPlan]
    strategy: str | None
    keeps_counts: bool
    content: Mapping[str, Any] = field(repr=False)


class StackTemplate:
    """A template's resources, resolved.

    Args:
        document: the template.
        parameters: values of its parameters.
        pseudo: values of AWS::Region and its kin, as far as they are known.
    """

    def __init__(
        self, document: Mapping[str, Any], parameters: Mapping[str, str], pseudo: Mapping[str, str]
    ) -> None:
        resolver = Resolver(document, parameters, pseudo)
        self.resources: dict[str, Resource] = {}
        for id, one in document.get("Resources", {}).items():
            held = resolver.holds(one["Condition"]) if "Condition" in one else True
            if held is False:
                continue
            raw = one.get("Properties", {})
            self.resources[id] = Resource(
                id,
                str(one.get("Type")),
                resolver.resolve(raw),
                raw,
                str(one.get("DeletionPolicy", "Delete")),
                str(one.get("UpdateReplacePolicy", "Delete")),
                sure=held is not None,
            )

    def of_type(self, *types: str) -> list[Resource]:
        """The resources of these types, in the template's order."""
        return [resource for resource in self.resources.values() if resource.type in types]

    def endpoints(self) -> dict[str, EndpointPlan]:
        """The endpoints, by logical id."""
        return {resource.logical_id: self._endpoint(resource) for resource in self.of_type(ENDPOINT)}

    def scalable_target(self, endpoint: EndpointPlan, name: str, variant: str) -> Resource | None:
        """The target that registers a variant, whether it names the endpoint or refers to it.

        Args:
            endpoint: the endpoint, of this template.
            name: its name as it is.
            variant: the variant's name.
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


def scaling_resource_id(endpoint: str, variant: str) -> str:
    """How Application Auto Scaling names a variant (its API reference, `ResourceId`)."""
    return f"endpoint/{endpoint}/variant/{variant}"


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
