"""The boundary to the terminal: text from outside is literal, without control characters, in all output."""

from __future__ import annotations

import ast
import io
import json
import logging
import re
import signal
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mme.archives.explanation import Explanation
from mme.cli.answers import print_answer
from mme.cli.endpoint_doctor import findings_text
from mme.cli.endpoint_logs import _text
from mme.cli.explanations import print_explanation
from mme.cli.progress import bars
from mme.console import (
    ended_by_signals,
    log_to_terminal,
    plain_table,
    print_answer_text,
    print_error,
    print_json,
    print_json_line,
    print_layout,
    print_line,
    print_note,
    print_outcome,
    print_table,
    print_traceback,
    safe_text,
    standard_output,
    styled,
    waiting,
)
from mme.errors import MmeError
from mme.findings import Finding
from mme.operate.log_events import LogEvent
from mme.operate.log_lines import LogLine
from mme.operate.model_log import ModelLogLine
from tests.signals import handled

ROOT = Path(__file__).parents[2]
LITERAL = "[bold red]a[/]:smile:"
HOSTILE = f"\x1b[2J\x1b]0;title\x07 \u202etxt.exe\u2066 \x9b31m \r\x7f \udc80 \U000e0041\u200b {LITERAL}"
VISIBLE = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
ANY_TEXT = st.text(st.characters(exclude_categories=()) | st.sampled_from(HOSTILE))


def unsafe(text: str) -> list[str]:
    """Characters that a terminal obeys, or that change what is seen without being seen."""
    return [
        character
        for character in text
        if (
            unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
            and character not in f"\t\n{VISIBLE}"
        )
        or character in "\u115f\u1160\u3164\uffa0\ufe0f"
    ]


