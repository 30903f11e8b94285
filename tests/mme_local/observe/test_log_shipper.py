"""Logs that grow, are rotated and change owners, read back with boto3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mme_local.aws import clients_of
from mme_local.aws.account import DEFAULT_ACCOUNT
from mme_local.observe.log_shipper import LogShipper, LogSource

pytestmark = pytest.mark.usefixtures("_empty_aws")

GROUP = "/aws/sagemaker/Endpoints/e"


def source(path: Path, instance: str = "i-0") -> LogSource:
    return LogSource(path, "us-east-1", "e", f"AllTraffic/{instance}")


def events(**more: Any) -> list[tuple[str, str]]:
    client = clients_of(DEFAULT_ACCOUNT, "us-east-1").client("logs")
    pages = client.get_paginator("filter_log_events").paginate(logGroupName=GROUP, **more)
    return [(one["logStreamName"], one["message"]) for page in pages for one in page["events"]]


def append(path: Path, text: str) -> None:
    with path.open("a") as log:
        log.write(text)


def test_each_line_is_sent_once_in_order(tmp_path: Path) -> None:
    path, shipper = tmp_path / "a.log", LogShipper()
    shipper.ship([source(path)])  # no log yet
    append(path, "one\ntwo\nthr")
    shipper.ship([source(path)])
    append(path, "ee\n\nfour\n")
    shipper.ship([source(path)])
    shipper.ship([source(path)])
    assert events() == [("AllTraffic/i-0", text) for text in ("one", "two", "three", "four")]


def test_a_rotated_log_is_read_from_its_start(tmp_path: Path) -> None:
    path, shipper = tmp_path / "a.log", LogShipper()
    append(path, "before\n" * 3)
    shipper.ship([source(path)])
    path.write_text("after\n")
    shipper.ship([source(path)])
    assert [text for _, text in events()] == ["before"] * 3 + ["after"]


def test_last_lines_belong_to_the_stopped_instance(tmp_path: Path) -> None:
    path, shipper = tmp_path / "a.log", LogShipper()
    append(path, "first\n")
    shipper.ship([source(path, "i-old")])
    append(path, "last\n")
    shipper.ship([source(path, "i-new")])
    append(path, "new\n")
    shipper.ship([source(path, "i-new")])
    shipper.ship([])
    assert events() == [
        ("AllTraffic/i-old", "first"),
        ("AllTraffic/i-old", "last"),
        ("AllTraffic/i-new", "new"),
    ]


def test_only_the_newest_events_are_held(tmp_path: Path) -> None:
    path, shipper = tmp_path / "a.log", LogShipper(max_events=10, max_events_of_stopped=3)
    append(path, "".join(f"{number}\n" for number in range(100)))
    shipper.ship([source(path)])
    assert [text for _, text in events()] == [str(number) for number in range(90, 100)]
    shipper.ship([])
    assert [text for _, text in events()] == ["97", "98", "99"]


def test_a_long_log_is_sent_in_several_calls(tmp_path: Path) -> None:
    path, shipper = tmp_path / "a.log", LogShipper()
    line = "x" * 999
    append(path, f"{line}\n" * 6000)
    shipper.ship([source(path)])
    first = len(events())
    assert 3000 < first < 6000
    shipper.ship([source(path)])
    assert [text for _, text in events()] == [line] * 6000
