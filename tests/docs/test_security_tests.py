"""docs/security-tests.md names tests that exist, at least one in each row."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / name for name in ("security.md", "security-tests.md")]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
ROWS = [
    line
    for line in PAGES[1].read_text("utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| threat |")
]


@cache
def defined_in(path: str) -> frozenset[str]:
    """The tests that a file defines; empty if there is none."""
    file = ROOT / path
    tree = ast.parse(file.read_text("utf-8")) if file.is_file() else ast.Module([], [])
    return frozenset(
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split(" | ")[0][2:])
def test_each_row_names_a_test(row: str) -> None:
    _, threat, outcome, tests, _ = (cell.strip() for cell in row.split("|"))
    assert threat
    assert outcome
    assert NAMED.sub("", tests).strip() == "", "the last column holds names of tests only"
    assert NAMED.search(tests)


def test_each_name_is_a_test() -> None:
    names = [named for page in PAGES for named in NAMED.findall(page.read_text("utf-8"))]
    assert len(names) > len(ROWS) > 70
    assert [f"{path}::{name}" for path, name in names if name not in defined_in(path)] == []


def test_each_folder_and_file_of_tests_exists() -> None:
    text = PAGES[0].read_text("utf-8")
    for path in re.findall(r"`(tests/[\w/.]+)`", text):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"`((?:containers|server|observe)/[\w/]+\.py|test_\w+\.py)`", text):
        assert (ROOT / "tests" / "mme_local" / path).exists(), path
