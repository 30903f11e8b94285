"""What the page says, as HTML."""

from __future__ import annotations

import html
import re

import pytest

from mme_local.observe.history import SLICE_SECONDS, History
from mme_local.observe.page.document import render_main
from tests.mme_local.observe.page.a_runtime import (
    NOW,
    FakeRuntime,
    a_model,
    a_request,
    an_endpoint,
    an_instance,
)


def words_of(runtime: FakeRuntime) -> str:
    """The page's text."""
    main = render_main(runtime.status(), runtime.history, {"i-0": 12.3}, runtime.cloud, runtime.now)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


def test_no_endpoint_tells_how_to_get_one() -> None:
    words = words_of(FakeRuntime(endpoints=[]))
    assert "No endpoint is deployed" in words
    assert "export AWS_ENDPOINT_URL=http://localhost:4747" in words


def test_an_endpoint_nobody_called() -> None:
    words = words_of(FakeRuntime())
    assert "Nobody has called this endpoint yet." in words
    assert "No model is in memory." in words
    assert "No errors." in words


def test_models_with_size_age_and_hits() -> None:
    instance = an_instance(0, a_model("churn_v0.tar.gz", hits=1234), a_model("new.tar.gz", state="loading"))
    words = words_of(FakeRuntime(endpoints=[an_endpoint(instance)]))
    assert "churn_v0.tar.gz 0 ready 35.0 MiB 5 min 1,234" in words
    assert "new.tar.gz 0 loading 35.0 MiB" in words
    assert "Memory 300 MiB of 1.0 GiB" in words
    assert "2 models · 0 in flight · CPU 12 %" in words


def test_figures_requests_and_errors() -> None:
    runtime = FakeRuntime()
    runtime.history.count(
        [a_request(), a_request(), a_request("b.tar.gz", hit=False), a_request(error="wrong shape of input")]
    )
    words = words_of(runtime)
    assert "Requests 4 4 in 30 min" in words
    assert "Cache hits 75.0 % 1 miss" in words
    assert "Load wait p50 800 ms" in words
    assert "Errors 1 25.0 % of requests" in words
    assert "200 b.tar.gz miss 800 ms 4.0 ms 805 ms" in words
    assert "424 ModelError churn_v0.tar.gz" in words
    assert "400: wrong shape of input" in words


def test_names_and_messages_are_shown_and_never_obeyed() -> None:
    evil = '<img src=x onerror="alert(1)">'
    runtime = FakeRuntime(endpoints=[an_endpoint(an_instance(0, a_model(evil)), name="mme-dev")])
    runtime.history.count([a_request(evil, error=evil)])
    main = render_main(runtime.status(), runtime.history, {}, runtime.cloud, NOW)
    assert "<img" not in main
    assert evil in html.unescape(main)


def test_many_models_are_cut_and_counted() -> None:
    instance = an_instance(0, *(a_model(f"m{number}.tar.gz") for number in range(130)))
    words = words_of(FakeRuntime(endpoints=[an_endpoint(instance)]))
    assert "m99.tar.gz" in words
    assert "m100.tar.gz" not in words
    assert "and 30 more" in words


@pytest.mark.parametrize("later", [0, SLICE_SECONDS * 119])
def test_half_an_hour_is_kept(later: float) -> None:
    history = History()
    history.count([a_request()])
    assert sum(one.requests for one in history.of("us-east-1", "mme-dev").slices(NOW + later)) == 1
    assert sum(one.requests for one in history.of("us-east-1", "mme-dev").slices(NOW + later + 1800)) == 0


def test_endpoints_of_the_past_do_not_pile_up() -> None:
    history = History()
    for number in range(60):
        history.count([a_request()._replace(endpoint=f"e{number}")])
    assert history.of("us-east-1", "e0").requests == 0
    assert history.of("us-east-1", "e59").requests == 1


def test_names_that_never_answered_displace_no_endpoint() -> None:
    history = History()
    history.count([a_request()])
    for number in range(60):
        history.count([a_request(error="no such endpoint")._replace(endpoint=f"typo{number}")])
    assert history.of("us-east-1", "mme-dev").requests == 1
    assert history.of("us-east-1", "typo0").requests == 0
    history.count([a_request()._replace(endpoint="new")])
    assert history.of("us-east-1", "new").requests == 1
