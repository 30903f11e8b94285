"""The root command: quick help, flags, and how errors and interrupts end."""

from __future__ import annotations

import sys

import pytest
import typer

from mme.cli import main as main_module
from mme.console import age_text, size_text
from mme.errors import MmeError


def test_help_lists_the_commands(mme) -> None:
    ran = mme("--help")
    assert ran.status == 0
    for word in ("local", "models", "invoke", "--env", "Example: mme"):
        assert word in ran.out


def test_unknown_command(mme) -> None:
    ran = mme("modles")
    assert ran.status == 2
    assert "models" in ran.err


def test_bad_setting(mme) -> None:
    ran = mme("--endpoint-url", "localhost", "models", "list")
    assert ran.status == 2
    assert "'localhost' can't be the endpoint url" in ran.err


def test_version(mme) -> None:
    assert mme("--version").out.startswith("mme ")


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch):
    """Replaces the whole app by one that raises."""

    def install(error: BaseException) -> None:
        broken = typer.Typer(pretty_exceptions_enable=False)

        @broken.command()
        def run() -> None:
            raise error

        monkeypatch.setattr(main_module, "app", broken)

    return install


def test_interrupt_ends_with_130(mme, raising) -> None:
    raising(KeyboardInterrupt())
    ran = mme()
    assert ran.status == 130
    assert "Traceback" not in ran.err


def test_errors_are_printed_as_they_are(mme, raising) -> None:
    raising(MmeError("no [bold]markup[/bold] here", hint="do this"))
    ran = mme()
    assert (ran.status, ran.err) == (2, "error: no [bold]markup[/bold] here\ndo this\n")


def test_our_own_bugs_keep_their_traceback(raising, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["mme"])
    raising(ZeroDivisionError("bug"))
    with pytest.raises(ZeroDivisionError):
        main_module.main()


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (999_960, "1.0 MB"), (5 * 10**12, "5000.0 GB")],
)
def test_sizes(count: int, text: str) -> None:
    assert size_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172800, "2 d")]
)
def test_ages(seconds: int, text: str) -> None:
    from datetime import UTC, datetime, timedelta

    now = datetime(2026, 1, 10, tzinfo=UTC)
    assert age_text(now - timedelta(seconds=seconds), now) == text
