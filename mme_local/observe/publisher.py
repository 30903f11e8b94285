"""Metrics into embedded CloudWatch, under SageMaker's names and as it aggregates them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from mme.catalog.metrics import endpoint_metrics
from mme_local.aws.account import DEFAULT_ACCOUNT
from mme_local.aws.cloudwatch.distribution import Distribution
from mme_local.aws.cloudwatch.store import MetricKey
from mme_local.observe.instance_use import GpuUse, InstanceUse
from mme_local.observe.measurements import Measured, VariantKey

if TYPE_CHECKING:
    from mme_local.aws.cloudwatch.backend import EmbeddedCloudWatch


def cloudwatch(region: str) -> EmbeddedCloudWatch:
    """The embedded CloudWatch of a region, in the account that endpoints are in."""
    from moto.cloudwatch.models import cloudwatch_backends

    from mme_local.aws import moto_patches as mends

    mends.apply()
    return cast("EmbeddedCloudWatch", cloudwatch_backends[DEFAULT_ACCOUNT][region])


def publish(measured: Measured) -> None:
    """Add what was counted and timed to the minutes that it was in."""
    for (key, minute), values in measured.items():
        store = cloudwatch(key.region).store
        for name, distribution in values.items():
            store.add(_metric(name, key), minute, _unit(name), distribution)


def publish_use(
    endpoints: Iterable[Mapping[str, Any]],
    uses: Mapping[str, InstanceUse],
    gpus: GpuUse | None,
    minute: int,
) -> None:
    """Have one value of each instance in a minute, whatever was published of it before.

    Args:
        endpoints: as `DataPlane.describe` tells of them.
        uses: by the instance's id.
        gpus: of this machine; None where there are none.
        minute: seconds since the epoch.
    """
    for endpoint in endpoints:
        key = VariantKey(endpoint["region"], endpoint["name"], endpoint["variant"])
        found = [uses[one["id"]] for one in endpoint["instances"] if one["id"] in uses]
        if not found:
            continue
        values: dict[str, list[float]] = {
            "LoadedModelCount": [use.loaded_models for use in found],
            "CPUUtilization": [use.cpu for use in found],
            "MemoryUtilization": [use.memory for use in found],
            "DiskUtilization": [use.disk for use in found],
        }
        if gpus is not None:
            values["GPUUtilization"] = [gpus.percent for _ in found]
            values["GPUMemoryUtilization"] = [gpus.memory_percent for _ in found]
        store = cloudwatch(key.region).store
        for name, each in values.items():
            store.replace(_metric(name, key), minute, _unit(name), Distribution(*each))


def _metric(name: str, key: VariantKey) -> MetricKey:
    dimensions = {"EndpointName": key.endpoint, "VariantName": key.variant}
    return MetricKey.of(endpoint_metrics()[name].namespace, name, dimensions)


def _unit(name: str) -> str:
    return endpoint_metrics()[name].unit
