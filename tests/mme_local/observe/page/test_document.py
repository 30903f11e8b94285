"""The content of the page."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme_local.observe import charts
from mme_local.observe.alarms import ObservedAlarm
from mme_local.observe.history import SLICE_SECONDS, History
from mme_local.observe.page.document import render_main, render_page
from tools.sample_runtime import (
    NOW,
    SampleRuntime,
    sample_endpoint,
    sample_instance,
    sample_model,
    sample_request,
)


def text_of(runtime: SampleRuntime) -> str:
    """The page's text."""
    main = render_main(runtime.status(), runtime.history, {"i-0": 12.3}, runtime.alarms, runtime.now)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


def test_without_an_endpoint_it_shows_how_to_deploy_one() -> None:
    text = text_of(SampleRuntime(endpoints=[]))
    assert "No endpoint is deployed" in text
    assert "export AWS_ENDPOINT_URL=http://localhost:4747" in text


def test_an_endpoint_without_requests() -> None:
    text = text_of(SampleRuntime())
    assert "No requests yet." in text
    assert "No model is in memory." in text
    assert "No errors." in text


def test_models_with_size_age_and_hits() -> None:
    instance = sample_instance(
        0, sample_model("churn_v0.tar.gz", hits=1234), sample_model("new.tar.gz", state="loading")
    )
    text = text_of(SampleRuntime(endpoints=[sample_endpoint(instance)]))
    assert "churn_v0.tar.gz 0 ready 35.0 MiB 5 min 1,234" in text
    assert "new.tar.gz 0 loading 35.0 MiB" in text
    assert "Memory 300 MiB of 1.0 GiB" in text
    assert "2 models · 0 in flight · CPU 12 %" in text


def test_a_restart_with_its_reason() -> None:
    restart = {"at": NOW, "exit_status": -9, "reason": "the load of <b>a</b> did not end", "models": 77}
    instance = sample_instance(0) | {"restarts": 2, "last_restart": restart}
    text = text_of(SampleRuntime(endpoints=[sample_endpoint(instance)]))
    assert "2 restarts The last one lost 77 models at" in text
    assert re.search(r"at \S+: the load of <b>a</b> did not end \(exit status -9\)", text)


def test_totals_requests_and_errors() -> None:
    runtime = SampleRuntime()
    runtime.history.count(
        [
            sample_request(),
            sample_request(),
            sample_request("b.tar.gz", hit=False),
            sample_request(error="wrong shape of input"),
        ]
    )
    text = text_of(runtime)
    assert "Requests 4 4 in 30 min" in text
    assert "Cache hits 75.0 % 1 miss" in text
    assert "Load wait p50 800 ms" in text
    assert "Errors 1 25.0 % of requests" in text
    assert "200 b.tar.gz miss 800 ms 4.0 ms 805 ms" in text
    assert "424 ModelError churn_v0.tar.gz" in text
    assert "400: wrong shape of input" in text


def test_a_long_json_error_shows_its_cause() -> None:
    runtime = SampleRuntime()
    answer = json.dumps({"error": f"load failed: {'x' * 2000}: No module named 'scikit_lern'"})
    runtime.history.count([sample_request(error=answer)])
    text = text_of(runtime)
    assert "400: load failed: xxx" in text
    assert "No module named 'scikit_lern'" in text
    assert len(text) < 2000


def test_sparse_traffic_is_one_line() -> None:
    points = [None] * 10 + [100.0] + [None] * 9 + [50.0] + [None] * 5 + [75.0]
    drawn = charts.line_chart(points, "hits", most=100)
    assert (drawn.count('class="line"'), drawn.count('class="dot"')) == (1, 0)
    alone = charts.line_chart([None, 50.0, None], "hits", most=100)
    assert (alone.count('class="line"'), alone.count('class="dot"')) == (0, 1)


class Tags(HTMLParser):
    """Collects what a browser would make of a page, without its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attributes)))


def page_with(text: str) -> str:
    instance = sample_instance(0, sample_model(text), name=f"{text}/0")
    endpoint = sample_endpoint(instance) | {"name": text, "variant": text, "instance_type": text}
    alarms = [ObservedAlarm("us-east-1", text, state, text, NOW) for state in ("ALARM", "OK")]
    runtime = SampleRuntime(endpoints=[endpoint], alarms=alarms)
    failed = sample_request(text, error=text)._replace(endpoint=text)
    runtime.history.count([failed, sample_request(text)._replace(endpoint=text)])
    status = runtime.status() | {"url": text, "backends": [text]}
    return render_page(status, render_main(status, runtime.history, {}, alarms, NOW), "nonce")


@given(
    st.text(st.characters(), min_size=1)
    | st.sampled_from(["\udcff", "\x1b]8;;", "\u202e<b>", "</style><script>"])
)
def test_text_from_outside_is_only_text(text: str) -> None:
    page = page_with(text)
    page.encode()  # no lone surrogate
    assert Tags(page).found == Tags(page_with("plain")).found
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", page)


def test_many_models_are_cut_and_counted() -> None:
    instance = sample_instance(0, *(sample_model(f"m{number}.tar.gz") for number in range(130)))
    text = text_of(SampleRuntime(endpoints=[sample_endpoint(instance)]))
    assert "m99.tar.gz" in text
    assert "m100.tar.gz" not in text
    assert "and 30 more" in text


@pytest.mark.parametrize("later", [0, SLICE_SECONDS * 119])
def test_history_spans_half_an_hour(later: float) -> None:
    history = History()
    history.count([sample_request()])
    assert sum(one.requests for one in history.of("us-east-1", "mme-dev").slices(NOW + later)) == 1
    assert sum(one.requests for one in history.of("us-east-1", "mme-dev").slices(NOW + later + 1800)) == 0


def test_names_that_never_answered_are_evicted_first() -> None:
    history = History()
    history.count([sample_request()])
    for number in range(60):
        history.count([sample_request(error="no such endpoint")._replace(endpoint=f"typo{number}")])
    assert history.of("us-east-1", "mme-dev").requests == 1
    assert history.of("us-east-1", "typo0").requests == 0
    history.count([sample_request()._replace(endpoint="new")])
    assert history.of("us-east-1", "new").requests == 1


def test_alarms_that_are_not_ok_come_with_their_reason() -> None:
    alarms = [
        ObservedAlarm("us-east-1", "server-errors", "ALARM", "p90 > 5", NOW - 120),
        ObservedAlarm("us-east-1", "latency", "OK", "", NOW),
    ]
    text = text_of(SampleRuntime(alarms=alarms))
    assert "server-errors In alarm 2 min p90 > 5 latency" in text
