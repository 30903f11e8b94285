"""Text from outside reaches a terminal literally: no control characters, no markup, no emoji codes."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mme.console import plain_table, print_error, print_json, print_line, print_note, print_table, safe_text
from mme.errors import MmeError

HOSTILE = "\x1b[2J\x1b]0;title\x07 \u202etxt.exe\u2066 \x9b31m \r\x7f \udc80 [bold red]a[/] :smile:"
LITERAL = "[bold red]a[/] :smile:"
BIDIRECTIONAL = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


def unsafe(text: str) -> list[str]:
    return [
        character
        for character in text
        if (unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") and character not in "\t\n")
        or unicodedata.bidirectional(character) in BIDIRECTIONAL
        or character in "\u061c\u200e\u200f"
    ]


@given(st.text(st.characters(exclude_categories=())))
@example(HOSTILE)
def test_safe_text_replaces_each_unsafe_character_by_one(text: str) -> None:
    safe = safe_text(text)
    assert unsafe(safe) == []
    assert len(safe) == len(text)
    if not unsafe(text):
        assert safe == text


@pytest.mark.parametrize("terminal", [False, True])
def test_all_output_is_safe(
    terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "dumb")  # without colours, so without escape sequences of our own
    print_error(MmeError(HOSTILE, hint=HOSTILE))
    print_note(HOSTILE, HOSTILE)
    print_line(HOSTILE)
    table = plain_table("MODEL")
    table.add_row(HOSTILE)
    print_table(table)
    captured = capsys.readouterr()
    assert unsafe(captured.out + captured.err) == []
    assert captured.err.count(LITERAL) == 4
    assert captured.out.count(LITERAL) == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=())))
@example(HOSTILE)
def test_json_is_safe_and_keeps_the_value(capsys: pytest.CaptureFixture[str], text: str) -> None:
    print_json({"key": text})
    printed = capsys.readouterr().out
    assert unsafe(printed) == []
    assert json.loads(printed) == {"key": text}
