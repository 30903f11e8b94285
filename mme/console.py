"""What the commands print: tables for people, JSON for scripts, one line for errors."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

    from mme.errors import MmeError

_PIPED_WIDTH: Final = 240
# Control characters except tab and newline; bidirectional controls and other line ends; lone surrogates.
_UNSAFE: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def safe_text(text: str) -> str:
    """Return the text with U+FFFD in place of each character that could control a terminal.

    S3 keys, model errors and logs come from outside: an escape sequence in them could hide or fake output.
    """
    return _UNSAFE.sub("\ufffd", text)


def standard_output() -> Console:
    """Return the console for results. Piped, it has no colours and does not cut lines at 80 columns."""
    return _console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPED_WIDTH)


def standard_error() -> Console:
    """Return the console for progress, notes and errors, so that a piped result is only the result."""
    return _console(stderr=True, soft_wrap=True)


def _console(**options: Any) -> Console:
    """Return a console that prints all text literally: no markup, no emoji codes, no control characters."""
    from rich.console import Console
    from rich.segment import Segment

    class SafeConsole(Console):
        def render_str(self, text: str, **options: Any) -> Text:
            # Before the width of a cell is measured.
            return super().render_str(safe_text(text), **options)

        def render(self, renderable: Any, options: Any = None) -> Any:
            for segment in super().render(renderable, options):
                yield segment if segment.control else Segment(safe_text(segment.text), segment.style)

    return SafeConsole(highlight=False, markup=False, emoji=False, **options)


def styled(text: str, style: str) -> Text:
    """Return styled text, for example for a table cell.

    Args:
        text: The text.
        style: A colour or attribute: `green`, `bold red`.
    """
    from rich.text import Text

    return Text(safe_text(text), style=style)


def print_json(value: Any) -> None:
    """Print a value as indented JSON on standard output. Dates are in ISO form.

    JSON has no NaN and no infinities: they are the strings "NaN", "Infinity" and "-Infinity".
    """
    # Strings as they are: a script's parser reads UTF-8, and people read the names.
    options: dict[str, Any] = {"indent": 2, "ensure_ascii": False, "default": _plain}
    try:
        text = json.dumps(value, allow_nan=False, **options)
    except ValueError:
        text = json.dumps(_without_nan(value), allow_nan=False, **options)
    # JSON's escapes keep the value.
    sys.stdout.write(_UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n")


def print_error(error: MmeError) -> None:
    """Print an error's message in one line, and its hint in the next."""
    console = standard_error()
    console.print("error:", style="bold red", end=" ")
    console.print(error.message)
    if error.hint:
        console.print(error.hint, style="dim")


def print_note(kind: str, text: str) -> None:
    """Print `kind text` on standard error.

    Args:
        kind: The first word, in colour: `skipped`, `warning`.
        text: The rest of the line.
    """
    console = standard_error()
    console.print(kind, style="yellow", end=" ")
    console.print(text)


def print_outcome(outcome: str, text: str, *, style: str = "green") -> None:
    """Print `outcome text` on standard output.

    Args:
        outcome: The first word, in colour: `done`.
        text: The rest of the line.
        style: Style of the first word.
    """
    console = standard_output()
    console.print(outcome, style=style, end=" ")
    console.print(text, soft_wrap=True)


def plain_table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """Return a table without a frame: it copies well and fits 80 columns. Cells are literal text.

    Args:
        columns: Headings.
        right: Headings of the columns that are aligned right, as numbers are.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def print_table(table: Table) -> None:
    """Print a table's columns in line on a terminal; piped, with a tab between them and nothing else.

    `cut -f1` then returns a column whatever it contains. Lines in one cell are joined by semicolons.
    """
    if sys.stdout.isatty():
        standard_output().print(table)
        return

    def plain(cell: object) -> str:
        text = safe_text(str(cell))
        return "; ".join(" ".join(line.split()) for line in text.splitlines())

    sys.stdout.write("\t".join(plain(column.header) for column in table.columns) + "\n")
    for row in zip(*(list(column.cells) for column in table.columns), strict=True):
        sys.stdout.write("\t".join(plain(cell) for cell in row) + "\n")


def print_line(text: str, *, style: str | None = None) -> None:
    """Print one line of a result, not wrapped.

    Args:
        text: The line.
        style: A colour, on a terminal.
    """
    standard_output().print(text, style=style, soft_wrap=True)


def print_layout(layout: RenderableType) -> None:
    """Print columns that are not a table; piped, without spaces at the ends of lines."""
    console = standard_output()
    if sys.stdout.isatty():
        console.print(layout)
        return
    with console.capture() as printed:
        console.print(layout)
    sys.stdout.write("".join(line.rstrip() + "\n" for line in printed.get().splitlines()))


def count_text(count: int, noun: str) -> str:
    """Return `1 object` or `1,200 objects`.

    Args:
        count: How many.
        noun: In the plural.
    """
    return f"{count:,} {noun.removesuffix('s') if count == 1 else noun}"


def size_text(count: int) -> str:
    """Return a size in powers of 1000, as on S3's bill: `882 B`, `30.8 kB`, `1.2 GB`."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.95 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


def age_text(moment: datetime, now: datetime | None = None) -> str:
    """Return the time since a moment: `5 s`, `12 min`, `3 h`, `45 d`.

    Args:
        moment: With a time zone.
        now: Default: the current time.
    """
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
