"""Metrics of endpoints: counted here, published to embedded CloudWatch under SageMaker's names.

Sources: SageMaker AI developer guide, `monitoring-cloudwatch` and `multi-model-endpoint-cloudwatch-metrics`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from mme.catalog.metrics import endpoint_metrics
from mme_local.aws.account import DEFAULT_ACCOUNT
from mme_local.aws.cloudwatch.distribution import Distribution
from mme_local.aws.cloudwatch.store import MetricKey, MetricStore
from mme_local.endpoint.trace import Step
from mme_local.observe.instance_use import GpuUse, InstanceUse
from mme_local.observe.observed import ObservedRequest

if TYPE_CHECKING:
    from mme_local.aws.cloudwatch.backend import EmbeddedCloudWatch

MINUTE: Final = 60
_MICROSECONDS: Final = 1_000_000
_STEPS: Final = {
    Step.DOWNLOAD: "ModelDownloadingTime",
    Step.LOAD: "ModelLoadingTime",
    Step.UNLOAD: "ModelUnloadingTime",
}


@dataclass(frozen=True, slots=True)
class VariantKey:
    """One variant of one endpoint; the dimensions of its metrics."""

    region: str
    endpoint: str
    variant: str


Measured = dict[tuple[VariantKey, int], dict[str, Distribution]]
"""Values by variant and minute (seconds since the epoch), then by the metric's name."""


class Measurements:
    """Collects the values of metrics, from one thread, until they are taken.

    Args:
        now: seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._pending: Measured = {}

    def take(self) -> Measured:
        """Return all values since the last call."""
        taken, self._pending = self._pending, {}
        return taken

    def count(self, requests: Iterable[ObservedRequest]) -> None:
        """Count requests; those that reached no variant count nowhere.

        Errors count 1 and all others 0, so that their average is a rate. `InvocationsPerInstance` counts
        1 / instances.
        """
        groups: defaultdict[tuple[str, str, str, int], list[ObservedRequest]] = defaultdict(list)
        for request in requests:
            if variant := request.trace.variant:
                minute = int(request.at) // MINUTE * MINUTE
                groups[request.region, request.endpoint, variant, minute].append(request)
        for (*place, minute), group in groups.items():
            known = self._values(VariantKey(*place), minute)
            for name, values in _values_of(group).items():
                if values:
                    known.setdefault(name, Distribution()).add_all(values)

    def stepped(self, region: str, endpoint: str, variant: str, step: Step, seconds: float) -> None:
        """Time a step of an instance.

        Args:
            region: region of the endpoint.
            endpoint: its name.
            variant: the instance's variant.
            step: a download, a load or an unload.
            seconds: how long it took.
        """
        values = self._values(VariantKey(region, endpoint, variant), int(self._now()) // MINUTE * MINUTE)
        values.setdefault(_STEPS[step], Distribution()).add(seconds * _MICROSECONDS)

    def _values(self, key: VariantKey, minute: int) -> dict[str, Distribution]:
        return self._pending.setdefault((key, minute), {})


def _values_of(requests: Sequence[ObservedRequest]) -> dict[str, list[float]]:
    """Return the metrics' values of all requests at once, which is faster than one by one."""
    traces = [request.trace for request in requests]
    failures = [request.failure for request in requests]
    statuses = [failure.counted if failure else 200 for failure in failures]
    return {
        "Invocations": [1.0] * len(traces),
        "InvocationsPerInstance": [1 / max(1, trace.instances) for trace in traces],
        "Invocation4XXErrors": [float(400 <= status < 500) for status in statuses],
        "Invocation5XXErrors": [float(status >= 500) for status in statuses],
        "InvocationModelErrors": [
            float(failure is not None and failure.name == "ModelError") for failure in failures
        ],
        "OverheadLatency": [
            max(0.0, request.seconds - request.trace.model_seconds) * _MICROSECONDS for request in requests
        ],
        "ModelLatency": [trace.model_seconds * _MICROSECONDS for trace in traces if trace.model_seconds],
        "ModelCacheHit": [float(trace.cache_hit) for trace in traces if trace.cache_hit is not None],
        "ModelLoadingWaitTime": [
            trace.waited_seconds * _MICROSECONDS for trace in traces if trace.cache_hit is False
        ],
    }


def publish(measured: Measured) -> None:
    """Add values to the minutes that they were measured in."""
    for (key, minute), values in measured.items():
        store = _store(key.region)
        for name, distribution in values.items():
            store.add(_metric(name, key), minute, endpoint_metrics()[name].unit, distribution)


def publish_use(
    endpoints: Iterable[Mapping[str, Any]],
    uses: Mapping[str, InstanceUse],
    gpus: GpuUse | None,
    minute: int,
) -> None:
    """Set one value for each instance in a minute, replacing what was published for it before.

    Args:
        endpoints: from `DataPlane.describe`.
        uses: by the instance's id.
        gpus: this machine's; None if it has none.
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
        store = _store(key.region)
        for name, each in values.items():
            store.replace(_metric(name, key), minute, endpoint_metrics()[name].unit, Distribution(*each))


def _store(region: str) -> MetricStore:
    """Return the metrics of a region, in the account that endpoints are in."""
    from moto.cloudwatch.models import cloudwatch_backends

    from mme_local.aws import moto_patches

    moto_patches.apply()
    return cast("EmbeddedCloudWatch", cloudwatch_backends[DEFAULT_ACCOUNT][region]).store


def _metric(name: str, key: VariantKey) -> MetricKey:
    dimensions = {"EndpointName": key.endpoint, "VariantName": key.variant}
    return MetricKey.of(endpoint_metrics()[name].namespace, name, dimensions)
