"""Public functions document their parameters, once: an override is documented where it is declared."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    module
    for package in ("mme", "mme_local", "constructs/mme_cdk", "stacks")
    for module in (ROOT / package).rglob("*.py")
    if not module.name.startswith("_") and "backends" not in module.parts
)
TREES = {module: ast.parse(module.read_text("utf-8")) for module in MODULES}
CLASSES = {
    node.name: node for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
}
# Bases that declare no methods of their own.
PLAIN = {"Protocol", "Generic", "NamedTuple", "Enum", "StrEnum", "Exception", "Construct", "Stack", "Stage"}
COMMANDS = ("overload", ".command", ".callback", "fixture")
"""Decorators of functions without callers: options of a command are documented one by one."""
REFERENCE = re.compile(r"^(?:Implement|See) `|^.*; see `\w+`\.$")
"""A docstring of this form refers to the protocol, class or function that documents the parameters."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def bases(node: ast.ClassDef) -> set[str]:
    names = {ast.unparse(base).split("[")[0].rsplit(".", 1)[-1] for base in node.bases}
    return names - PLAIN


def declared_elsewhere(node: ast.ClassDef | None, method: str) -> bool:
    """Whether a base declares the method: one of ours, or a class of a library."""
    return node is not None and any(
        name not in CLASSES
        or any(isinstance(one, Function) and one.name == method for one in CLASSES[name].body)
        or declared_elsewhere(CLASSES[name], method)
        for name in bases(node)
        if CLASSES.get(name) is not node
    )


def public(body: list[ast.stmt], owner: ast.ClassDef | None = None) -> Iterator[Function]:
    """Functions and methods that a caller may use, without overrides."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public(node.body, node)
        elif isinstance(node, Function) and not node.name.startswith("_"):
            decorators = " ".join(ast.unparse(one) for one in node.decorator_list)
            options = "typer." in ast.unparse(node.args)
            if options or any(one in decorators for one in COMMANDS):
                continue
            if not declared_elsewhere(owner, node.name):
                yield node


def undocumented(tree: ast.Module) -> list[str]:
    found = []
    for function in public(tree.body):
        every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        parameters = [one.arg for one in every if one.arg not in ("self", "cls")]
        text = ast.get_docstring(function) or ""
        if len(parameters) >= 2 and "Args:" not in text and not REFERENCE.search(text):
            found.append(f"{function.name} (line {function.lineno})")
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(ROOT)))
def test_public_functions_document_their_parameters(module: Path) -> None:
    assert undocumented(TREES[module]) == []


def test_an_undocumented_function_is_found() -> None:
    code = "def f(a, b):\n    {}\n\ndef _g(a, b): ...\n"
    assert undocumented(ast.parse(code.format('"""Add.\n\n    Args:\n        a: One.\n    """'))) == []
    assert undocumented(ast.parse(code.format("..."))) == ["f (line 1)"]
