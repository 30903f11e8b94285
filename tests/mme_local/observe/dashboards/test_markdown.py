"""Text widgets."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme_local.observe.dashboards.markdown import render_markdown


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("# Title\nwords", "<h3>Title</h3><p>words</p>"),
        ("one\ntwo\n\nthree", "<p>one<br>two</p><p>three</p>"),
        ("- a\n* b\n\nc", "<ul><li>a</li><li>b</li></ul><p>c</p>"),
        ("**bold** and `code <b>`", "<p><strong>bold</strong> and <code>code &lt;b&gt;</code></p>"),
        ("[runbook](https://x.test/a)", '<p><a href="https://x.test/a" rel="noreferrer">runbook</a></p>'),
        (
            "see https://x.test/a",
            '<p>see <a href="https://x.test/a" rel="noreferrer">https://x.test/a</a></p>',
        ),
        ("[bad](javascript:alert(1))", "<p>bad)</p>"),
        ("<script>", "<p>&lt;script&gt;</p>"),
    ],
)
def test_markdown(source: str, html: str) -> None:
    assert render_markdown(source) == html


@given(st.text(alphabet="ab<>\"'&#*-`[]()\n :/htps"))
def test_no_other_element_ever_comes_out(source: str) -> None:
    left = re.sub(
        r"</?(p|ul|li|h[3-6]|strong|code)>|<br>|<a href=\"https?://[^\"<>]*\" rel=\"noreferrer\">|</a>",
        "",
        render_markdown(source),
    )
    assert "<" not in left
    assert ">" not in left
