"""Page of the reference for the environments that a team edits: fields, and the values in this repository."""

from __future__ import annotations

import ast
import dataclasses
import inspect

from stacks import environments
from tools.markdown import attributes, cell, table


def environments_page() -> str:
    """Return the page."""
    meanings = dict(attributes(environments.Environment.__doc__ or ""))
    annotations = inspect.get_annotations(environments.Environment)
    fields = [
        [f"`{one.name}`", f"{meanings[one.name]} `{cell(annotations[one.name])}`, {_default(one)}."]
        for one in dataclasses.fields(environments.Environment)
    ]
    source = inspect.getsource(environments)
    given = _given(source)
    names = [each["name"].strip("'\"") for each in given]
    values = [
        [f"`{one.name}`", *(f"`{cell(each[one.name])}`" if one.name in each else "" for each in given)]
        for one in dataclasses.fields(environments.Environment)
        if one.name != "name" and any(one.name in each for each in given)
    ]
    parts = [
        "# Environments",
        "A team that deploys this repository edits one file, `stacks/environments.py`. How is in "
        "[Deploying](../deploying.md).",
        "## Fields of an environment",
        table(["field", "meaning, type and default"], fields),
        "## Values in this repository",
        "An empty cell is the default.",
        table(["field", *names], values),
        "## The file",
        f"```python\n{source}```",
    ]
    return "\n\n".join(parts) + "\n"


def _default(field: dataclasses.Field[object]) -> str:
    """Return the default of a field, or that it must be given."""
    if field.default_factory is not dataclasses.MISSING:
        return f"`{field.default_factory()}`"
    if field.default is dataclasses.MISSING:
        return "required"
    default = field.default
    return f"`{default if type(default).__module__ != 'builtins' else repr(default)}`"


def _given(source: str) -> list[dict[str, str]]:
    """Return the arguments of each `Environment(...)` of the file as they are written."""
    return [
        {str(keyword.arg): ast.unparse(keyword.value) for keyword in node.keywords}
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Environment"
    ]
