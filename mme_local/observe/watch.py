"""Everything that looks at a runtime while it serves, in one task beside it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mme_local.endpoint.call import Call
from mme_local.endpoint.errors import InvocationError
from mme_local.observe.history import History
from mme_local.observe.instance_use import InstanceUse, ProcessTrees, measure_gpus
from mme_local.observe.log_shipper import LogShipper, LogSource
from mme_local.observe.measurements import MINUTE, Measurements
from mme_local.observe.observed import SeenRequest
from mme_local.observe.publisher import publish, publish_use
from mme_local.trace import Step, Trace

log = logging.getLogger(__name__)

_TICK_SECONDS = 1.0
_ALARM_SECONDS = 10.0
"""Between two evaluations of alarms that no publication of metrics asks for: others put metrics too."""


class Watch:
    """The observer of a data plane; publishes what it saw.

    Args:
        logs: the folder of the containers' logs.
        metrics_seconds: between two publications of metrics; they come at its multiples of the wall clock.
        now: seconds since the epoch.
    """

    def __init__(self, logs: Path, metrics_seconds: float = 60, now: Callable[[], float] = time.time) -> None:
        self._logs = logs
        self._seconds = metrics_seconds
        self._now = now
        self._seen: list[SeenRequest] = []
        self._history = History()
        self._uses: dict[str, InstanceUse] = {}
        self._measurements = Measurements(now)
        self._trees = ProcessTrees()
        self._shipper = LogShipper(now)

    def finished(self, call: Call, trace: Trace, seconds: float, error: InvocationError | None) -> None:
        """See `mme_local.trace.Observer`. Nothing is counted yet: a caller waits for its answer."""
        self._seen.append(SeenRequest.of(self._now(), call, trace, seconds, error))

    def stepped(self, region: str, endpoint: str, variant: str, step: Step, seconds: float) -> None:
        """See `mme_local.trace.Observer`."""
        self._measurements.stepped(region, endpoint, variant, step, seconds)

    @property
    def history(self) -> History:
        """Of the requests up to now, for people."""
        self._count()
        return self._history

    @property
    def cpu(self) -> dict[str, float]:
        """Percent of a processor by the instance's id, as last published."""
        return {name: use.cpu for name, use in self._uses.items()}

    async def run(self, describe: Callable[[], list[dict[str, Any]]]) -> None:
        """Publish until cancelled.

        Args:
            describe: what `DataPlane.describe` tells.
        """
        due = self._next()
        alarms_due = self._now()
        while True:
            await asyncio.sleep(max(0.0, min(_TICK_SECONDS, due - self._now())))
            try:
                self._count()
                endpoints = describe()
                if self._now() >= due:
                    due = self._next()
                    await self.publish(endpoints)
                    alarms_due = self._now()
                if self._now() >= alarms_due:
                    alarms_due = self._now() + _ALARM_SECONDS
                    await asyncio.to_thread(_evaluate_alarms, self._now())
                await asyncio.to_thread(self._shipper.ship, log_sources(endpoints, self._logs))
            except Exception:
                log.exception("metrics and logs could not be published")

    async def publish(self, endpoints: list[dict[str, Any]]) -> None:
        """Publish all metrics now."""
        self._count()
        await asyncio.to_thread(publish, self._measurements.take())
        if endpoints:
            await asyncio.to_thread(self._publish_use, endpoints)

    def _count(self) -> None:
        seen, self._seen = self._seen, []
        self._measurements.count(seen)
        self._history.count(seen)

    def _publish_use(self, endpoints: list[dict[str, Any]]) -> None:
        uses = self._uses = self._trees.measure(
            one for endpoint in endpoints for one in endpoint["instances"]
        )
        # Measured at a minute's end, of the minute that has passed: as what was counted in it.
        minute = int(self._now() - 0.5) // MINUTE * MINUTE
        publish_use(endpoints, uses, measure_gpus(), minute)

    def _next(self) -> float:
        return (self._now() // self._seconds + 1) * self._seconds


def _evaluate_alarms(now: float) -> None:
    from mme_local.aws.cloudwatch.alarms import evaluate_all

    evaluate_all(now)


def log_sources(endpoints: list[dict[str, Any]], logs: Path) -> list[LogSource]:
    """The log of each instance that serves now."""
    return [
        LogSource(
            log_path(logs, instance["name"]),
            endpoint["region"],
            endpoint["name"],
            f"{endpoint['variant']}/{instance['id']}",
        )
        for endpoint in endpoints
        for instance in endpoint["instances"]
    ]


def log_path(logs: Path, instance: str) -> Path:
    """The log of the instance of this name, such as ``endpoint/variant/0``."""
    return logs / f"{instance.replace('/', '-')}.log"
