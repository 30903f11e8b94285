"""The conformance suite's table, in text and in the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.conformance_table import BEGIN, END, Row, Run, documented, main, markdown, updated

ONLY = "Triton only: its payloads"
ROWS = (
    Row("test_load", "loading", "a model is loaded", "local, live", "any", "with JSON", "passed", "passed"),
    Row("test_repeat", "loading", "a | b", "local: asks", "2.67.0 or newer", "", "failed", "passed"),
    Row("test_string", "payloads", "a string", "local, live", "any", ONLY, "skipped: needs Triton 2.67.0"),
)
RUN = Run("the local endpoint", "2.51.0", "1.1.11", ROWS)
PAGE = f"# Title\n\n{BEGIN}\nold\n{END}\n\nafter\n"


def test_the_summary_counts_each_end() -> None:
    triton = "the local endpoint, Triton 2.51.0: 1 passed, 1 failed, 1 skipped"
    assert RUN.summary == f"{triton}; Multi Model Server 1.1.11: 2 passed"
    assert replace(RUN, rows=tuple(replace(row, on_mms="") for row in ROWS)).summary == triton


def test_an_area_is_named_once() -> None:
    lines = markdown(RUN).splitlines()
    assert lines[2] == "| Area | Case | Runs | Version of Triton | Triton | Multi Model Server |"
    assert lines[4] == "| loading | a model is loaded | local, live | any | passed | passed: with JSON |"
    assert lines[5].startswith("|  | a \\| b |")
    assert lines[6].endswith(f"| skipped: needs Triton 2.67.0 | {ONLY} |")


def test_only_the_table_of_a_page_changes() -> None:
    page = updated(PAGE, RUN)
    assert page.startswith(f"# Title\n\n{BEGIN}\n\nthe local endpoint")
    assert page.endswith(f"\n{END}\n\nafter\n")
    assert "old" not in page
    assert updated(page, RUN) == page


def test_what_is_documented_can_be_read_back() -> None:
    assert documented(updated(PAGE, RUN)) == [row.documented for row in ROWS]
    assert documented(PAGE) == []


ASCII = st.characters(codec="ascii", categories=("L", "N", "P", "S", "Zs"), exclude_characters="\\")
TEXT = st.text(ASCII).map(lambda text: " ".join(text.split()) or "x")


@given(st.lists(st.tuples(TEXT, TEXT, TEXT, TEXT, TEXT), max_size=5))
def test_any_text_can_be_read_back(cells: list[tuple[str, str, str, str, str]]) -> None:
    rows = tuple(Row("test_x", *five, "passed", "passed") for five in cells if "<!--" not in "".join(five))
    assert documented(updated(PAGE, Run("it", "2.51.0", "", rows))) == [row.documented for row in rows]


def test_a_run_is_written_and_read() -> None:
    assert Run.load(RUN.dump()) == RUN


def test_a_page_without_markers_is_an_error() -> None:
    with pytest.raises(ValueError, match="the page has no lines"):
        updated("# Title\n", RUN)


def test_the_command_renews_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.json").write_text(RUN.dump())
    (tmp_path / "page.md").write_text(PAGE)
    assert main([str(tmp_path / "run.json"), "--page", str(tmp_path / "page.md")]) == 0
    assert documented((tmp_path / "page.md").read_text()) == [row.documented for row in ROWS]
    assert RUN.summary in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "{}", '{"target": "x", "triton": "y", "rows": [{}]}'])
def test_an_invalid_run_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "run.json").write_text(text)
    (tmp_path / "page.md").write_text(PAGE)
    assert main([str(tmp_path / "run.json"), "--page", str(tmp_path / "page.md")]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert (tmp_path / "page.md").read_text() == PAGE
