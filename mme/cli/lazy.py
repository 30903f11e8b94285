"""Commands whose modules are loaded when they run, not when `mme --help` names them."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup
from typer.main import get_command


class LazyCommand(TyperGroup):
    """A name and a line of help; the rest comes from the module when it is needed.

    Args:
        name: what the command is called.
        help: its line in the list of commands.
        module: the module whose `app` it is.
    """

    def __init__(self, name: str, help: str, module: str) -> None:
        super().__init__(name=name, help=help)
        self._module = module

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Makes the real command's context: it then runs in place of this one."""
        app: typer.Typer = importlib.import_module(self._module).app
        return get_command(app).make_context(info_name, args, parent=parent, **extra)


class LazyGroup(TyperGroup):
    """The root command. Subclasses list their commands.

    Attributes:
        nouns: name, line of help and module of each, in the order of the list.
    """

    nouns: ClassVar[tuple[tuple[str, str, str], ...]] = ()

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        for name, line, module in self.nouns:
            self.add_command(LazyCommand(name, line, module))

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """In the order they are listed, which is that of getting started."""
        return [name for name, _, _ in self.nouns]
