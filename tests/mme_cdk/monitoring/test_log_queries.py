"""The queries' expressions, tried on log lines of a real Triton; Logs Insights itself runs in AWS only."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from mme_cdk.monitoring.log_queries import LOG_QUERIES

LOGS = Path(__file__).parents[2] / "operate" / "triton_logs"
PARSE = re.compile(r"parse @message /((?:\\/|[^/])+)/")


def expressions(name: str) -> list[re.Pattern[str]]:
    """What a query parses lines by, as Python writes it."""
    (query,) = [one for one in LOG_QUERIES if one.name == name]
    return [
        re.compile(found.replace(r"\/", "/").replace("(?<", "(?P<")) for found in PARSE.findall(query.text)
    ]


def captured(*, quoted: bool) -> list[str]:
    """Lines of Triton 2.51, and the same as older versions write them."""
    lines = (LOGS / "quiet.log").read_text("utf-8").splitlines()
    return lines if quoted else [re.sub(r'\] "(.*)"$', r"] \1", line).replace(r"\n", "") for line in lines]


@pytest.mark.parametrize("quoted", [True, False])
def test_top_models(quoted: bool) -> None:
    (expression,) = expressions("top-models")
    calls = Counter(found["model"] for line in captured(quoted=quoted) if (found := expression.search(line)))
    assert calls == {"alpha_v0.tar.gz": 5, "tenant-a/beta_v1.tar.gz": 1}


@pytest.mark.parametrize("quoted", [True, False])
def test_loads_and_unloads(quoted: bool) -> None:
    (expression,) = expressions("loads-and-unloads")
    events = Counter(
        (found["verb"], found["model"])
        for line in captured(quoted=quoted)
        if (found := expression.search(line))
    )
    assert events["Loading", "alpha_v0.tar.gz"] == 2
    assert events["Unloading", "tenant-a/beta_v1.tar.gz"] == 1


@pytest.mark.parametrize("quoted", [True, False])
def test_load_times(quoted: bool) -> None:
    begun, done = expressions("load-times")
    lines = captured(quoted=quoted)
    assert "tenant-a/beta_v1.tar.gz" in {found["begun"] for line in lines if (found := begun.search(line))}
    assert {found["done"] for line in lines if (found := done.search(line))} == {
        "alpha_v0.tar.gz",
        "tenant-a/beta_v1.tar.gz",
    }


@pytest.mark.parametrize("quoted", [True, False])
def test_failed_loads(quoted: bool) -> None:
    (expression,) = expressions("failed-loads")
    failed = {
        found["model"]: found["reason"]
        for line in captured(quoted=quoted)
        if (found := expression.search(line))
    }
    assert set(failed) == {"broken_v0.tar.gz", "memory_v0.tar.gz", "config_v0.tar.gz"}
    assert failed["broken_v0.tar.gz"].startswith("Internal: Module")


def test_errors() -> None:
    (query,) = [one for one in LOG_QUERIES if one.name == "errors"]
    filters = [re.compile(found) for found in re.findall(r"like /([^/]+)/", query.text)]
    assert len(filters) == 2
    errors = [line for line in captured(quoted=True) if any(one.search(line) for one in filters)]
    assert any("failed to load" in line for line in errors)
    assert not any("Invoking" in line for line in errors)
