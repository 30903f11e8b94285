"""The observer of a data plane: one task that publishes metrics, evaluates alarms and sends logs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mme_local.endpoint.call import InvokeCall
from mme_local.endpoint.errors import InvokeError
from mme_local.endpoint.trace import Observer, Step, Trace
from mme_local.observe.history import History
from mme_local.observe.instance_use import InstanceUse, ProcessTrees, measure_gpus
from mme_local.observe.log_shipper import LogShipper, LogSource
from mme_local.observe.metrics import MINUTE, Measurements, publish, publish_use
from mme_local.observe.observed import ObservedRequest

log = logging.getLogger(__name__)

_TICK_SECONDS = 1.0
_ALARM_SECONDS = 10.0
"""Longest time between two evaluations of alarms: callers publish metrics too."""


class Watch(Observer):
    """Records what happens in a data plane and publishes it.

    Args:
        logs: the folder of the containers' logs.
        metrics_seconds: between two publications of metrics, at its multiples of the wall clock.
        now: seconds since the epoch.
    """

    def __init__(self, logs: Path, metrics_seconds: float = 60, now: Callable[[], float] = time.time) -> None:
        self._logs = logs
        self._seconds = metrics_seconds
        self._now = now
        self._requests: list[ObservedRequest] = []
        self._history = History()
        self._uses: dict[str, InstanceUse] = {}
        self._measurements = Measurements(now)
        self._trees = ProcessTrees()
        self._shipper = LogShipper(now)

    def finished(self, call: InvokeCall, trace: Trace, seconds: float, error: InvokeError | None) -> None:
        """See `Observer`. Requests are counted later: a caller waits for its answer."""
        self._requests.append(ObservedRequest.of(self._now(), call, trace, seconds, error))

    def stepped(self, region: str, endpoint: str, variant: str, step: Step, seconds: float) -> None:
        """See `mme_local.endpoint.trace.Observer`."""
        self._measurements.stepped(region, endpoint, variant, step, seconds)

    @property
    def history(self) -> History:
        """The requests up to now."""
        self._count()
        return self._history

    @property
    def cpu(self) -> dict[str, float]:
        """Percent of a processor by instance id, as last published."""
        return {name: use.cpu for name, use in self._uses.items()}

    async def run(self, describe: Callable[[], list[dict[str, Any]]]) -> None:
        """Publish until cancelled; `describe` is `DataPlane.describe`."""
        due = self._next()
        alarms_due = self._now()
        while True:
            await asyncio.sleep(max(0.0, min(_TICK_SECONDS, due - self._now())))
            try:
                self._count()
                endpoints = describe()
                if self._now() >= due:
                    due = self._next()
                    await self._publish(endpoints)
                    alarms_due = self._now()
                if self._now() >= alarms_due:
                    alarms_due = self._now() + _ALARM_SECONDS
                    await asyncio.to_thread(_evaluate_alarms, self._now())
                await asyncio.to_thread(self._shipper.ship, _log_sources(endpoints, self._logs))
            except Exception:
                log.exception("metrics and logs can't be published")

    async def _publish(self, endpoints: list[dict[str, Any]]) -> None:
        await asyncio.to_thread(publish, self._measurements.take())
        if endpoints:
            await asyncio.to_thread(self._publish_use, endpoints)

    def _count(self) -> None:
        requests, self._requests = self._requests, []
        self._measurements.count(requests)
        self._history.count(requests)

    def _publish_use(self, endpoints: list[dict[str, Any]]) -> None:
        instances = (instance for endpoint in endpoints for instance in endpoint["instances"])
        self._uses = self._trees.measure(instances)
        # At the end of a minute it is measured for the minute that has passed.
        minute = int(self._now() - 0.5) // MINUTE * MINUTE
        publish_use(endpoints, self._uses, measure_gpus(), minute)

    def _next(self) -> float:
        return (self._now() // self._seconds + 1) * self._seconds


def log_path(logs: Path, instance: str) -> Path:
    """Return the log of an instance.

    Args:
        logs: the folder of the containers' logs.
        instance: its name, such as ``endpoint/variant/0``.
    """
    return logs / f"{instance.replace('/', '-')}.log"


def _log_sources(endpoints: list[dict[str, Any]], logs: Path) -> list[LogSource]:
    """Return the log of each instance, or of each container of a pipeline."""
    return [
        LogSource(
            path=log_path(logs, container["name"]),
            region=endpoint["region"],
            endpoint=endpoint["name"],
            stream=f"{endpoint['variant']}/{instance['id']}{suffix}",
        )
        for endpoint in endpoints
        for instance in endpoint["instances"]
        for container, suffix in _containers(instance)
    ]


def _containers(instance: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Return what has a log, with the end of its stream's name."""
    several = instance.get("containers", [])
    if len(several) < 2:
        return [(instance, "")]
    return [(container, f"/{container['hostname']}") for container in several]


def _evaluate_alarms(now: float) -> None:
    from mme_local.aws.cloudwatch.alarms import evaluate_all

    evaluate_all(now)
