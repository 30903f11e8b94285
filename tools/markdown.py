"""Markdown of generated pages: tables, and entries of docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table.

    Args:
        header: Titles of the columns.
        rows: Cells as Markdown; line breaks become spaces, and `|` is escaped.
    """
    lines = [header, ["---"] * len(header), *rows]
    escaped = ([" ".join(each.split()).replace("|", "\\|") for each in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in escaped)


def cell(text: str) -> str:
    """Return the text of a docstring or of help as Markdown on one line."""
    return " ".join(text.split()).replace("``", "`").replace("\\[", "[").replace("<", "&lt;")


def attributes(docstring: str) -> Iterator[tuple[str, str]]:
    """Yield name and meaning of each entry of a docstring's `Attributes` section."""
    section = inspect.cleandoc(docstring).partition("Attributes:\n")[2].partition("\n\n")[0]
    for entry in re.split(r"\n(?=    \w)", "\n" + section):
        name, found, text = entry.strip().partition(":")
        if found:
            sentence = cell(text)
            yield name, sentence[0].upper() + sentence[1:]
