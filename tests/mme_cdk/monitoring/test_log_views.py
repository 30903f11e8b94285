"""Log queries on the log of a real Triton; Logs Insights itself runs in AWS only."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from mme_cdk.monitoring.log_queries import LOG_QUERIES

NEW = (Path(__file__).parents[2] / "operate" / "triton_logs" / "quiet.log").read_text("utf-8").splitlines()
OLD = [re.sub(r'\] "(.*)"$', r"] \1", line).replace(r"\n", "") for line in NEW]
both_formats = pytest.mark.parametrize("lines", [NEW, OLD], ids=["quoted", "unquoted"])


def matches(query: str, lines: list[str]) -> list[list[dict[str, str]]]:
    """The named groups that each `parse` command of a query finds."""
    (text,) = [one.text for one in LOG_QUERIES if one.name == query]
    commands = re.findall(r"parse @message /((?:\\/|[^/])+)/", text)
    patterns = [re.compile(command.replace(r"\/", "/").replace("(?<", "(?P<")) for command in commands]
    return [[found.groupdict() for line in lines if (found := pattern.search(line))] for pattern in patterns]


@both_formats
def test_queries_find_requests_loads_and_failures(lines: list[str]) -> None:
    (requests,) = matches("top-models", lines)
    assert Counter(one["model"] for one in requests) == {"alpha_v0.tar.gz": 5, "tenant-a/beta_v1.tar.gz": 1}
    (events,) = matches("loads-and-unloads", lines)
    counted = Counter((one["verb"], one["model"]) for one in events)
    assert counted["Loading", "alpha_v0.tar.gz"] == 2
    assert counted["Unloading", "tenant-a/beta_v1.tar.gz"] == 1
    begun, done = matches("load-times", lines)
    assert "tenant-a/beta_v1.tar.gz" in {one["begun"] for one in begun}
    assert {one["done"] for one in done} == {"alpha_v0.tar.gz", "tenant-a/beta_v1.tar.gz"}
    (failed,) = matches("failed-loads", lines)
    reasons = {one["model"]: one["reason"] for one in failed}
    assert set(reasons) == {"broken_v0.tar.gz", "memory_v0.tar.gz", "config_v0.tar.gz"}
    assert reasons["broken_v0.tar.gz"].startswith("Internal: Module")


def test_the_error_query_finds_error_lines_only() -> None:
    (text,) = [one.text for one in LOG_QUERIES if one.name == "errors"]
    filters = re.findall(r"like /([^/]+)/", text)
    errors = [line for line in NEW if any(re.search(one, line) for one in filters)]
    assert any("failed to load" in line for line in errors)
    assert not any("Invoking" in line for line in errors)
