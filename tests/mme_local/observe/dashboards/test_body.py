"""Dashboard bodies as CloudWatch documents them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme_local.observe.dashboards.body import BodyError, read_graph, read_widgets


def named(query: dict[str, Any]) -> list[str]:
    metric = query["MetricStat"]["Metric"]
    pairs = [word for one in metric["Dimensions"] for word in (one["Name"], one["Value"])]
    return [metric["Namespace"], metric["MetricName"], *pairs]


def test_widgets_come_row_by_row_and_have_a_width() -> None:
    told = [
        {"type": "text", "x": 12, "y": 0, "width": 12, "properties": {"markdown": "b"}},
        {"type": "text", "x": 0, "y": 6, "width": 99, "properties": {"markdown": "c"}},
        {"type": "text", "properties": {"markdown": "a"}},
    ]
    found = read_widgets(json.dumps({"widgets": told}))
    assert [(one.properties["markdown"], one.width) for one in found] == [("a", 6), ("b", 12), ("c", 24)]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"widgets": 3}',
        '{"widgets": [3]}',
        '{"widgets": [{}]}',
        pytest.param("[" * 100_000, id="deep"),
    ],
)
def test_what_is_no_body(body: str) -> None:
    with pytest.raises(BodyError, match="can't be read"):
        read_widgets(body)


def test_dots_stand_for_the_metric_before() -> None:
    graph = read_graph(
        {
            "stat": "Sum",
            "period": 60,
            "metrics": [
                ["N", "First", "Endpoint", "e", "Variant", "v"],
                [".", "Second", ".", ".", ".", "w", {"stat": "p99", "label": "Slow", "period": 300}],
                ["...", "x"],
                ["N", "Third"],
            ],
        }
    )
    assert [named(query) for query in graph.queries] == [
        ["N", "First", "Endpoint", "e", "Variant", "v"],
        ["N", "Second", "Endpoint", "e", "Variant", "w"],
        ["N", "Second", "Endpoint", "e", "Variant", "x"],
        ["N", "Third"],
    ]
    stats = [(query["MetricStat"]["Stat"], query["MetricStat"]["Period"]) for query in graph.queries]
    assert stats == [("Sum", 60), ("p99", 300), ("Sum", 60), ("Sum", 60)]
    assert [one.label for one in graph.series] == ["First", "Slow", "Second", "Third"]


def test_what_only_expressions_use_is_asked_for_and_not_shown() -> None:
    graph = read_graph(
        {
            "metrics": [
                [{"expression": "a / 2", "label": "Half", "period": 60}],
                ["N", "M", {"id": "a", "visible": False}],
                ["N", "O", {"yAxis": "right"}],
            ]
        }
    )
    assert [query["Id"] for query in graph.queries] == ["mmeq0", "a", "mmeq2"]
    assert [(one.label, one.on_the_right) for one in graph.series] == [("Half", False), ("O", True)]


@pytest.mark.parametrize(
    "metric", [["N"], [], [".", "."], ["N", "M", "Dimension"], 3, ["N", "M", {"period": "x"}]]
)
def test_a_metric_that_is_none_is_named(metric: Any) -> None:
    with pytest.raises(BodyError, match="metric 0 of the graph can't be read"):
        read_graph({"metrics": [metric]})


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(_json, max_size=3))
def test_no_metrics_at_all_break_it(metrics: list[Any]) -> None:
    try:
        graph = read_graph({"metrics": metrics})
    except BodyError:
        return
    assert len(graph.queries) == len(metrics)
