"""What SageMaker publishes to CloudWatch about a multi-model endpoint.

Every metric has the dimensions `EndpointName` and `VariantName` and is published once a minute. AWS publishes
no metrics of single models.

Sources: SageMaker AI developer guide, `multi-model-endpoint-cloudwatch-metrics` and
`monitoring-cloudwatch`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

INVOCATION_NAMESPACE: Final = "AWS/SageMaker"
"""Namespace of counts and times of invocations and loads."""

INSTANCE_NAMESPACE: Final = "/aws/sagemaker/Endpoints"
"""Namespace of measurements on the instances. The leading slash is part of it."""


@dataclass(frozen=True, kw_only=True)
class EndpointMetric:
    """One metric.

    Attributes:
        name: As in CloudWatch.
        namespace: One of the two above.
        unit: CloudWatch's name: `Microseconds`, `Percent`, or `None` for counts.
        statistic: The usual one.
    """

    name: str
    namespace: str
    unit: str
    statistic: str


_TIMES = (
    "ModelLoadingWaitTime",
    "ModelDownloadingTime",
    "ModelLoadingTime",
    "ModelUnloadingTime",
    "ModelLatency",
    "OverheadLatency",
)
_COUNTS = (
    "Invocations",
    "InvocationsPerInstance",
    "Invocation4XXErrors",
    "Invocation5XXErrors",
    "InvocationModelErrors",
)
_SHARES = (
    "CPUUtilization",
    "MemoryUtilization",
    "DiskUtilization",
    "GPUUtilization",
    "GPUMemoryUtilization",
)


@cache
def endpoint_metrics() -> dict[str, EndpointMetric]:
    """Return every metric by name."""
    metrics = [
        *(_metric(name, INVOCATION_NAMESPACE, "Microseconds", "Average") for name in _TIMES),
        *(_metric(name, INVOCATION_NAMESPACE, "None", "Sum") for name in _COUNTS),
        # 1 for a hit and 0 for a miss: the average is the hit ratio.
        _metric("ModelCacheHit", INVOCATION_NAMESPACE, "None", "Average"),
        # Of all instances together: a model on two instances counts twice.
        _metric("LoadedModelCount", INSTANCE_NAMESPACE, "None", "Sum"),
        *(_metric(name, INSTANCE_NAMESPACE, "Percent", "Average") for name in _SHARES),
    ]
    return {metric.name: metric for metric in metrics}


def _metric(name: str, namespace: str, unit: str, statistic: str) -> EndpointMetric:
    return EndpointMetric(name=name, namespace=namespace, unit=unit, statistic=statistic)
