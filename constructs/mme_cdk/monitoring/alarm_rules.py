"""What is worth an alarm on a multi-model endpoint, and from which figure on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from mme_cdk.monitoring.figures import Figure, Figures


@dataclass(frozen=True, kw_only=True)
class AlarmRule:
    """One kind of alarm.

    Attributes:
        prop: the name of its thresholds in `AlarmThresholds`.
        title: part of the alarm's name, and its section in the runbook, in kebab case.
        meaning: what its figure is.
        unit: of the thresholds: `%` or `s`.
        low: the least threshold that makes sense.
        high: the greatest one.
        figure: what it watches.
        below: whether a figure below the threshold is the bad one.
        periods: how many periods in a row it must be bad.
        gpu: whether only GPU instances have it.
        defaults: threshold by severity.
    """

    prop: str
    title: str
    meaning: str
    unit: str
    low: float
    high: float
    figure: Callable[[Figures], Figure]
    defaults: Mapping[str, float]
    below: bool = False
    periods: int = 3
    gpu: bool = False

    def fault(self, severity: str, threshold: float) -> str | None:
        """Why this can't be a threshold; None where it can."""
        if self.low <= threshold <= self.high:
            return None
        return (
            f"{self.prop} of severity {severity} is {threshold:g} {self.unit}; it must be from "
            f"{self.low:g} to {self.high:g} {self.unit}"
        )


def _share(prop: str, title: str, meaning: str, metric: str, **defaults: float) -> AlarmRule:
    return AlarmRule(
        prop=prop,
        title=title,
        meaning=meaning,
        unit="%",
        low=0,
        high=100,
        figure=lambda figures: figures.share_of_requests(metric, meaning),
        defaults=defaults,
    )


def _utilization(prop: str, title: str, meaning: str, metric: str, **defaults: float) -> AlarmRule:
    return AlarmRule(
        prop=prop,
        title=title,
        meaning=meaning,
        unit="%",
        low=1,
        high=100,
        figure=lambda figures: figures.percent(metric, meaning, statistic="Maximum"),
        defaults=defaults,
        periods=5,
        gpu=metric.startswith("GPU"),
    )


ALARM_RULES: Final[tuple[AlarmRule, ...]] = (
    _share(
        "server_error_percent",
        "server-errors",
        "requests answered with 5xx, of 100",
        "Invocation5XXErrors",
        critical=5,
        warning=1,
    ),
    _share(
        "model_error_percent",
        "model-errors",
        "requests that the container refused or failed, of 100",
        "InvocationModelErrors",
        critical=10,
        warning=2,
    ),
    _share(
        "client_error_percent",
        "client-errors",
        "requests answered with 4xx, of 100",
        "Invocation4XXErrors",
        warning=20,
    ),
    AlarmRule(
        prop="latency_p99_seconds",
        title="latency",
        meaning="the container's time for 99 of 100 requests",
        unit="s",
        low=0.001,
        # After this time SageMaker itself gives the request up.
        high=60,
        figure=lambda figures: figures.seconds("ModelLatency", "Latency p99", "p99"),
        defaults={"critical": 30, "warning": 10},
    ),
    AlarmRule(
        prop="load_wait_p90_seconds",
        title="load-waits",
        meaning="how long 90 of 100 requests for a model that was not loaded wait at most",
        unit="s",
        low=0.1,
        # After this time SageMaker gives a load up.
        high=360,
        figure=lambda figures: figures.seconds("ModelLoadingWaitTime", "Load wait p90", "p90"),
        defaults={"critical": 180, "warning": 30},
    ),
    AlarmRule(
        prop="cache_hit_percent",
        title="cache-hits",
        meaning="requests whose model was in memory, of 100",
        unit="%",
        low=1,
        high=100,
        figure=lambda figures: figures.cache_hit_percent("Cache hits"),
        defaults={"warning": 80},
        below=True,
        # New models and new instances begin with misses: a quarter of an hour of them is no beginning.
        periods=15,
    ),
    AlarmRule(
        prop="unload_percent",
        title="unload-churn",
        meaning="models unloaded to make room, per 100 requests",
        unit="%",
        low=0.1,
        high=100,
        figure=lambda figures: figures.share_of_requests(
            "ModelUnloadingTime", "Unloads per 100 requests", statistic="SampleCount"
        ),
        defaults={"critical": 50, "warning": 10},
        periods=10,
    ),
    AlarmRule(
        prop="cpu_percent",
        title="cpu",
        meaning="load of all processors of an instance",
        unit="%",
        low=1,
        high=100,
        figure=lambda figures: figures.cpu_percent("CPU"),
        defaults={"warning": 90},
        periods=10,
    ),
    _utilization(
        "memory_percent", "memory", "main memory in use", "MemoryUtilization", critical=95, warning=85
    ),
    _utilization("disk_percent", "disk", "storage in use", "DiskUtilization", critical=90, warning=80),
    _utilization("gpu_percent", "gpu", "load of the GPU", "GPUUtilization", warning=95),
    _utilization(
        "gpu_memory_percent",
        "gpu-memory",
        "GPU memory in use",
        "GPUMemoryUtilization",
        critical=97,
        warning=90,
    ),
)
