"""Commands whose modules are loaded when they run, not when `mme --help` names them."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command

_ROOT_ONLY: Final = ("install_completion", "show_completion")


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
        return self.real_command().make_context(info_name, args, parent=parent, **extra)

    def real_command(self) -> Any:
        """The command that the module's `app` makes. Completion is installed by the root, for all of them."""
        app: typer.Typer = importlib.import_module(self._module).app
        command = get_command(app)
        command.params = [one for one in command.params if one.name not in _ROOT_ONLY]
        return command


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
