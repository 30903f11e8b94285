"""Hooks of MkDocs: add generated pages, and lead links out of `docs/` to pages of the site."""

from __future__ import annotations

import json
import logging
import posixpath
import re
from pathlib import Path
from typing import Any, Final

# Installed apart from the project's own environment, in .venv/docs.
from mkdocs.exceptions import PluginError  # type: ignore[import-not-found]
from mkdocs.structure.files import File  # type: ignore[import-not-found]

from tools.site import client_errors, commands, environments, findings, monitoring, reference
from tools.site.search_index import unfound

_LINK = re.compile(r"\[([^\]]*)\]\((?![a-z]+:|#|/)([^)#\s]+)(#[^)]*)?\)")


FIRST: Final = "---\nsearch:\n  boost: 5\n---\n\n"
"""Begins a page that a search for a common word, such as `--count`, must find among many others."""


def _generated() -> dict[str, str]:
    """Return all generated pages: path in the site's sources to Markdown."""
    pages = {f"reference/{path}": text for path, text in reference.name_pages().items()}
    pages |= {f"reference/commands/{path}": FIRST + text for path, text in commands.command_pages().items()}
    pages["reference/variables.md"] = reference.variables_page()
    pages["reference/environments.md"] = environments.environments_page()
    pages["reference/findings.md"] = FIRST + findings.findings_page()
    pages["reference/client_errors.md"] = client_errors.client_errors_page()
    pages["reference/metrics.md"] = monitoring.metrics_page()
    for page in sorted(reference.ROOT.glob("examples/**/README.md")):
        path = page.parent.relative_to(reference.ROOT)
        pages[f"{path.as_posix()}/index.md"] = page.read_text("utf-8")
    for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY", "CODE_OF_CONDUCT", "model_registry/README"):
        target = name.removesuffix("/README").lower()
        pages[f"project/{target}.md"] = (reference.ROOT / f"{name}.md").read_text("utf-8")
    return pages


_PAGES: dict[str, str] = {}


def on_startup(command: str, dirty: bool) -> None:  # noqa: ARG001 - what MkDocs calls
    """Print warnings and errors only. MkDocs' own `--quiet` drops warnings, and `strict` then finds none."""
    logging.getLogger("mkdocs").setLevel(logging.WARNING)


def on_config(config: Any) -> Any:
    """Fill the parts of the navigation that are generated."""
    _PAGES.update(_generated())
    below: dict[str, list[Any]] = {
        f"reference/{package}": [
            f"reference/{package}/index.md",
            *({name: f"reference/{package}/{name}.md"} for name in reference.public_names(package)),
        ]
        for package in reference.LIBRARIES
    }
    below["examples"] = sorted(path for path in _PAGES if path.startswith("examples/"))
    below["reference/commands"] = [
        {f"mme {path.rpartition('/')[2].removesuffix('.md')}": path}
        for path in _PAGES
        if path.startswith("reference/commands/")
    ]
    config.nav = _filled(config.nav, below)
    return config


def _filled(entries: Any, below: dict[str, list[Any]]) -> Any:
    """Return the navigation with each name of a generated folder replaced by its pages."""
    if isinstance(entries, str):
        return below.get(entries.rstrip("/"), entries)
    if isinstance(entries, dict):
        return {title: _filled(entry, below) for title, entry in entries.items()}
    return [_filled(entry, below) for entry in entries]


def on_files(files: Any, config: Any) -> Any:
    """Add the generated pages, and the scripts that draw diagrams and help to search."""
    for path, text in _PAGES.items():
        files.append(File.generated(config, path, content=text))
    for uri in config.extra_javascript:
        name = posixpath.basename(str(uri))
        own = Path(__file__).with_name(name)
        script = own if own.exists() else reference.ROOT / ".venv" / "docs" / name
        files.append(File.generated(config, str(uri), abs_src_path=str(script)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:  # noqa: ARG001
    """Lead links to files outside `docs/` to their pages; a link to a file without one becomes its text."""
    origin = _origin(page.file.src_uri)

    def lead(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), match[2]))
        if path.startswith("docs/") and origin.startswith("docs/"):
            return match[0]
        target = _relative(path, page.file.src_uri)
        if target or not (reference.ROOT / path).exists():
            return f"[{match[1]}]({target or match[2]}{match[3] or ''})"
        return match[1]

    return _LINK.sub(lead, markdown)


def on_post_build(config: Any) -> None:
    """Check that a search finds the page of each public name, option, variable and finding.

    Raises:
        PluginError: The search index lacks one.
    """
    index = json.loads((Path(config.site_dir) / "search" / "search_index.json").read_text("utf-8"))
    wanted = [
        (name, f"reference/{package}/{name}/")
        for package in reference.LIBRARIES
        for name in reference.public_names(package)
    ]
    for path, text in _PAGES.items():
        if path.startswith("reference/commands/"):
            wanted += [(option, path.removesuffix(".md")) for option in re.findall(r"`(--[\w-]+)`", text)]
    variables = re.findall(r"`(MME_\w+)`", _PAGES["reference/variables.md"])
    wanted += [(variable, "reference/variables/") for variable in variables]
    codes = re.findall(r"^### ([a-z0-9-]+)$", _PAGES["reference/findings.md"], re.MULTILINE)
    wanted += [(code, f"reference/findings/#{code}") for code in codes]
    if missing := unfound(index["docs"], wanted):
        raise PluginError(f"a search finds no page for {', '.join(missing)}")


def _origin(uri: str) -> str:
    """Return the path in the repository of a page of the site."""
    if uri.startswith("examples/"):
        return uri.replace("index.md", "README.md")
    if uri == "project/model_registry.md":
        return "model_registry/README.md"
    if uri.startswith("project/"):
        return f"{posixpath.basename(uri).removesuffix('.md').upper()}.md"
    return f"docs/{uri}"


def _relative(path: str, source: str) -> str | None:
    """Return the link from a page of the site to a file of the repository, None if the site lacks it."""
    homes = {
        "README.md": "index.md",
        "stacks/environments.py": "reference/environments.md",
        "model_registry/README.md": "project/model_registry.md",
        **{
            f"{name}.md": f"project/{name.lower()}.md"
            for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY", "CODE_OF_CONDUCT")
        },
    }
    if path.startswith("docs/"):
        target = path.removeprefix("docs/")
    elif path.startswith("examples/") and path.endswith("README.md"):
        target = path.replace("README.md", "index.md")
    else:
        target = homes.get(path, "")
    return posixpath.relpath(target, posixpath.dirname(source) or ".") if target else None
