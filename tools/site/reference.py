"""Pages of the reference for public names and settings."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Final

from mme.aws.settings import Settings
from mme.errors import MmeError
from mme_local.settings import LocalSettings
from tools.markdown import attributes, table

ROOT: Final = Path(__file__).parents[2]
LIBRARIES: Final = {
    "mme_cdk": ("Constructs", "`from mme_cdk import ...`"),
    "mme.client": ("Client", "`from mme.client import ...`"),
}
"""Packages whose public names have a page each, with the title of their list and how they are imported."""


def public_names(package: str) -> list[str]:
    """Return the names that a package exports, in alphabetical order."""
    return sorted(importlib.import_module(package).__all__, key=str.lower)


def name_pages() -> dict[str, str]:
    """Return a page per public name and a list per package: path below `reference/` to Markdown.

    Raises:
        MmeError: A public class or function has no docstring.
    """
    pages = {}
    for package, (title, how) in LIBRARIES.items():
        names = public_names(package)
        links = "\n".join(f"- [{name}]({name}.md)" for name in names)
        pages[f"{package}/index.md"] = f"# {title}\n\n{how}\n\n{links}\n"
        for name in names:
            if not getattr(importlib.import_module(package), name).__doc__:
                raise MmeError(f"{package}.{name} has no docstring", hint="say in one sentence what it is")
            pages[f"{package}/{name}.md"] = (
                f"# {name}\n\n`from {package} import {name}`\n\n::: {package}.{name}\n"
            )
    pages["mme_local.testing.md"] = (
        "# Pytest plugin\n\nHow to use these fixtures is in [Test your code](../testing.md).\n\n"
        "::: mme_local.testing.plugin\n    options:\n      members_order: source\n"
    )
    return pages


def variables_page() -> str:
    """Return the page of all `MME_*` environment variables."""
    parts = ["# Environment variables", "A flag of a command overrides its variable."]
    for title, settings in (("The toolkit", Settings), ("The local endpoint", LocalSettings)):
        prefix = settings.model_config["env_prefix"]
        meanings = dict(attributes(settings.__doc__ or ""))
        rows = []
        for name, field in settings.model_fields.items():
            default = getattr(field.default, "value", field.default)
            shown = "" if default is None else f"`{default}`"
            rows.append([f"`{prefix}{name.upper()}`", meanings[name], shown])
        parts += [f"## {title}", table(["variable", "meaning", "default"], rows)]
    return "\n\n".join(parts) + "\n"
