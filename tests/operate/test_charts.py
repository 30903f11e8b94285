"""Charts fit their width, show their values, and work without colours."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mme.aws.clients import AwsClients
from mme.catalog.metrics import endpoint_metrics
from mme.errors import MmeError
from mme.operate.charts import draw
from mme.operate.metric_series import (
    MetricSeries,
    check_statistic,
    fitting_period,
    read_series,
)
from tools.sample_deployment import ENDPOINT, put_metric

START = datetime(2026, 11, 21, 12, tzinfo=UTC)


def series(name: str, values: list[float], variant: str = "AllTraffic") -> MetricSeries:
    metric = endpoint_metrics()[name]
    points = tuple((START + timedelta(minutes=number), value) for number, value in enumerate(values))
    return MetricSeries(metric, variant, metric.statistic, 60, points)


def plain(text: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()


@settings(max_examples=30)
@given(
    st.lists(st.floats(0, 1e14), min_size=1, max_size=60),
    st.integers(40, 160),
    st.integers(6, 20),
)
def test_every_chart_fits(values: list[float], width: int, height: int) -> None:
    until = START + timedelta(hours=1)
    lines = plain(draw([series("Invocations", values)], since=START, until=until, width=width, height=height))
    assert len(lines) <= height
    assert max(len(line) for line in lines) <= width


def test_two_variants_have_a_legend() -> None:
    both = [series("ModelLatency", [1000, 2000], "blue"), series("ModelLatency", [3000, 1000], "green")]
    text = "\n".join(plain(draw(both, since=START, until=START + timedelta(hours=1), width=80, height=9)))
    assert "blue" in text
    assert "green" in text


@pytest.mark.parametrize(
    ("length", "period"),
    [
        (timedelta(minutes=30), 60),
        (timedelta(hours=3), 60),
        (timedelta(days=1), 900),
        (timedelta(days=7), 3600),
        (timedelta(days=30), 21600),
        (timedelta(days=400), 86400),
    ],
)
def test_periods_that_cloudwatch_still_has(length: timedelta, period: int) -> None:
    assert fitting_period(START - length, START, 180) == period


def test_metrics_older_than_455_days_are_refused() -> None:
    assert fitting_period(START - timedelta(days=455), START, 20_000) == 3600
    with pytest.raises(MmeError, match="too long ago; CloudWatch stores metrics for 455 days"):
        fitting_period(START - timedelta(days=456), START, 180)


@pytest.mark.parametrize(
    ("given", "meant"),
    [("sum", "Sum"), ("SAMPLECOUNT", "SampleCount"), ("p99.9", "p99.9"), ("tm95", "tm95")]
    + [(text, text) for text in ("p0", "p100", "TM(10%:90%)", "TS(80%:)", "PR(:300)", "PR(100:2000)")],
)
def test_statistics_as_cloudwatch_spells_them(given: str, meant: str) -> None:
    assert check_statistic(given) == meant


@pytest.mark.parametrize("text", ["p200", "p", "99", "mean", "TM(10:", "PR(1%:2%)", ""])
def test_invalid_statistics(text: str) -> None:
    with pytest.raises(MmeError, match=re.escape(f"{text!r} is not a statistic of CloudWatch")):
        check_statistic(text)


def test_series_of_each_variant_come_in_order(clients: AwsClients) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    for minutes, value in ((3, 5.0), (9, 7.0), (6, 2.0)):
        put_metric(clients, "AWS/SageMaker", "Invocations", now - timedelta(minutes=minutes), value)
    wanted = [("Invocations", "Sum"), ("ModelLatency", "Average")]
    found = read_series(
        clients.cloudwatch, ENDPOINT, ["AllTraffic", "Shadow"], wanted, now - timedelta(hours=1), now, 60
    )
    assert [(one.metric.name, one.variant, [value for _, value in one.points]) for one in found] == [
        ("Invocations", "AllTraffic", [7.0, 2.0, 5.0]),
        ("Invocations", "Shadow", []),
        ("ModelLatency", "AllTraffic", []),
        ("ModelLatency", "Shadow", []),
    ]
