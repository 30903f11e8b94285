"""Queries over a log, the constructs' own among them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme_cdk.monitoring.log_queries import LOG_QUERIES
from mme_local.observe.insights.expressions import QueryError
from mme_local.observe.insights.query import Query

T0 = 1_790_000_100_000
LINES = [
    (0, "i-0", "I1121 12:00:00 1 sagemaker_server.cc:1] Loading SageMaker TargetModel: a.tar.gz"),
    (2500, "i-0", "I1121 12:00:02 1 model_lifecycle.cc:1] successfully loaded 'a.tar.gz'"),
    (2600, "i-0", "I1121 12:00:02 1 sagemaker_server.cc:1] Invoking SageMaker TargetModel: a.tar.gz"),
    (3000, "i-1", 'I1121 12:00:03 1 sagemaker_server.cc:1] "Invoking SageMaker TargetModel: b.tar.gz"'),
    (3100, "i-0", "I1121 12:00:03 1 sagemaker_server.cc:1] Invoking SageMaker TargetModel: a.tar.gz"),
    (4000, "i-0", "I1121 12:00:04 1 sagemaker_server.cc:1] Unloading SageMaker TargetModel: a.tar.gz"),
    (
        5000,
        "i-1",
        "E1121 12:00:05 1 model_lifecycle.cc:1] failed to load 'c.tar.gz' version 1: Internal: no file",
    ),
]
EVENTS = [{"@timestamp": T0 + at, "@logStream": stream, "@message": text} for at, stream, text in LINES]
TEXTS = {query.name: query.text for query in LOG_QUERIES}


def ask(text: str) -> list[dict[str, Any]]:
    table = Query(text).run(EVENTS)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_the_constructs_queries() -> None:
    assert ask(TEXTS["top-models"]) == [
        {"model": "a.tar.gz", "calls": 2, "lastCall": T0 + 3100},
        {"model": "b.tar.gz", "calls": 1, "lastCall": T0 + 3000},
    ]
    assert ask(TEXTS["loads-and-unloads"]) == [
        {"model": "a.tar.gz", "verb": "Loading", "times": 1},
        {"model": "a.tar.gz", "verb": "Unloading", "times": 1},
    ]
    (load,) = ask(TEXTS["load-times"])
    assert (load["model"], load["seconds"], load["loads"], load["@logStream"]) == ("a.tar.gz", 2.5, 1, "i-0")
    assert load["began"] == T0 // 300_000 * 300_000
    (failed,) = ask(TEXTS["failed-loads"])
    assert failed == {"model": "c.tar.gz", "failures": 1, "lastReason": "Internal: no file"}
    (error,) = ask(TEXTS["errors"])
    assert error["@message"].startswith("E1121")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("fields @logStream | filter @message like 'Unloading'", ["i-0"]),
        ("filter @logStream != 'i-0' | stats count() as n", [2]),
        ("filter not @logStream in ['i-0'] and @timestamp > 0 | stats count(*) as n", [2]),
        ("stats count_distinct(@logStream) as n", [2]),
        ("stats (max(@timestamp) - min(@timestamp)) / 1000 as s", [5.0]),
        ("stats count() as n by @logStream as stream | sort n desc | limit 1 | display stream", ["i-0"]),
        ("stats earliest(@logStream) as first", ["i-0"]),
        ("fields 1 + 2 * 3 as n | limit 1", [7.0]),
        ("fields 1 / 0 as n | limit 1", [None]),
        ("SOURCE '/aws/x' | stats sum(nothing) as n", [None]),
    ],
)
def test_commands_and_expressions(text: str, values: list[Any]) -> None:
    assert [next(reversed(row.values())) for row in ask(text)] == values


def test_groups_that_a_query_names() -> None:
    query = Query("SOURCE '/aws/a' | SOURCE \"/aws/b\" | fields @message")
    assert query.groups == ["/aws/a", "/aws/b"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fields",
        "fields @message |",
        "parse @message /(/",
        "unmask x",
        "stats pct(x, 9) as p",
        "limit x",
        "filter a =",
    ],
)
def test_what_cannot_be_read(text: str) -> None:
    with pytest.raises(QueryError, match="here"):
        Query(text)


@given(st.text(alphabet="filtersabynd @|=<>()[]/'\"12,*`"))
def test_any_text_is_answered_or_refused(text: str) -> None:
    try:
        query = Query(text)
    except QueryError:
        return
    query.run(EVENTS)
