"""Every command: an example in its help, --json where it prints results, and completion by the shells."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from mme.cli.lazy import LazyCommand
from mme.cli.main import app

SAYS_NOTHING = {"local up", "local down"}
"""Commands that do something and print no result worth parsing."""


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    if isinstance(command, LazyCommand):
        command = command.real_command()
    names = command.list_commands(None) if hasattr(command, "list_commands") else ()
    if not names:
        yield " ".join(path), command
    for name in names:
        yield from leaves(command.get_command(None, name), (*path, name))


COMMANDS = dict(leaves(get_command(app)))


def test_all_commands_are_walked() -> None:
    nouns = {path.split()[0] for path in COMMANDS}
    assert nouns >= {"local", "models", "invoke", "endpoint"}
    assert {"endpoint status", "endpoint clean", "models list"} <= set(COMMANDS)


@pytest.mark.parametrize("path", sorted(COMMANDS))
def test_each_has_an_example_of_itself(path: str) -> None:
    text = COMMANDS[path].help or ""
    assert "Example:" in text, f"mme {path} has no example in its help"
    example = text.partition("Example:")[2]
    assert "mme" in example
    assert path.rsplit(maxsplit=1)[-1] in example


@pytest.mark.parametrize("path", sorted(set(COMMANDS) - SAYS_NOTHING))
def test_each_prints_json_on_demand(path: str) -> None:
    options = {option for parameter in COMMANDS[path].params for option in parameter.opts}
    assert "--json" in options


@pytest.mark.parametrize("path", sorted(COMMANDS))
def test_each_shows_its_help_in_80_columns(path: str, mme: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ran = mme(*path.split(), "--help")
    assert ran.status == 0
    assert max(map(len, ran.out.splitlines())) <= 80
    # Completion is installed for `mme`, not for one of its nouns.
    assert "--install-completion" not in ran.out


def completions(words: str) -> list[str]:
    """What bash gets for a line, as the installed script asks for it."""
    environment = {
        **os.environ,
        "_MME_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    return run(environment).split()


def run(environment: dict[str, str], *arguments: str) -> str:
    code = f"import sys; sys.argv = ['mme', *{list(arguments)!r}]\nfrom mme.cli.main import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout


def test_bash_completes_nouns_verbs_and_options() -> None:
    assert {"local", "models", "invoke", "endpoint"} <= set(completions("mme "))
    assert completions("mme endpoint st") == ["status"]
    assert completions("mme --env dev endpoint lo") == ["logs"]
    assert "--follow" in completions("mme endpoint logs --")


def test_zsh_completes_with_the_help_of_each_verb() -> None:
    environment = {**os.environ, "_MME_COMPLETE": "complete_zsh"}
    answer = run({**environment, "_TYPER_COMPLETE_ARGS": "mme endpoint s"})
    assert '"status":"Show config, instances' in answer


@pytest.mark.parametrize(
    ("shell", "file"), [("bash", ".bash_completions/mme.sh"), ("zsh", ".zfunc/_mme"), ("fish", None)]
)
def test_completion_is_installed(shell: str, file: str | None, tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path)}
    assert f"{shell} completion installed" in run(environment, "--install-completion", shell)
    script = tmp_path / (file or ".config/fish/completions/mme.fish")
    assert "_MME_COMPLETE" in script.read_text()
