"""The README leads to every page, and no link is broken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/*.md", "examples/**/*.md", "model_registry/*.md")
    for page in ROOT.glob(pattern)
)


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """What a page links in this repository: the file and the section, which may be empty."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", target):
            path, _, section = target.partition("#")
            yield (page.parent / path).resolve() if path else page, section


def sections(page: Path) -> set[str]:
    """The names by which a page's headings are linked, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", re.sub(r"\[(.*?)\]\(.*?\)", r"\1", heading).lower()).replace(" ", "-")
        found.add(name)
    return found


def test_the_readme_links_every_page_of_the_docs_once() -> None:
    linked = [target for target, section in links(ROOT / "README.md") if not section]
    assert {page: linked.count(page) for page in sorted((ROOT / "docs").glob("*.md"))} == dict.fromkeys(
        sorted((ROOT / "docs").glob("*.md")), 1
    )


def lost(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    return [
        f"{target.name}#{section}"
        for target, section in links(page)
        if not target.exists() or (section and section not in sections(target))
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert not lost(page)


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A page\n\n[here](#a-page), [away](https://x.org), [no](no.md), [not](#not-here)\n")
    assert lost(page) == ["no.md#", "page.md#not-here"]
