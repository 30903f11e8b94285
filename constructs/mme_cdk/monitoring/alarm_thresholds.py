"""The alarms of an endpoint and their thresholds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal

from aws_cdk import aws_cloudwatch

from mme_cdk._internal.type_checks import check_fields
from mme_cdk._internal.validation import known
from mme_cdk.monitoring.metric_expressions import MetricExpressions

_SEVERITY: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,30}")
_Expression = Callable[[MetricExpressions, str], aws_cloudwatch.IMetric]


@dataclass(frozen=True, kw_only=True)
class AlarmRule:
    """What one kind of alarm watches.

    Attributes:
        title: Part of the alarm's name and its section in the runbook, in kebab case.
        metric: What is compared with the threshold, such as `p99 ModelLatency`.
        expression: Makes the metric from the expressions and its label.
        defaults: Threshold by severity.
        unit: Unit of the thresholds: `%` or `s`.
        low: Lowest valid threshold.
        high: Highest valid threshold.
        below: Whether values below the threshold raise the alarm, instead of values above it.
        periods: Consecutive periods that must breach.
        needs: What must be known of the instance type: its GPU, or its number of vCPUs.
    """

    title: str
    metric: str
    expression: _Expression
    defaults: Mapping[str, float]
    unit: str = "%"
    low: float = 1
    high: float = 100
    below: bool = False
    periods: int = 3
    needs: Literal["gpu", "vcpus"] | None = None

    def condition(self, threshold: float, minutes: float) -> str:
        """Return the condition as people read it: `p99 ModelLatency > 10 s for 3 min`.

        Args:
            threshold: In the rule's unit.
            minutes: Length of one period.
        """
        sign = "<" if self.below else ">"
        return f"{self.metric} {sign} {threshold:g} {self.unit} for {self.periods * minutes:g} min"


def _alarm(
    title: str, metric: str, expression: _Expression, defaults: Mapping[str, float], **rule: Any
) -> Any:
    """Return a dataclass field that carries the rule of its alarm."""
    made = AlarmRule(title=title, metric=metric, expression=expression, defaults=defaults, **rule)
    return field(default=None, metadata={"rule": made})


def _rate(name: str, statistic: str = "Sum") -> _Expression:
    return lambda metrics, label: metrics.rate(name, label, statistic=statistic)


def _seconds(name: str, statistic: str) -> tuple[str, _Expression]:
    return f"{statistic} {name}", lambda metrics, label: metrics.seconds(name, statistic, label)


def _maximum(name: str) -> tuple[str, _Expression]:
    return f"maximum {name}", lambda metrics, label: metrics.metric(name, "Maximum", label)


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

    server_error_percent: Mapping[str, float] | None = _alarm(
        "server-errors", "5XX error rate", _rate("Invocation5XXErrors"), {"critical": 5, "warning": 1}, low=0
    )
    model_error_percent: Mapping[str, float] | None = _alarm(
        "model-errors",
        "InvocationModelErrors rate",
        _rate("InvocationModelErrors"),
        {"critical": 10, "warning": 2},
        low=0,
    )
    client_error_percent: Mapping[str, float] | None = _alarm(
        "client-errors", "4XX error rate", _rate("Invocation4XXErrors"), {"warning": 20}, low=0
    )
    latency_p99_seconds: Mapping[str, float] | None = _alarm(
        "latency",
        *_seconds("ModelLatency", "p99"),
        {"critical": 30, "warning": 10},
        unit="s",
        low=0.001,
        high=60,  # SageMaker ends a request after this time
    )
    load_wait_p90_seconds: Mapping[str, float] | None = _alarm(
        "load-waits",
        *_seconds("ModelLoadingWaitTime", "p90"),
        {"critical": 180, "warning": 30},
        unit="s",
        low=0.1,
        high=360,  # SageMaker ends a load after this time
    )
    cache_hit_percent: Mapping[str, float] | None = _alarm(
        "cache-hits",
        "average ModelCacheHit",
        MetricExpressions.cache_hit_percent,
        {"warning": 80},
        below=True,
        periods=15,  # new models and new instances begin with misses
    )
    unload_percent: Mapping[str, float] | None = _alarm(
        "unload-churn",
        "model unload rate",
        _rate("ModelUnloadingTime", "SampleCount"),
        {"critical": 50, "warning": 10},
        low=0.1,
        periods=10,
    )
    cpu_percent: Mapping[str, float] | None = _alarm(
        "cpu",
        "average CPUUtilization of all vCPUs",
        MetricExpressions.cpu_percent,
        {"warning": 90},
        periods=10,
        needs="vcpus",
    )
    memory_percent: Mapping[str, float] | None = _alarm(
        "memory", *_maximum("MemoryUtilization"), {"critical": 95, "warning": 85}, periods=5
    )
    disk_percent: Mapping[str, float] | None = _alarm(
        "disk", *_maximum("DiskUtilization"), {"critical": 90, "warning": 80}, periods=5
    )
    gpu_percent: Mapping[str, float] | None = _alarm(
        "gpu", *_maximum("GPUUtilization"), {"warning": 95}, periods=5, needs="gpu"
    )
    gpu_memory_percent: Mapping[str, float] | None = _alarm(
        "gpu-memory",
        *_maximum("GPUMemoryUtilization"),
        {"critical": 97, "warning": 90},
        periods=5,
        needs="gpu",
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
