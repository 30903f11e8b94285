"""The documentation site: its navigation has every page, its reference every public name and command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from mme.errors import MmeError
from tools.site import commands, reference

ROOT = Path(__file__).parents[2]


def test_the_navigation_has_every_page_of_the_docs_once() -> None:
    pages = re.findall(r"([\w./-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    own = [page for page in pages if not page.startswith(("reference/", "project/", "examples/"))]
    assert sorted(own) == sorted(
        str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")
    )


def test_each_public_name_has_a_page() -> None:
    pages = reference.name_pages()
    assert "::: mme_cdk.MultiModelEndpoint" in pages["mme_cdk/MultiModelEndpoint.md"]
    assert "::: mme.client.MultiModelClient" in pages["mme.client/MultiModelClient.md"]
    assert "[ServingImage](ServingImage.md)" in pages["mme_cdk/index.md"]


def test_commands_show_their_options_examples_and_subcommands() -> None:
    pages = commands.command_pages()
    assert {"invoke.md", "models.md", "endpoint.md", "local.md"} <= pages.keys()
    assert "| `--input`, `-i` | NAME=1,2,3,4, NAME=[[1,2],[3,4]]" in pages["invoke.md"]
    assert "$ mme invoke add_sub_v0.tar.gz --input INPUT0=1,2,3,4" in pages["invoke.md"]
    assert "## mme models add" in pages["models.md"]


@pytest.mark.parametrize(
    ("documented", "fault"), [("Do it.", "mme x: depth has no help"), ("", "mme x has no help")]
)
def test_a_command_without_help_is_refused(
    documented: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.main import get_group

    app = typer.Typer()

    def x(depth: int = 1) -> None:
        pass

    x.__doc__ = documented
    app.command()(x)
    app.command("y", help="Other.")(lambda: None)
    monkeypatch.setattr(commands, "_root", lambda: get_group(app))
    with pytest.raises(MmeError, match=fault):
        commands.command_pages()


def test_variables_show_their_meaning_and_default() -> None:
    page = reference.variables_page()
    assert "| `MME_ENV` | Environment: `local`, `dev`, `staging`, `prod` or a custom one. | `local` |" in page
    assert "| `MME_LOCAL_EVICTION` |" in page
    assert "`lru`" in page


def test_the_page_of_environments_shows_the_file() -> None:
    assert (ROOT / "stacks" / "environments.py").read_text("utf-8") in reference.environments_page()
