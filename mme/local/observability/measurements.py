"""What is counted and timed until it is published, as SageMaker words it.

Sources: SageMaker AI developer guide, `monitoring-cloudwatch` and `multi-model-endpoint-cloudwatch-metrics`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mme.local.call import Call
from mme.local.cloud.cloudwatch.distribution import Distribution
from mme.local.outcome import InvocationError
from mme.local.trace import Step, Trace

MINUTE: Final = 60
_MICROSECONDS: Final = 1_000_000
_STEPS: Final = {
    Step.DOWNLOAD: "ModelDownloadingTime",
    Step.LOAD: "ModelLoadingTime",
    Step.UNLOAD: "ModelUnloadingTime",
}


@dataclass(frozen=True, slots=True)
class VariantKey:
    """One variant of one endpoint; the metrics' dimensions are of it."""

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
        """All values since the last time."""
        taken, self._pending = self._pending, {}
        return taken

    def finished(self, call: Call, trace: Trace, seconds: float, error: InvocationError | None) -> None:
        """Count a request that got as far as a variant.

        Errors count 1 and all others 0, so that their average is a rate. `InvocationsPerInstance` counts
        1 / instances.
        """
        if not trace.variant:
            return
        status = status_of(error)
        values = self._values(VariantKey(call.region, call.endpoint, trace.variant))
        told = {
            "Invocations": 1.0,
            "InvocationsPerInstance": 1 / max(1, trace.instances),
            "Invocation4XXErrors": float(400 <= status < 500),
            "Invocation5XXErrors": float(status >= 500),
            "InvocationModelErrors": float(error is not None and error.name == "ModelError"),
            "OverheadLatency": max(0.0, seconds - trace.model_seconds) * _MICROSECONDS,
        }
        if trace.model_seconds:
            told["ModelLatency"] = trace.model_seconds * _MICROSECONDS
        if trace.cache_hit is not None:
            told["ModelCacheHit"] = float(trace.cache_hit)
        if trace.cache_hit is False:
            told["ModelLoadingWaitTime"] = trace.waited_seconds * _MICROSECONDS
        for name, value in told.items():
            values.setdefault(name, Distribution()).add(value)

    def stepped(self, region: str, endpoint: str, variant: str, step: Step, seconds: float) -> None:
        """Time a download, a load or an unload."""
        values = self._values(VariantKey(region, endpoint, variant))
        values.setdefault(_STEPS[step], Distribution()).add(seconds * _MICROSECONDS)

    def _values(self, key: VariantKey) -> dict[str, Distribution]:
        minute = int(self._now()) // MINUTE * MINUTE
        return self._pending.setdefault((key, minute), {})


def status_of(error: InvocationError | None) -> int:
    """The status that an answer counts with: of a container's error that of the container, 500 where it
    gave none."""
    if error is None:
        return 200
    if error.name != "ModelError":
        return error.status
    return int(error.fields.get("OriginalStatusCode", 0)) or 500
