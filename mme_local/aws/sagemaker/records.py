"""Records of models, endpoint configurations and endpoints: moto's, with the members that moto drops."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from moto.core.utils import utcnow
from moto.sagemaker.models import FakeEndpoint, FakeEndpointConfig, Model

Request = dict[str, Any]


def _described(request: Request, **more: Any) -> Request:
    """Return a describe call's answer: the members that were given, and `more`."""
    given = {name: value for name, value in request.items() if value not in (None, {}, [], "")}
    return {"EnableNetworkIsolation": False, **given, **more}


class _Ready:
    """A record that is ready immediately; moto asks those that CloudFormation creates."""

    def is_created(self) -> bool:
        """Return True."""
        return True


class EmbeddedModel(_Ready, Model):
    """A model, with every member of the CreateModel request that made it."""

    def __init__(self, account: str, region: str, request: Request) -> None:
        super().__init__(
            account_id=account,
            region_name=region,
            model_name=request["ModelName"],
            execution_role_arn=request.get("ExecutionRoleArn") or "",
            primary_container=request.get("PrimaryContainer") or {},
            vpc_config=request.get("VpcConfig") or {},
            containers=request.get("Containers") or [],
            tags=request.get("Tags") or [],
        )
        self._request = request

    @property
    def all_containers(self) -> list[dict[str, Any]]:
        """The containers in their order; a primary container is a list of one."""
        return list(self.containers) or ([self.primary_container] if self.primary_container else [])

    @property
    def response_object(self) -> dict[str, Any]:
        """DescribeModel's answer, without members that were not given, as on AWS."""
        return _described(self._request, ModelArn=self.arn, CreationTime=self.creation_time)


class EmbeddedEndpointConfig(_Ready, FakeEndpointConfig):
    """An endpoint configuration, with every member of the request that made it."""

    def __init__(self, account: str, region: str, request: Request) -> None:
        super().__init__(
            account_id=account,
            region_name=region,
            endpoint_config_name=request["EndpointConfigName"],
            production_variants=[
                _with_defaults(variant) for variant in request.get("ProductionVariants") or []
            ],
            async_inference_config=request.get("AsyncInferenceConfig") or {},
            data_capture_config=request.get("DataCaptureConfig") or {},
            tags=request.get("Tags") or [],
            kms_key_id=request.get("KmsKeyId") or "",
        )
        self.arn = self.endpoint_config_arn  # type: ignore[assignment]  # moto's is a tuple by mistake
        self._request = request

    def validate_instance_type(self, instance_type: str) -> None:
        """Accept any: the request is checked already, and moto's own list ends before g5."""

    @property
    def response_object(self) -> dict[str, Any]:
        """DescribeEndpointConfig's answer."""
        return _described(
            self._request,
            EndpointConfigArn=self.endpoint_config_arn,
            CreationTime=self.creation_time,
            ProductionVariants=self.production_variants,
        )


def _with_defaults(variant: dict[str, Any]) -> dict[str, Any]:
    """Return a variant as AWS describes it: on instances the default weight is 1.0."""
    return variant if "ServerlessConfig" in variant else {"InitialVariantWeight": 1.0, **variant}


@dataclass(frozen=True)
class Fleet:
    """What an endpoint serves; immutable, so any thread may read it.

    As on AWS, the fleet has its own configuration and models: deleting their records does not stop it.

    Attributes:
        config: Its configuration.
        models: By model name.
        variants: As DescribeEndpoint shows them.
        revision: Changes with CreateEndpoint and UpdateEndpoint, not with counts or weights.
    """

    config: EmbeddedEndpointConfig
    models: Mapping[str, EmbeddedModel]
    variants: tuple[Mapping[str, Any], ...]
    revision: str


def instance_types(config: EmbeddedEndpointConfig) -> dict[str, str]:
    """Return the instance type by variant name; an empty string for a serverless variant."""
    return {variant["VariantName"]: variant.get("InstanceType", "") for variant in config.production_variants}


class EmbeddedEndpoint(_Ready, FakeEndpoint):
    """An endpoint that can take another configuration in place."""

    fleet: Fleet

    def __init__(
        self,
        account: str,
        region: str,
        name: str,
        config: EmbeddedEndpointConfig,
        models: Mapping[str, EmbeddedModel],
        tags: list[dict[str, str]],
    ) -> None:
        super().__init__(
            account_id=account,
            region_name=region,
            endpoint_name=name,
            endpoint_config_name=config.endpoint_config_name,
            production_variants=config.production_variants,
            data_capture_config=config.data_capture_config,
            tags=tags,
        )
        self.last_deployment_config: dict[str, Any] | None = None
        self.fleet = Fleet(config, models, tuple(self.production_variants), _next_revision(config))

    def take(
        self, config: EmbeddedEndpointConfig, models: Mapping[str, EmbeddedModel], retained: frozenset[str]
    ) -> None:
        """Serve another configuration from now on.

        Args:
            config: The new configuration.
            models: The models it names.
            retained: Which of DesiredInstanceCount, DesiredWeight and DataCaptureConfig keep the live value
                of a variant of the same name.
        """
        live = {variant["VariantName"]: variant for variant in self.production_variants}
        fresh = self._process_production_variants(config.production_variants)
        for variant in fresh:
            before = live.get(variant["VariantName"], {})
            for given, members in LIVE_MEMBERS.items():
                if given in retained:
                    variant.update({member: before[member] for member in members if member in before})
        self.endpoint_config_name = config.endpoint_config_name
        if "DataCaptureConfig" not in retained:
            self.data_capture_config = config.data_capture_config
        self._serve(Fleet(config, models, tuple(fresh), _next_revision(config)))

    def resize(self, variants: list[dict[str, Any]]) -> None:
        """Change live counts and weights only."""
        self._serve(replace(self.fleet, variants=tuple(variants)))

    def _serve(self, fleet: Fleet) -> None:
        self.production_variants = [dict(variant) for variant in fleet.variants]
        self.last_modified_time = utcnow()
        self.fleet = fleet

    @property
    def response_object(self) -> dict[str, Any]:
        """DescribeEndpoint's answer, with the images of each live variant."""
        described = {name: value for name, value in super().response_object.items() if value not in ({}, [])}
        described["ProductionVariants"] = [
            {**variant, "DeployedImages": self._images(variant["VariantName"])}
            for variant in self.fleet.variants
        ]
        return described

    def _images(self, variant_name: str) -> list[dict[str, Any]]:
        return [
            {"SpecifiedImage": container["Image"], "ResolutionTime": self.last_modified_time}
            for variant in self.fleet.config.production_variants
            if variant["VariantName"] == variant_name and "ModelName" in variant
            for container in self.fleet.models[variant["ModelName"]].all_containers
            if "Image" in container
        ]


def _next_revision(config: EmbeddedEndpointConfig) -> str:
    return f"{config.endpoint_config_name}/{uuid.uuid4().hex}"


# The API's name of a change to a live variant -> the members of DescribeEndpoint that show it.
LIVE_MEMBERS = {
    "DesiredInstanceCount": ("CurrentInstanceCount", "DesiredInstanceCount"),
    "DesiredWeight": ("CurrentWeight", "DesiredWeight"),
}
