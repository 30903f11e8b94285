"""Pages of the reference for every command of `mme`, from typer."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from mme.errors import MmeError
from tools.markdown import cell, table


def command_pages() -> dict[str, str]:
    """Return a page for each command group of `mme`: file name below `reference/commands/` to Markdown.

    Raises:
        MmeError: A command or an option has no help.
    """
    root = _root()
    pages = {}
    context = root.make_context("mme", [], resilient_parsing=True)
    for name in root.list_commands(context):
        sections = list(_sections(_real(root.get_command(context, name)), f"mme {name}"))
        pages[f"{name}.md"] = "\n\n".join(sections) + "\n"
    return pages


def _root() -> Any:
    from typer.main import get_command

    from mme.cli.main import app

    return get_command(app)


def _real(command: Any) -> Any:
    """Return the command behind one that is imported when it runs."""
    return command.real_command() if hasattr(command, "real_command") else command


def _sections(command: Any, path: str) -> Iterator[str]:
    """Yield the sections of a command and its subcommands."""
    depth = "#" * min(path.count(" "), 3)
    if not command.help:
        raise MmeError(f"{path} has no help", hint="give its function a docstring")
    yield f"{depth} {path}"
    paragraphs = [
        line for line in inspect.cleandoc(command.help).replace("\b", "").split("\n\n") if line.strip()
    ]
    examples = [
        " ".join(one.split()).removeprefix("Example: ") for one in paragraphs if one.startswith("Example: ")
    ]
    yield from (one.strip() for one in paragraphs if not one.startswith("Example: "))
    if examples:
        yield "```console\n" + "\n".join(f"$ {one}" for one in examples) + "\n```"
    rows = [
        _row(one, path) for one in command.params if one.name != "help" and not getattr(one, "hidden", False)
    ]
    if rows:
        yield table(["argument or option", "meaning"], rows)
    for name, sub in getattr(command, "commands", {}).items():
        if not sub.hidden:
            yield from _sections(sub, f"{path} {name}")


def _row(parameter: Any, path: str) -> list[str]:
    """Return the cells of an argument or option."""
    text = (getattr(parameter, "help", None) or "").strip()
    if not text:
        raise MmeError(f"{path}: {parameter.name} has no help", hint="give it help=...")
    if parameter.param_type_name == "argument":
        names = f"`{(parameter.metavar or parameter.name).upper()}`"
    else:
        names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    default = parameter.default
    shown = "" if default in (None, False, True, (), []) or callable(default) else f" Default: `{default}`."
    return [names, f"{cell(text)}{'' if text.endswith('.') or not shown else '.'}{shown}"]
