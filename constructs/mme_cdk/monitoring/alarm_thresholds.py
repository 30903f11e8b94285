"""The alarms of an endpoint and their thresholds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from mme_cdk._internal.type_checks import check_fields
from mme_cdk._internal.validation import known
from mme_cdk.monitoring.alarm_rule import AlarmRule

_SEVERITY: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,30}")


def _threshold(rule: AlarmRule) -> Any:
    """Return a dataclass field that carries the rule of its alarm."""
    return field(default=None, metadata={"rule": rule})


@dataclass(frozen=True, kw_only=True)
class AlarmThresholds:
    """Thresholds of each alarm by severity: `{"critical": 5, "warning": 1}`.

    Severities are names of your choice. None, the default of each, means the alarm's default thresholds
    (`docs/runbook.md` lists them); `{}` removes the alarm.

    Attributes:
        server_error_percent: 5XX error rate.
        model_error_percent: Rate of requests that the container refused or failed.
        client_error_percent: 4XX error rate.
        latency_p99_seconds: p99 ModelLatency, 0.001 to 60 s.
        load_wait_p90_seconds: p90 ModelLoadingWaitTime, 0.1 to 360 s.
        cache_hit_percent: Requests whose model was in memory; values **below** the threshold raise the alarm.
        unload_percent: Models unloaded per 100 requests.
        cpu_percent: CPUUtilization of all vCPUs of an instance, 1 to 100; needs a known instance type.
        memory_percent: MemoryUtilization of the fullest instance, 1 to 100.
        disk_percent: DiskUtilization of the fullest instance, 1 to 100.
        gpu_percent: GPUUtilization, 1 to 100; GPU instances only.
        gpu_memory_percent: GPUMemoryUtilization, 1 to 100; GPU instances only.

    Raises:
        PropsError: Values of a wrong type.
    """

    server_error_percent: Mapping[str, float] | None = _threshold(
        AlarmRule(
            title="server-errors",
            metric="5XX error rate",
            expression=lambda metrics, label: metrics.rate("Invocation5XXErrors", label),
            low=0,
            defaults={"critical": 5, "warning": 1},
        )
    )
    model_error_percent: Mapping[str, float] | None = _threshold(
        AlarmRule(
            title="model-errors",
            metric="InvocationModelErrors rate",
            expression=lambda metrics, label: metrics.rate("InvocationModelErrors", label),
            low=0,
            defaults={"critical": 10, "warning": 2},
        )
    )
    client_error_percent: Mapping[str, float] | None = _threshold(
        AlarmRule(
            title="client-errors",
            metric="4XX error rate",
            expression=lambda metrics, label: metrics.rate("Invocation4XXErrors", label),
            low=0,
            defaults={"warning": 20},
        )
    )
    latency_p99_seconds: Mapping[str, float] | None = _threshold(
        AlarmRule(
            title="latency",
            metric="p99 ModelLatency",
            expression=lambda metrics, label: metrics.seconds("ModelLatency", "p99", label),
            unit="s",
            low=0.001,
            high=60,  # SageMaker ends a request after this time
            defaults={"critical": 30, "warning": 10},
        )
    )
    load_wait_p90_seconds: Mapping[str, float] | None = _threshold(
        AlarmRule(
            title="load-waits",
            metric="p90 ModelLoadingWaitTime",
            expression=lambda metrics, label: metrics.seconds("ModelLoadingWaitTime", "p90", label),
            unit="s",
            low=0.1,
            high=360,  # SageMaker ends a load after this time
            defaults={"critical": 180, "warning": 30},
        )
    )
    cache_hit_percent: Mapping[str, float] | None = _threshold(
        AlarmRule(
            title="cache-hits",
            metric="average ModelCacheHit",
            expression=lambda metrics, label: metrics.cache_hit_percent(label),
            below=True,
            periods=15,  # new models and new instances begin with misses
            defaults={"warning": 80},
        )
    )
    unload_percent: Mapping[str, float] | None = _threshold(
        AlarmRule(
            title="unload-churn",
            metric="model unload rate",
            expression=lambda metrics, label: metrics.rate(
                "ModelUnloadingTime", label, statistic="SampleCount"
            ),
            low=0.1,
            periods=10,
            defaults={"critical": 50, "warning": 10},
        )
    )
    cpu_percent: Mapping[str, float] | None = _threshold(
        AlarmRule(
            title="cpu",
            metric="average CPUUtilization of all vCPUs",
            expression=lambda metrics, label: metrics.cpu_percent(label),
            periods=10,
            needs="vcpus",
            defaults={"warning": 90},
        )
    )
    memory_percent: Mapping[str, float] | None = _threshold(
        AlarmRule(
            title="memory",
            metric="maximum MemoryUtilization",
            expression=lambda metrics, label: metrics.metric("MemoryUtilization", "Maximum", label),
            periods=5,
            defaults={"critical": 95, "warning": 85},
        )
    )
    disk_percent: Mapping[str, float] | None = _threshold(
        AlarmRule(
            title="disk",
            metric="maximum DiskUtilization",
            expression=lambda metrics, label: metrics.metric("DiskUtilization", "Maximum", label),
            periods=5,
            defaults={"critical": 90, "warning": 80},
        )
    )
    gpu_percent: Mapping[str, float] | None = _threshold(
        AlarmRule(
            title="gpu",
            metric="maximum GPUUtilization",
            expression=lambda metrics, label: metrics.metric("GPUUtilization", "Maximum", label),
            periods=5,
            needs="gpu",
            defaults={"warning": 95},
        )
    )
    gpu_memory_percent: Mapping[str, float] | None = _threshold(
        AlarmRule(
            title="gpu-memory",
            metric="maximum GPUMemoryUtilization",
            expression=lambda metrics, label: metrics.metric("GPUMemoryUtilization", "Maximum", label),
            periods=5,
            needs="gpu",
            defaults={"critical": 97, "warning": 90},
        )
    )

    def __post_init__(self) -> None:
        check_fields(self)

    def of(self, prop: str) -> Mapping[str, float]:
        """Return the thresholds of an alarm by severity, its defaults if none were given.

        Args:
            prop: Name of one of the attributes.
        """
        given: Mapping[str, float] | None = getattr(self, prop)
        return ALARM_RULES[prop].defaults if given is None else given

    def severities(self) -> tuple[str, ...]:
        """Return each severity that an alarm has, in lower case."""
        return tuple(dict.fromkeys(name.lower() for prop in ALARM_RULES for name in self.of(prop)))

    def faults(self, instance_type: str | None, *, has_gpu: bool) -> Iterator[str]:
        """Yield the faults of severities and thresholds.

        Args:
            instance_type: Instance type of the variant; None if unknown.
            has_gpu: Whether it has a GPU.
        """
        for prop, rule in ALARM_RULES.items():
            thresholds = self.of(prop)
            if rule.needs == "gpu" and not has_gpu and getattr(self, prop):
                reason = f"{instance_type} has no GPU" if instance_type else "the instance type is unknown"
                yield f"{prop} is given and {reason}: leave it out"
            for severity, count in Counter(severity.lower() for severity in thresholds).items():
                if count > 1:
                    yield f"{prop} names severity {severity} twice: give it one threshold"
            for severity, threshold in thresholds.items():
                if not _SEVERITY.fullmatch(severity):
                    yield (
                        f"severity {severity!r} of {prop} is not valid: use at most 31 letters, digits "
                        "and hyphens, a letter first"
                    )
                if known(threshold) and not rule.low <= threshold <= rule.high:
                    yield (
                        f"{prop} of severity {severity} is {threshold:g} {rule.unit}; must be from "
                        f"{rule.low:g} to {rule.high:g} {rule.unit}"
                    )


ALARM_RULES: Final[Mapping[str, AlarmRule]] = {
    each.name: each.metadata["rule"] for each in fields(AlarmThresholds)
}
"""The rule of each alarm, by the name of its thresholds in `AlarmThresholds`."""
