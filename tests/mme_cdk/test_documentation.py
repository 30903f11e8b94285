"""Each public name is documented: every class, method and property, and each of their parameters by name."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import mme_cdk
from mme_cdk import async_invocations, monitoring

ROOT = Path(mme_cdk.__file__).parent
EXPORTED = {
    name: getattr(package, name)
    for package in (mme_cdk, async_invocations, monitoring)
    for name in package.__all__
    if not isinstance(getattr(package, name), str)
}
CLASSES = {name for name, found in EXPORTED.items() if inspect.isclass(found)}
FUNCTIONS = set(EXPORTED) - CLASSES
# What an exported class inherits from is public, too.
BASES = CLASSES | {
    base.__name__
    for name in CLASSES
    for base in EXPORTED[name].__mro__
    if base.__module__.startswith("mme_cdk.")
}


def public() -> Iterator[tuple[str, ast.ClassDef | ast.FunctionDef]]:
    """Each public class and function as its source has it, and the public methods of the classes."""
    for file in sorted(ROOT.rglob("*.py")):
        for node in ast.parse(file.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name in FUNCTIONS:
                yield node.name, node
            if isinstance(node, ast.ClassDef) and node.name in BASES:
                yield node.name, node
                for member in node.body:
                    if isinstance(member, ast.FunctionDef) and (
                        not member.name.startswith("_") or member.name == "__init__"
                    ):
                        yield f"{node.name}.{member.name}", member


PUBLIC = dict(public())


def named_by(node: ast.ClassDef | ast.FunctionDef) -> list[str]:
    """A function's parameters, or the fields that a class declares."""
    if isinstance(node, ast.ClassDef):
        fields = (each.target for each in node.body if isinstance(each, ast.AnnAssign))
        names = [field.id for field in fields if isinstance(field, ast.Name)]
        return [name for name in names if not name.startswith("_")]
    arguments = node.args
    taken = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg]
    if arguments.kwarg and ast.unparse(arguments.kwarg.annotation or ast.Constant(None)) != METRIC_PROPS:
        taken.append(arguments.kwarg)
    return [each.arg for each in taken if each is not None and each.arg not in {"self", "cls"}]


# Every metric's method takes them; they are documented once, as the fields of MetricProps.
METRIC_PROPS = "Unpack[MetricProps]"
# Optional props of several constructs, documented once.
ELSEWHERE = "; `MultiModelEndpoint` documents each."


def test_all_exports_are_covered() -> None:
    from_elsewhere = {"Processor"}  # of mme.catalog, whose tests look at it
    assert set(EXPORTED) - from_elsewhere <= set(PUBLIC)
    assert len(PUBLIC) > 100


def undocumented(node: ast.ClassDef | ast.FunctionDef) -> list[str]:
    """What a docstring lacks: its parameters or fields, or itself."""
    text = ast.get_docstring(node)
    if not text:
        return [node.name]
    if text.endswith(ELSEWHERE) or node.name == "InstanceType":  # whose names are its values
        return []
    return [each for each in named_by(node) if not re.search(rf"\n    {each}: |`{each}`", text)]


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_documented(name: str) -> None:
    assert undocumented(PUBLIC[name]) == []


def test_an_undocumented_name_is_found() -> None:
    (function,) = ast.parse('def f(self, a, *, b):\n    """Add `a`."""').body
    (bare,) = ast.parse("class C:\n    x: int").body
    assert isinstance(function, ast.FunctionDef)
    assert undocumented(function) == ["b"]
    assert isinstance(bare, ast.ClassDef)
    assert undocumented(bare) == ["C"]


def test_defaults_are_documented() -> None:
    """Of each parameter that has one; where it is said may be the line after."""
    silent = []
    for name, node in PUBLIC.items():
        if not isinstance(node, ast.FunctionDef):
            continue
        text = ast.get_docstring(node) or ""
        defaults = [
            each.arg for each, value in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if value
        ]
        for parameter in defaults:
            entry = re.search(rf"\n    {parameter}: (.*?)(?=\n    \w+: |\n\n|\Z)", text, re.DOTALL)
            if entry and "Default" not in entry[1]:
                silent.append(f"{name}: {parameter}")
    assert silent == []
