"""What the commands print: tables for people, JSON for scripts, one line for errors."""

from __future__ import annotations

import json
import math
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from mme.errors import MmeError

_PIPED_WIDTH: Final = 240


def standard_output() -> Console:
    """For results. Piped, it has no colours and does not cut lines at 80 columns."""
    from rich.console import Console

    return Console(
        highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPED_WIDTH
    )


def standard_error() -> Console:
    """For progress, notes and errors: never in the way of a result that is piped on."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Prints a value as indented JSON on standard output. Dates are in ISO form.

    JSON has no numbers that are none: they are the strings "NaN", "Infinity" and "-Infinity".
    """
    # Strings as they are: a script's parser reads UTF-8, and people read the names.
    options: dict[str, Any] = {"indent": 2, "ensure_ascii": False, "default": _plain}
    try:
        text = json.dumps(value, allow_nan=False, **options)
    except ValueError:
        text = json.dumps(_without_nan(value), allow_nan=False, **options)
    sys.stdout.write(text + "\n")


def print_error(error: MmeError) -> None:
    """Prints an error's message in one line, and below it the way out."""
    console = standard_error()
    console.print("error:", style="bold red", end=" ", markup=False)
    console.print(error.message, markup=False)
    if error.hint:
        console.print(error.hint, style="dim", markup=False)


def print_note(kind: str, text: str) -> None:
    """Prints `kind text` on standard error: `skipped`, `warning`."""
    console = standard_error()
    console.print(kind, style="yellow", end=" ", markup=False)
    console.print(text, markup=False)


def plain_table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """A table without a frame: it copies well and fits 80 columns.

    Args:
        columns: the headings.
        right: those whose values stand at the right, as numbers do.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def print_table(table: Table) -> None:
    """Prints a table's columns in line for people; piped, with a tab between them and nothing else.

    So `cut -f1` takes a column apart whatever is in it, and no line is as wide as the widest cell. Lines in
    one cell are joined by semicolons.
    """
    if sys.stdout.isatty():
        standard_output().print(table)
        return
    from rich.text import Text

    def plain(cell: object) -> str:
        text = cell.plain if isinstance(cell, Text) else Text.from_markup(str(cell)).plain
        return "; ".join(" ".join(line.split()) for line in text.splitlines())

    sys.stdout.write("\t".join(plain(column.header) for column in table.columns) + "\n")
    for row in zip(*(list(column.cells) for column in table.columns), strict=True):
        sys.stdout.write("\t".join(plain(cell) for cell in row) + "\n")


def print_line(text: str, *, style: str | None = None) -> None:
    """Print one line of a result as it is: without markup, not wrapped.

    Args:
        text: The line.
        style: A colour, on a terminal.
    """
    standard_output().print(text, style=style, markup=False, soft_wrap=True)


def print_layout(layout: RenderableType) -> None:
    """Prints what stands in columns without being a table; piped, without spaces at the lines' ends."""
    console = standard_output()
    if sys.stdout.isatty():
        console.print(layout)
        return
    with console.capture() as printed:
        console.print(layout)
    sys.stdout.write("".join(line.rstrip() + "\n" for line in printed.get().splitlines()))


def count_text(count: int, noun: str) -> str:
    """`1 object`, `1,200 objects`; the noun is given in the plural."""
    return f"{count:,} {noun.removesuffix('s') if count == 1 else noun}"


def size_text(count: int) -> str:
    """`882 B`, `30.8 kB`, `1.2 GB`: powers of 1000, as S3's bill has them."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.95 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


def age_text(moment: datetime, now: datetime | None = None) -> str:
    """How long ago: `5 s`, `12 min`, `3 h`, `45 d`."""
    seconds = max(0, int(((now or datetime.now(UTC)) - moment).total_seconds()))
    for limit, length, unit in ((120, 1, "s"), (7200, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{seconds // length} {unit}"
    return f"{seconds // 86400} d"


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    return [_without_nan(item) for item in value] if isinstance(value, list | tuple) else value


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
