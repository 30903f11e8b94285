"""From which figures on an endpoint's alarms go off."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mme_cdk._internal.expectations import NUMBER, TEXT, expect, shown
from mme_cdk._internal.validation import known
from mme_cdk.monitoring.alarm_rules import ALARM_RULES, AlarmRule

_SEVERITY = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,30}")


@dataclass(frozen=True, kw_only=True)
class AlarmThresholds:
    """A threshold for each severity of each alarm: `{"critical": 5, "warning": 1}`.

    Severities are names of your choice. None, which every one is by default, stands for the alarm's own
    thresholds (`docs/runbook.md` has them); `{}` leaves the alarm out.

    Attributes:
        server_error_percent: requests answered with 5xx, of 100.
        model_error_percent: requests that the container refused or failed, of 100.
        client_error_percent: requests answered with 4xx, of 100.
        latency_p99_seconds: the container's time, 99th percentile, 0.001 to 60 s.
        load_wait_p90_seconds: the wait for a model's load, 90th percentile, 0.1 to 360 s.
        cache_hit_percent: requests whose model was in memory, of 100: goes off **below** it.
        unload_percent: models unloaded to make room, per 100 requests.
        cpu_percent: load of all processors of an instance, 1 to 100; needs a known instance type.
        memory_percent: main memory in use on the fullest instance, 1 to 100.
        disk_percent: storage in use on the fullest instance, 1 to 100.
        gpu_percent: load of the GPU, 1 to 100; GPU instances only.
        gpu_memory_percent: GPU memory in use, 1 to 100; GPU instances only.
    """

    server_error_percent: Mapping[str, float] | None = None
    model_error_percent: Mapping[str, float] | None = None
    client_error_percent: Mapping[str, float] | None = None
    latency_p99_seconds: Mapping[str, float] | None = None
    load_wait_p90_seconds: Mapping[str, float] | None = None
    cache_hit_percent: Mapping[str, float] | None = None
    unload_percent: Mapping[str, float] | None = None
    cpu_percent: Mapping[str, float] | None = None
    memory_percent: Mapping[str, float] | None = None
    disk_percent: Mapping[str, float] | None = None
    gpu_percent: Mapping[str, float] | None = None
    gpu_memory_percent: Mapping[str, float] | None = None

    def given(self, rule: AlarmRule) -> Mapping[str, float] | None:
        """What was given for a rule; None where nothing was.

        Args:
            rule: one of `ALARM_RULES`.
        """
        value: Mapping[str, float] | None = getattr(self, rule.prop)
        return value

    def of(self, rule: AlarmRule) -> Mapping[str, float]:
        """What holds for a rule, by severity.

        Args:
            rule: one of `ALARM_RULES`.
        """
        given = self.given(rule)
        return rule.defaults if given is None else given

    def severities(self) -> tuple[str, ...]:
        """Every severity that some alarm has, in lower case."""
        return tuple(dict.fromkeys(name.lower() for rule in ALARM_RULES for name in self.of(rule)))

    def gpu_faults(self, instance_type: str | None, *, has_gpu: bool) -> Iterator[str]:
        """Thresholds that were asked for and that this instance type has no figures for.

        Args:
            instance_type: for the message; None where it is unknown.
            has_gpu: whether it has one.
        """
        for rule in ALARM_RULES:
            if rule.gpu and not has_gpu and self.given(rule):
                where = f"{instance_type} has no GPU" if instance_type else "the instance type is unknown"
                yield f"{rule.prop} is given and {where}: leave it out"

    def kind_faults(self) -> Iterator[str | None]:
        """The faults of what is no threshold at all."""
        for rule in ALARM_RULES:
            given = self.given(rule)
            if given is None:
                continue
            if not isinstance(given, Mapping):
                yield (
                    f"{rule.prop} is {shown(given)}; it must be a mapping of severities to thresholds: "
                    'use {"critical": 90}, say'
                )
                continue
            for severity, threshold in given.items():
                yield expect(f"a severity in {rule.prop}", severity, TEXT)
                yield expect(f"{rule.prop}[{shown(severity)}]", threshold, NUMBER)

    def faults(self) -> Iterator[str]:
        """Everything that can't be meant."""
        for rule in ALARM_RULES:
            severities = self.of(rule)
            twice = Counter(severity.lower() for severity in severities)
            yield from (
                f"{rule.prop} names severity {severity} twice: give it one threshold"
                for severity, times in twice.items()
                if times > 1
            )
            for severity, threshold in severities.items():
                if not _SEVERITY.fullmatch(severity):
                    yield (
                        f"severity {severity!r} of {rule.prop} is not valid: use at most 31 letters, digits "
                        "and hyphens, a letter first"
                    )
                fault = rule.fault(severity, threshold) if known(threshold) else None
                if fault:
                    yield fault
