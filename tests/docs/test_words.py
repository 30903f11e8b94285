"""Plain English: words that don't go into help, messages and docs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for pattern in ("*.md", ".github/**/*.md", "docs/*.md", "examples/**/*.md", "model_registry/*.md")
    for page in ROOT.glob(pattern)
)
MODULES = sorted(
    module
    for package in ("mme", "mme_local", "constructs/mme_cdk", "stacks", "tools")
    for module in (ROOT / package).rglob("*.py")
)
INSTEAD = {
    r"mend(s|ed|ing)?": "fix, or hint",
    r"ways? out": "hint",
    r"(some|no|every)body": "a user, a caller, no one else",
    r"whoever": "a user, a caller",
    r"(is|are|was|were) told": "is reported",
    r"says? so": "is documented, warns",
    r"words? about": "reports",
    r"(lies|lie|stands|stand) (in|at|under|below|beside|there)": "is in, is stored in",
    r"stands? for": "resolves to, points to",
    r"beside": "next to, in addition",
    r"(its|their|and) kin": "similar",
    r"of one's own": "custom",
    r"anew": "again",
    r"can('t| not)? be had": "is available",
    r"made fit": "prepared",
    r"keepers?": "cache, store",
    r"shelf|shelves": "archive cache",
    r"deeds": "actions",
    r"(come|comes) and (go|goes)": "load and unload",
    r"lets? go": "evict, release",
    r"(?<!there )is no (?!longer\b)[a-z]+": "is not a",
}
WORDS = {re.compile(rf"\b({pattern})\b", re.IGNORECASE): instead for pattern, instead in INSTEAD.items()}


def retired(text: str) -> Iterator[str]:
    for pattern, instead in WORDS.items():
        for found in pattern.finditer(text):
            yield f"{found.group()!r} in {text[max(0, found.start() - 30) : found.end() + 30]!r}: {instead}"


def messages(module: Path) -> Iterator[str]:
    """Every string of a module that is not a docstring: help, messages, hints, descriptions."""
    tree = ast.parse(module.read_text("utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def helps(module: Path) -> Iterator[str]:
    """The docstrings of commands, which are their help."""
    tree = ast.parse(module.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            yield ast.get_docstring(node) or ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_uses_plain_words(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text("utf-8"), flags=re.DOTALL)
    assert list(retired(" ".join(text.split()))) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(ROOT)))
def test_messages_use_plain_words(module: Path) -> None:
    found = [line for text in messages(module) for line in retired(" ".join(text.split()))]
    if "cli" in module.parts:
        found += [line for text in helps(module) for line in retired(" ".join(text.split()))]
    assert found == []


def test_a_retired_word_is_found() -> None:
    assert list(retired("the way out stands in the log")) != []
    assert list(retired("there is no alias; a vendor recommends it")) == []
