"""What is counted and timed until it is published, as SageMaker words it.

Sources: SageMaker AI developer guide, `monitoring-cloudwatch` and `multi-model-endpoint-cloudwatch-metrics`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mme_local.aws.cloudwatch.distribution import Distribution
from mme_local.observe.observed import SeenRequest
from mme_local.trace import Step

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
        together: defaultdict[tuple[str, str, str, int], list[SeenRequest]] = defaultdict(list)
        for seen in requests:
            if variant := seen.trace.variant:
                minute = int(seen.at) // MINUTE * MINUTE
                together[seen.region, seen.endpoint, variant, minute].append(seen)
        for (*place, minute), group in together.items():
            known = self._values(VariantKey(*place), minute)
            for name, values in _told(group).items():
                if values:
                    known.setdefault(name, Distribution()).add_all(values)

    def stepped(self, region: str, endpoint: str, variant: str, step: Step, seconds: float) -> None:
        """Time a download, a load or an unload."""
        values = self._values(VariantKey(region, endpoint, variant), int(self._now()) // MINUTE * MINUTE)
        values.setdefault(_STEPS[step], Distribution()).add(seconds * _MICROSECONDS)

    def _values(self, key: VariantKey, minute: int) -> dict[str, Distribution]:
        return self._pending.setdefault((key, minute), {})


def _told(requests: Sequence[SeenRequest]) -> dict[str, list[float]]:
    """The metrics' values, of all requests at once: they are counted while others wait for an answer."""
    traces = [seen.trace for seen in requests]
    failures = [seen.failure for seen in requests]
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
            max(0.0, seen.seconds - seen.trace.model_seconds) * _MICROSECONDS for seen in requests
        ],
        "ModelLatency": [trace.model_seconds * _MICROSECONDS for trace in traces if trace.model_seconds],
        "ModelCacheHit": [float(trace.cache_hit) for trace in traces if trace.cache_hit is not None],
        "ModelLoadingWaitTime": [
            trace.waited_seconds * _MICROSECONDS for trace in traces if trace.cache_hit is False
        ],
    }
