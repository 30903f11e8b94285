"""What is counted and timed until it is published, as SageMaker words it.

Sources: SageMaker AI developer guide, `monitoring-cloudwatch` and `multi-model-endpoint-cloudwatch-metrics`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from mme.local.cloud.cloudwatch.distribution import Distribution
from mme.local.observability.seen import SeenRequest
from mme.local.trace import Step

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

    def count(self, requests: Iterable[SeenRequest]) -> None:
        """Count requests; those that reached no variant are nobody's.

        Errors count 1 and all others 0, so that their average is a rate. `InvocationsPerInstance` counts
        1 / instances.
        """
        told: dict[tuple[str, str, str, int], dict[str, list[float]]] = {}
        for seen in requests:
            trace, failure = seen.trace, seen.failure
            if not trace.variant:
                continue
            minute = int(seen.at) // MINUTE * MINUTE
            values = told.setdefault((seen.region, seen.endpoint, trace.variant, minute), defaultdict(list))
            status = failure.counted if failure else 200
            values["Invocations"].append(1.0)
            values["InvocationsPerInstance"].append(1 / max(1, trace.instances))
            values["Invocation4XXErrors"].append(float(400 <= status < 500))
            values["Invocation5XXErrors"].append(float(status >= 500))
            values["InvocationModelErrors"].append(
                float(failure is not None and failure.name == "ModelError")
            )
            values["OverheadLatency"].append(max(0.0, seen.seconds - trace.model_seconds) * _MICROSECONDS)
            if trace.model_seconds:
                values["ModelLatency"].append(trace.model_seconds * _MICROSECONDS)
            if trace.cache_hit is not None:
                values["ModelCacheHit"].append(float(trace.cache_hit))
            if trace.cache_hit is False:
                values["ModelLoadingWaitTime"].append(trace.waited_seconds * _MICROSECONDS)
        for (*place, minute), found in told.items():
            known = self._values(VariantKey(*place), minute)
            for name, each in found.items():
                known.setdefault(name, Distribution()).add_all(each)

    def stepped(self, region: str, endpoint: str, variant: str, step: Step, seconds: float) -> None:
        """Time a download, a load or an unload."""
        values = self._values(VariantKey(region, endpoint, variant), int(self._now()) // MINUTE * MINUTE)
        values.setdefault(_STEPS[step], Distribution()).add(seconds * _MICROSECONDS)

    def _values(self, key: VariantKey, minute: int) -> dict[str, Distribution]:
        return self._pending.setdefault((key, minute), {})
