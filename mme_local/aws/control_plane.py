"""What is deployed in the embedded AWS, for the data plane in the same process.

Reads only, safe from any thread: an endpoint is one immutable record, so a reader sees the fleet before or
after an update, never a mixture. S3 objects are in `mme_local.aws.objects`, re-exported here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from mme_local.aws.account import DEFAULT_ACCOUNT, DEFAULT_REGION
from mme_local.aws.objects import ObjectHead, ObjectMissing, OpenObject, head_object, open_object

if TYPE_CHECKING:
    from moto.core.base_backend import BackendDict

    from mme_local.aws.sagemaker.models import EmbeddedSageMaker
    from mme_local.aws.sagemaker.records import EmbeddedEndpoint, EmbeddedModel

__all__ = [
    "DeployedContainer",
    "DeployedEndpoint",
    "DeployedVariant",
    "ObjectHead",
    "ObjectMissing",
    "OpenObject",
    "endpoint_revision",
    "head_object",
    "list_endpoints",
    "open_object",
    "resolve_endpoint",
]


@dataclass(frozen=True)
class DeployedContainer:
    """One container of a model.

    Attributes:
        image: The image's URI; empty if the model comes from a package.
        mode: `SingleModel` or `MultiModel`.
        model_data_url: S3 URL of one archive, or in MultiModel mode the prefix of all archives.
        environment: The container's environment.
        cache_setting: `Enabled` (SageMaker's default) or `Disabled`.
        hostname: `ContainerHostname`; empty if it has none.
    """

    image: str
    mode: str
    model_data_url: str
    environment: Mapping[str, str]
    cache_setting: str
    hostname: str = ""


@dataclass(frozen=True)
class DeployedVariant:
    """One production variant as it runs.

    Attributes:
        instance_type: Empty for a serverless variant.
        instance_count: The current count, which scaling may have changed.
        weight: Share of the traffic, relative to the other variants.
        containers: In their order; a primary container is a list of one.
        execution_role_arn: Empty if the model has none.
    """

    name: str
    instance_type: str
    instance_count: int
    weight: float
    model_name: str
    containers: tuple[DeployedContainer, ...]
    execution_role_arn: str


@dataclass(frozen=True)
class DeployedEndpoint:
    """An endpoint as it serves now.

    Attributes:
        status: `InService`.
        revision: Changes with each create or update of the endpoint, not with counts and weights.
    """

    name: str
    arn: str
    config_name: str
    status: str
    variants: tuple[DeployedVariant, ...]
    revision: str

    @property
    def multi_model(self) -> bool:
        """Whether requests name a target model."""
        return any(one.mode == "MultiModel" for variant in self.variants for one in variant.containers)


def resolve_endpoint(
    name: str, *, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION
) -> DeployedEndpoint | None:
    """Return the endpoint of that name, or None.

    Args:
        name: The endpoint's name.
        account: Twelve digits.
        region: For example `us-east-1`.
    """
    endpoint = _endpoints(account, region).get(name)
    return _deployed(endpoint) if endpoint is not None else None


def endpoint_revision(
    name: str, *, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION
) -> str | None:
    """Return `DeployedEndpoint.revision` alone, which every request reads; None if there is no endpoint.

    Args:
        name: The endpoint's name.
        account: Twelve digits.
        region: For example `us-east-1`.
    """
    # moto's own lookup takes a lock and searches every service
    regions = dict.get(_backends(), account)
    backend = dict.get(regions, region) if regions is not None else None
    endpoint = backend.endpoints.get(name) if backend is not None else None
    return endpoint.fleet.revision if endpoint is not None else None


def list_endpoints(*, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION) -> list[DeployedEndpoint]:
    """Return every endpoint, by name.

    Args:
        account: Twelve digits.
        region: For example `us-east-1`.
    """
    return [_deployed(endpoint) for _, endpoint in sorted(dict(_endpoints(account, region)).items())]


@cache
def _backends() -> BackendDict[EmbeddedSageMaker]:
    from moto.sagemaker.models import sagemaker_backends

    from mme_local.aws import moto_patches

    moto_patches.apply()
    return cast("BackendDict[EmbeddedSageMaker]", sagemaker_backends)


def _endpoints(account: str, region: str) -> Mapping[str, EmbeddedEndpoint]:
    return _backends()[account][region].endpoints


def _deployed(endpoint: EmbeddedEndpoint) -> DeployedEndpoint:
    fleet = endpoint.fleet
    live = {variant["VariantName"]: variant for variant in fleet.variants}
    return DeployedEndpoint(
        name=endpoint.endpoint_name,
        arn=endpoint.arn,
        config_name=fleet.config.endpoint_config_name,
        status=endpoint.endpoint_status,
        variants=tuple(
            _variant(configured, live[configured["VariantName"]], fleet.models)
            for configured in fleet.config.production_variants
        ),
        revision=fleet.revision,
    )


def _variant(
    configured: Mapping[str, Any], live: Mapping[str, Any], models: Mapping[str, EmbeddedModel]
) -> DeployedVariant:
    model = models.get(configured.get("ModelName", ""))
    return DeployedVariant(
        name=configured["VariantName"],
        instance_type=configured.get("InstanceType", ""),
        instance_count=int(live.get("CurrentInstanceCount") or 0),
        weight=float(live.get("CurrentWeight") or 0),
        model_name=configured.get("ModelName", ""),
        containers=tuple(_container(one) for one in model.all_containers) if model else (),
        execution_role_arn=model.execution_role_arn if model else "",
    )


def _container(described: Mapping[str, Any]) -> DeployedContainer:
    # an S3 URL, or the newer form, which multi-model containers do not accept
    source = (described.get("ModelDataSource") or {}).get("S3DataSource") or {}
    return DeployedContainer(
        image=described.get("Image", ""),
        mode=described.get("Mode", "SingleModel"),
        model_data_url=_s3_url(described.get("ModelDataUrl") or source.get("S3Uri", "")),
        environment=dict(described.get("Environment") or {}),
        cache_setting=(described.get("MultiModelConfig") or {}).get("ModelCacheSetting", "Enabled"),
        hostname=described.get("ContainerHostname", ""),
    )


_HTTPS = re.compile(
    r"https://(?:(?P<host>[a-z0-9.-]+)\.)?s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?/(?P<path>.*)"
)


def _s3_url(url: str) -> str:
    """Return a ModelDataUrl as ``s3://``; SageMaker takes S3's HTTPS addresses too."""
    match = _HTTPS.fullmatch(url)
    if match is None:
        return url
    return f"s3://{match['host']}/{match['path']}" if match["host"] else f"s3://{match['path']}"
