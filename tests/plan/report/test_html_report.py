"""The page of a plan: whole, self-contained, and safe with hostile names."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from mme.plan.models.model_fleet import ModelFleet
from mme.plan.report.html_report import page
from mme.plan.report.svg_chart import Axis, Point, chart
from tests.plan.capacity.test_planning import planned
from tests.plan.workload import a_mix, some_fleet

HOSTILE = "<script>alert(1)</script>&\"'\u202e.tar.gz"


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loaded += [str(value) for name, value in attrs if name in ("src", "href")]


def rendered() -> tuple[str, Elements]:
    fleet = some_fleet(20)
    hostile = ModelFleet((HOSTILE, *fleet.names[1:]), fleet.unpacked, fleet.archives, fleet.assumptions)
    traffic = a_mix(hostile)
    text = page(planned(traffic), traffic, ["assumed: 5 < 6"], ("ml.m5.xlarge", 2))
    elements = Elements()
    elements.feed(text)
    return text, elements


def test_it_loads_nothing_and_runs_nothing() -> None:
    text, elements = rendered()
    assert elements.loaded == []
    assert "script" not in elements.tags
    assert "url(" not in text
    assert "default-src 'none'" in text


def test_hostile_names_are_text() -> None:
    text, _ = rendered()
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#x27;\ufffd.tar.gz" in text
    assert "\u202e" not in text
    assert "5 &lt; 6" in text


def test_it_has_four_charts_and_today() -> None:
    text, elements = rendered()
    assert elements.tags.count("svg") == 4
    assert 'class="today"' in text
    assert "today: 2 x ml.m5.xlarge" in text
    assert elements.tags.count("table") == 2
    assert not re.search(r"\b(nan|inf)\b", text)


def test_points_beyond_the_axis_are_at_its_edge() -> None:
    axis = Axis("x", str, limits=(0.0, 1.0))
    text = chart("c", axis, axis, [Point(float("inf"), -5.0), Point(0.5, float("nan"))])
    assert text.count("<circle") == 2
    assert "nan" not in text
