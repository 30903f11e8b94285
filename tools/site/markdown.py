"""Parts of generated pages: tables, and entries of docstrings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table.

    Args:
        header: Titles of the columns.
        rows: Cells as Markdown, on one line each.
    """
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(text: str) -> str:
    """Return text that a table cell can hold."""
    line = " ".join(text.split())
    return line.replace("``", "`").replace("\\[", "[").replace("|", "\\|").replace("<", "&lt;")


def attributes(docstring: str) -> Iterator[tuple[str, str]]:
    """Yield name and meaning of each entry of a docstring's `Attributes` section."""
    section = docstring.partition("Attributes:\n")[2].partition("\n\n")[0]
    for entry in re.split(r"\n(?=        \w)", "\n" + section):
        name, found, text = entry.strip().partition(":")
        if found:
            sentence = cell(text)
            yield name, sentence[0].upper() + sentence[1:]
