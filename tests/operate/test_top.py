"""The busiest models, counted from real Triton's log as in CloudWatch."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mme.aws.clients import AwsClients
from mme.errors import MmeError
from mme.operate.log_events import LogEvent, follow_events, read_events
from mme.operate.model_log import model_lines
from mme.operate.periods import parse_since
from mme.operate.top import TOP_PATTERN, tally
from tests.operate.deployment import put_log
from tools.sample_deployment import ENDPOINT

START = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
QUIET = (Path(__file__).parent / "triton_logs" / "quiet.log").read_text().splitlines()


def as_events(texts: Iterable[str], stream: str = "AllTraffic/i-0a1") -> list[LogEvent]:
    return [
        LogEvent(START + timedelta(milliseconds=number), stream, text) for number, text in enumerate(texts)
    ]


def test_counts_of_a_real_log() -> None:
    models = {one.model: one for one in tally(as_events(QUIET))}
    alpha = models["alpha_v0.tar.gz"]
    assert (alpha.invocations, alpha.loads, alpha.unloads, alpha.failed_loads) == (5, 2, 2, 0)
    assert len(alpha.load_seconds) == 2
    assert alpha.median_load_seconds is not None
    assert 0.05 < alpha.median_load_seconds < 30
    memory = models["memory_v0.tar.gz"]
    assert (memory.invocations, memory.loads, memory.failed_loads) == (0, 0, 2)
    assert "CUDA out of memory" in memory.last_failure
    assert memory.median_load_seconds is None


def test_two_instances_load_one_model_at_the_same_time() -> None:
    def line(clock: str, text: str) -> str:
        return f'I0101 {clock} 7 sagemaker_server.cc:360] "{text}"'

    begin, end = (
        "Loading SageMaker TargetModel: m.tar.gz",
        "successfully loaded '/opt/ml/models/ab::m.tar.gz'",
    )
    events = [
        LogEvent(START, "AllTraffic/i-1", line("23:59:59.000000", begin)),
        LogEvent(START, "AllTraffic/i-2", line("23:59:59.500000", begin)),
        LogEvent(START, "AllTraffic/i-1", line("00:00:01.000000", end)),
        LogEvent(START, "AllTraffic/i-2", line("23:59:59.750000", end)),
    ]
    (model,) = tally(events)
    assert sorted(model.load_seconds) == [0.25, 2.0]


def test_the_log_is_read_from_the_moment_asked_for(clients: AwsClients) -> None:
    now = datetime.now(UTC)
    put_log(
        clients, "AllTraffic/i-1", [(now - timedelta(hours=3), "old"), (now - timedelta(minutes=5), "new")]
    )
    put_log(clients, "AllTraffic/i-2", [(now - timedelta(minutes=4), "newer")])
    events = list(read_events(clients.logs, ENDPOINT, parse_since("1h", now)))
    assert [(event.instance, event.message) for event in events] == [("i-1", "new"), ("i-2", "newer")]
    assert next(read_events(clients.logs, ENDPOINT, parse_since("4h", now))).message == "old"


def test_the_pattern_matches_the_counted_lines() -> None:
    terms = [term for term in TOP_PATTERN.split('"') if term.strip(" ?")]
    counted = [text for text in QUIET if any(term in text for term in terms)]
    assert len(counted) < len(QUIET) / 2
    assert tally(as_events(counted))[0].invocations == tally(as_events(QUIET))[0].invocations


def test_an_endpoint_without_a_log(clients: AwsClients) -> None:
    with pytest.raises(MmeError, match="has no log yet: the log group /aws/sagemaker/Endpoints/mme-dev"):
        list(read_events(clients.logs, ENDPOINT, START))


class EnoughError(Exception):
    """Ends a following."""


def test_following_gives_each_line_once_also_the_late_ones(clients: AwsClients) -> None:
    now = datetime.now(UTC)
    put_log(clients, "AllTraffic/i-1", [(now - timedelta(seconds=30), "first")])
    rounds = iter(
        [
            lambda: put_log(clients, "AllTraffic/i-1", [(now - timedelta(seconds=5), "second")]),
            # Written before the second, and visible after it.
            lambda: put_log(clients, "AllTraffic/i-2", [(now - timedelta(seconds=8), "late")]),
        ]
    )

    def pause() -> None:
        act = next(rounds, None)
        if act is None:
            raise EnoughError
        act()

    yielded: list[str] = []
    following = follow_events(clients.logs, ENDPOINT, now - timedelta(minutes=1), pause)
    with pytest.raises(EnoughError):
        yielded.extend(event.message for event in following)
    assert yielded == ["first", "second", "late"]


def test_models_by_pattern_and_errors_only() -> None:
    lines = list(model_lines(as_events(QUIET), model="tenant-a/*"))
    assert {found.model for found in lines} == {"tenant-a/beta_v1.tar.gz"}
    faults = list(model_lines(as_events(QUIET), model="*_v0.tar.gz", faults_only=True))
    assert {found.level for found in faults} == {"E"}


@pytest.mark.parametrize(
    ("text", "length"),
    [("90s", 90), ("15m", 900), ("1h", 3600), ("2d", 172800), ("1w", 604800), (" 1h ", 3600)],
)
def test_periods(text: str, length: int) -> None:
    assert parse_since(text, START) == START - timedelta(seconds=length)


@pytest.mark.parametrize("text", ["", "h", "1", "-1h", "1y", "soon", "99999999999999d", "2027-01-01", "0s"])
def test_invalid_periods(text: str) -> None:
    with pytest.raises(MmeError, match=r"not a period|not in the past"):
        parse_since(text, START)
