"""Every `mme` command in docs and examples exists, with its options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "model_registry/README.md",
    *sorted((ROOT / "examples").glob("*/README.md")),
]


def commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for block in re.findall(r"```console\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            for line in re.findall(r"(?:^\$ |&& )(mme [^#&\n]*)", block, re.MULTILINE):
                found.append((str(page.relative_to(ROOT)), line.strip()))
    return found


def test_the_pages_show_commands() -> None:
    pages = {page for page, _ in commands()}
    assert {"docs/migration.md", "docs/deploying.md", "examples/minimal/README.md"} <= pages


@pytest.mark.parametrize(("page", "line"), commands())
def test_the_command_is_real(page: str, line: str) -> None:
    from mme.cli.main import app

    # Help comes after parsing: an option that is not there ends with 2 before.
    ran = CliRunner().invoke(app, [*shlex.split(line)[1:], "--help"])
    assert ran.exit_code == 0, (page, line, ran.output)
    assert "Usage:" in ran.output


def test_a_command_that_is_not_real_is_found() -> None:
    from mme.cli.main import app

    assert CliRunner().invoke(app, ["models", "add", "x", "--no-such-option", "--help"]).exit_code == 2
    assert CliRunner().invoke(app, ["models", "nothing", "--help"]).exit_code == 2
