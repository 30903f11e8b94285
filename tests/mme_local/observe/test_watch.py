"""The watch publishes what it observes and evaluates alarms."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mme_local.aws import clients_of
from mme_local.aws.account import DEFAULT_ACCOUNT
from mme_local.endpoint import errors
from mme_local.endpoint.call import InvokeCall
from mme_local.endpoint.trace import Trace
from mme_local.observe.watch import Watch

pytestmark = pytest.mark.usefixtures("_empty_aws")

CALL = InvokeCall("e", "m.tar.gz", b"payload")
DIMENSIONS = [{"Name": "EndpointName", "Value": "e"}, {"Name": "VariantName", "Value": "AllTraffic"}]


class Clock:
    """A clock that a test can advance."""

    def __init__(self) -> None:
        self.passed = 0.0

    def __call__(self) -> float:
        return time.time() + self.passed


async def until(read: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not await asyncio.to_thread(read):
        assert time.monotonic() < deadline, "not within the time limit"
        await asyncio.sleep(0.05)


def test_alarms_are_evaluated(tmp_path: Path) -> None:
    clock = Clock()
    cloudwatch = clients_of(DEFAULT_ACCOUNT, "us-east-1").client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="errors",
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=DIMENSIONS,
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )

    def state() -> str:
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=["errors"])["MetricAlarms"]
        return str(alarm["StateValue"])

    async def scenario() -> None:
        watch = Watch(tmp_path, metrics_seconds=0.05, now=clock)
        running = asyncio.create_task(watch.run(list))
        await until(lambda: state() == "OK")
        place = errors.EndpointId("e", "us-east-1", DEFAULT_ACCOUNT)
        watch.finished(CALL, Trace("AllTraffic", cache_hit=True), 0.1, errors.timed_out(place))
        clock.passed += 60
        await until(lambda: state() == "ALARM")
        clock.passed += 240
        await until(lambda: state() == "OK")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scenario())