class Terminal(io.StringIO):
    """A terminal without colours, which therefore gets no escape sequences of our own."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def show_table(text: str) -> None:
    table = plain_table("NAME", "TEXT")
    table.add_row(text, styled(text, "red"))
    print_table(table)


def show_progress(text: str) -> None:
    with bars() as progress:
        progress.add_task(text, total=1)


def show_log_record(text: str) -> None:
    before = logging.root.handlers[:]
    logging.root.handlers.clear()
    try:
        log_to_terminal(logging.WARNING)
        logging.getLogger(text).warning("%s", text)
    finally:
        logging.root.handlers[:] = before


def show_waiting(text: str) -> None:
    with waiting(text) as change:
        change(text)


def show_log_line(text: str) -> None:
    event = LogEvent(datetime.now(UTC), text, text)
    standard_output().print(_text(ModelLogLine(event, LogLine("E", None, None, text), "E", text)))


PRINTED: dict[str, Callable[[str], object]] = {
    "line": print_line,
    "note": lambda text: print_note(text, text),
    "outcome": lambda text: print_outcome(text, text),
    "error": lambda text: print_error(MmeError(text, hint=text)),
    "traceback": lambda text: print_traceback(ValueError(text)),
    "table": show_table,
    "log line": show_log_line,
    "log record": show_log_record,
    "answer": lambda text: print_answer(
        text, {text: np.array([text.encode("utf-8", "replace")], dtype=object)}, 1.0
    ),
    "container's text": print_answer_text,
    "findings": lambda text: print_layout(findings_text([Finding.error("log", text, text)])),
    "explanation": lambda text: print_explanation(
        Explanation(text, "archive", "triton", "flat", (Finding.error("a", text, text),))
    ),
}


@given(ANY_TEXT)
@example(HOSTILE)
def test_safe_text_replaces_each_unsafe_character_by_one(text: str) -> None:
    safe = safe_text(text)
    assert unsafe(safe) == []
    assert len(safe) == len(text)
    if not unsafe(text):
        assert safe == text or "\ufffd" in safe  # invisible letters and signs that are not of category Cf


def printed(
    monkeypatch: pytest.MonkeyPatch, show: Callable[[], object], *, terminal: bool, kind: str = "dumb"
) -> tuple[str, str]:
    out, err = (Terminal(), Terminal()) if terminal else (io.StringIO(), io.StringIO())
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", out)
        patch.setattr("sys.stderr", err)
        patch.setenv("COLUMNS", "400")
        patch.setenv("TERM", kind)
        show()
    return out.getvalue(), err.getvalue()


@pytest.mark.parametrize("terminal", [False, True], ids=["pipe", "terminal"])
@pytest.mark.parametrize("kind", PRINTED)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(ANY_TEXT)
@example(HOSTILE)
@example("[/foo]")
@example("[link=http://evil]x[/link]")
def test_whatever_is_printed_is_literal(
    monkeypatch: pytest.MonkeyPatch, kind: str, terminal: bool, text: str
) -> None:
    if kind == "container's text" and not terminal:
        return  # a pipe gets a container's answer as it is
    out, err = printed(monkeypatch, lambda: PRINTED[kind](text), terminal=terminal)
    assert unsafe(out + err) == []
    if text == HOSTILE:
        assert "".join(LITERAL.split()) in "".join((out + err).split())


@pytest.mark.parametrize("show", [show_progress, show_waiting])
def test_live_output_is_literal(monkeypatch: pytest.MonkeyPatch, show: Callable[[str], None]) -> None:
    _, err = printed(monkeypatch, lambda: show(HOSTILE), terminal=True, kind="xterm")
    assert LITERAL[:10] in err
    # Rich's own sequences move the cursor and set colours; they begin with CSI.
    assert unsafe(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", err)) == []
    assert "\x1b[2J" not in err


def test_a_name_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    forged = "a\nerror: forged\tb"
    for show in (lambda: print_line(forged), lambda: print_note("note", forged)):
        assert len("".join(printed(monkeypatch, show, terminal=True)).splitlines()) == 1

    def names_only() -> None:
        table = plain_table("NAME")
        table.add_row(forged)
        print_table(table)

    assert len(printed(monkeypatch, names_only, terminal=False)[0].splitlines()) == 2
    err = printed(monkeypatch, lambda: print_error(MmeError(forged)), terminal=False)[1]
    assert err == "error: a\n  error: forged b\n"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(ANY_TEXT)
@example(HOSTILE)
def test_json_is_safe_and_keeps_the_value(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    for show in (print_json, print_json_line):
        out, _ = printed(monkeypatch, lambda show=show: show({text: text}), terminal=False)
        assert unsafe(out) == []
        assert json.loads(out) == json.loads(json.dumps({text: text}))


def test_json_is_valid_in_an_encoding_without_all_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(buffer, encoding="ascii"))
    print_json({"name": "modèle\u202e"})
    import sys

    sys.stdout.flush()
    assert json.loads(buffer.getvalue()) == {"name": "modèle\u202e"}


def test_long_lines_and_passwords_are_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    error = MmeError(f"{'x' * 500_000} at http://user:s3cret@host:1/x, HTTPS://t0ken@h", hint="a" * 5000)
    err = printed(monkeypatch, lambda: print_error(error), terminal=False)[1]
    assert len(err) < 4000
    assert err.splitlines()[0].endswith(" at http://***@host:1/x, HTTPS://***@h")


def direct_output(module: Path) -> list[str]:
    """Calls that print without the boundary."""
    names = {"print", "typer.echo", "typer.secho", "click.echo", "sys.stdout.write", "sys.stderr.write"}
    calls = (node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call))
    return [
        f"{module.name}:{call.lineno}"
        for call in calls
        if ast.unparse(call.func) in names
        or ast.unparse(call.func).endswith(("standard_error().status", ".from_markup"))
    ]


@pytest.mark.parametrize("package", ["mme", "mme_local"])
def test_every_command_prints_through_the_boundary(package: str) -> None:
    exempt = (
        "mme/console.py",
        "mme/cli/__init__.py",  # before rich is known to be installed
        "mme_local/__main__.py",  # its first line is read by a program
        "mme_local/containers/triton/model_packages.py",  # in the Python of models
    )
    modules = set((ROOT / package).rglob("*.py")) - {ROOT / path for path in exempt}
    assert len(modules) > 50
    assert [one for module in sorted(modules) for one in direct_output(module)] == []


def test_an_error_loses_the_middle_of_a_very_long_line() -> None:
    error = MmeError(f"{'a' * 5000} can't be read", hint="rename it")
    assert (len(error.message), error.message[:2], error.message[-8:]) == (1005, "aa", " be read")
    assert str(error) == f"{error.message}\nrename it"
    lines = "\n".join(["a" * 1000] * 3)
    assert MmeError(lines).message == lines


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_in_order_and_handlers_are_restored(number: signal.Signals) -> None:
    with handled(number, signal.SIG_DFL):
        with pytest.raises(SystemExit) as ended, ended_by_signals():
            signal.raise_signal(number)
        assert ended.value.code == 128 + number
        assert signal.getsignal(number) is signal.SIG_DFL


def test_a_signal_that_nohup_ignores_stays_ignored() -> None:
    with handled(signal.SIGHUP, signal.SIG_IGN):
        with ended_by_signals():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
