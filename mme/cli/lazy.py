"""Command groups that are imported when they run, from this package and from plug-ins."""

from __future__ import annotations

import ast
import importlib
from difflib import get_close_matches
from importlib.machinery import SourceFileLoader as FileLoader
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any, ClassVar, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command

from mme.errors import MmeError, missing_package

PLUGIN_GROUP: Final = "mme.commands"
"""Entry points of this group add a command each: its name, and the `typer.Typer` that it runs."""

DISTRIBUTION: Final = "sagemaker-mme"
_ROOT_ONLY: Final = ("install_completion", "show_completion")


class LazyCommand(TyperGroup):
    """A command of this package: a name and a help line; the module is imported when the command runs.

    Args:
        name: Name of the command.
        help: Its line in the list of commands.
        module: Module whose `app` it runs.
    """

    def __init__(self, name: str, help: str, module: str) -> None:
        super().__init__(name=name, help=help)
        self._module = module

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Make the context of the real command, which then runs in place of this one."""
        return self.real_command().make_context(info_name, args, parent=parent, **extra)

    def real_command(self) -> Any:
        """Return the command that the module's `app` makes, without the options that only the root has."""
        command = get_command(self.load())
        command.params = [one for one in command.params if one.name not in _ROOT_ONLY]
        return command

    def load(self) -> typer.Typer:
        """Import the module and return its app."""
        app: typer.Typer = importlib.import_module(self._module).app
        return app


class PluginCommand(LazyCommand):
    """A command that an installed package adds by an entry point.

    Args:
        plugin: Its entry point; `package.module:app [extra]` names the extra that the command needs.
    """

    def __init__(self, plugin: EntryPoint) -> None:
        self._plugin = plugin
        super().__init__(plugin.name, self._help_line(), plugin.module)

    def _help_line(self) -> str:
        """Return the first line of the module's docstring, without running the module."""
        try:
            spec = find_spec(self._plugin.module)
            loader = spec.loader if spec else None
            source = loader.get_source(spec.name) if spec and isinstance(loader, FileLoader) else None
            text = ast.get_docstring(ast.parse(source or "")) or ""
        except Exception:  # a package that is broken: running the command reports it
            text = ""
        return text.partition("\n")[0] or f"Added by {self._distribution}."

    @property
    def _distribution(self) -> str:
        return self._plugin.dist.name if self._plugin.dist else self._plugin.module.partition(".")[0]

    @property
    def requirement(self) -> str:
        """What to install for this command, in pip's syntax."""
        extras = f"[{','.join(self._plugin.extras)}]" if self._plugin.extras else ""
        return f"{self._distribution}{extras}"

    def load(self) -> typer.Typer:
        """Load the entry point.

        Raises:
            MmeError: The plug-in fails to import, or is not a typer app.
        """
        try:
            app = self._plugin.load()
        except ModuleNotFoundError as error:
            raise missing_package(error, f"mme {self._plugin.name}", self.requirement) from error
        except Exception as error:
            raise MmeError(
                f"the command {self._plugin.name} fails to import: {type(error).__name__}: {error}",
                hint=f'reinstall it: pip install --force-reinstall "{self.requirement}"',
            ) from error
        if not isinstance(app, typer.Typer):
            raise MmeError(
                f"the command {self._plugin.name} is {self._plugin.value}, which is not a typer.Typer",
                hint=f'install another version of it: pip install --upgrade "{self.requirement}"',
            )
        return app


class LazyGroup(TyperGroup):
    """The root command: the commands that a subclass lists, then those of plug-ins.

    Attributes:
        nouns: Name, help line and module of each own command, in the order of the list.
    """

    nouns: ClassVar[tuple[tuple[str, str, str], ...]] = ()

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        for name, line, module in self.nouns:
            self.add_command(LazyCommand(name, line, module))

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Return all names: own commands in the order of the list, then plug-ins by name."""
        own = [name for name, _, _ in self.nouns]
        return own + sorted({plugin.name for plugin in entry_points(group=PLUGIN_GROUP)} - set(own))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return an own command, or a plug-in's. Plug-ins are looked up only for names that are not ours."""
        command = super().get_command(ctx, cmd_name)
        if command is None:
            found = [plugin for plugin in entry_points(group=PLUGIN_GROUP) if plugin.name == cmd_name]
            command = PluginCommand(found[0]) if found else None
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the arguments name.

        Raises:
            MmeError: There is no such command.
        """
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            names = self.list_commands(ctx)
            close = get_close_matches(args[0], names, n=1)
            raise MmeError(
                f"{args[0]!r} is not a command of mme; there are {', '.join(names)}",
                hint=f"run mme {' '.join([close[0], *args[1:]])}"
                if close
                else f'pip install "{DISTRIBUTION}[all]" has all of ours',
            )
        return super().resolve_command(ctx, args)
