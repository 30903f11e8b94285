"""The Python of every page compiles, and what it imports exists."""

from __future__ import annotations

import ast
import importlib

import pytest

from tests.docs.page import ROOT, blocks

PAGES = sorted(
    str(page.relative_to(ROOT))
    for pattern in ("*.md", "docs/*.md", "examples/**/*.md", "model_registry/*.md")
    for page in ROOT.glob(pattern)
)
OTHERS = ("mme", "mme_cdk", "mme_local", "stacks", "aws_cdk", "cdk_nag", "constructs", "boto3", "numpy")
"""Packages of which an import is tried: this project's, and those that it needs."""


def faults(code: str) -> list[str]:
    """What is wrong with a block: a syntax error, or names that a package does not have."""
    try:
        tree = ast.parse(code)
    except SyntaxError as error:
        return [f"line {error.lineno}: {error.msg}"]
    found = []
    for node in ast.walk(tree):
        names = [each.name for each in node.names] if isinstance(node, ast.ImportFrom | ast.Import) else []
        module = node.module if isinstance(node, ast.ImportFrom) else None
        for name in names:
            origin = module or name
            if origin.partition(".")[0] not in OTHERS:
                continue
            try:
                has = importlib.import_module(origin)
            except ImportError as error:
                found.append(str(error))
                continue
            if module and not hasattr(has, name):
                found.append(f"{module} has no {name}")
    return found


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_can_be_read(page: str) -> None:
    assert [fault for kind, code in blocks(page) if kind == "python" for fault in faults(code)] == []


def test_a_block_that_fails_is_found() -> None:
    assert faults("from mme_cdk import MultiModelEndpoint\n") == []
    assert faults("from mme_cdk import MultiModelEndpiont\n") == ["mme_cdk has no MultiModelEndpiont"]
    assert faults("import mme.nothing\n") == ["No module named 'mme.nothing'"]
    assert faults("f(\n") == ["line 1: '(' was never closed"]
