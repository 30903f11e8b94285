"""The one boundary to the terminal: tables for people, JSON for scripts, one line for errors.

Names, messages and answers come from outside: S3 keys, models, logs. All printed text is literal,
never markup, and each character that could control a terminal or hide text becomes U+FFFD; JSON escapes it.
"""

from __future__ import annotations

import json
import math
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, Never

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

    from mme.errors import MmeError

_PIPED_WIDTH: Final = 240
# C0 except tab and newline, DEL, C1; line ends; bidirectional controls; invisible characters (Unicode
# Default_Ignorable_Code_Point, and Cf without the visible Arabic signs); lone surrogates.
_UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_LONGEST_LINE: Final = 1500
"""Longest line of an error, in characters: a message may repeat a name or a file's content."""
_ERROR_TAIL: Final = 300
_USER_INFO: Final = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/?#\s'\"]*@", re.IGNORECASE)


def safe_text(text: str) -> str:
    """Return the text with U+FFFD in place of each character that could control a terminal or hide text."""
    return _UNSAFE.sub("\ufffd", text)


def one_line(text: str) -> str:
    """Return `safe_text` with U+FFFD for tabs and line ends too: a name must not look like two lines."""
    return safe_text(text).replace("\n", "\ufffd").replace("\t", "\ufffd")


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


def styled(text: str, style: str = "") -> Text:
    """Return styled text, for example for a table cell.

    Args:
        text: The text.
        style: A colour or attribute: `green`, `bold red`.
    """
    from rich.text import Text

    return Text(safe_text(text), style=style)


def assembled(*parts: str | tuple[str, str]) -> Text:
    """Return text of several styles: strings, and pairs of string and style."""
    from rich.text import Text

    pairs = ((part, "") if isinstance(part, str) else part for part in parts)
    return Text.assemble(*((safe_text(text), style) for text, style in pairs))


def print_json(value: Any) -> None:
    """Print a value as indented JSON on standard output. Dates are in ISO form.

    JSON has no NaN and no infinities: they are the strings "NaN", "Infinity" and "-Infinity".
    """
    sys.stdout.write(_json_text(value, indent=2) + "\n")


def print_json_line(value: Any) -> None:
    """Print a value as JSON in one line, as `print_json` does."""
    sys.stdout.write(_json_text(value, indent=None) + "\n")


def _json_text(value: Any, *, indent: int | None) -> str:
    # Strings as they are: a script's parser reads UTF-8, and people read the names.
    readable = (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    options: dict[str, Any] = {"indent": indent, "ensure_ascii": not readable, "default": _plain}
    try:
        text = json.dumps(value, allow_nan=False, **options)
    except ValueError:
        text = json.dumps(_without_nan(value), allow_nan=False, **options)
    # JSON's escapes, in UTF-16, keep the value.
    return _UNSAFE.sub(lambda match: json.dumps(match[0])[1:-1], text)


def print_csv(rows: Iterable[Mapping[str, Any]]) -> None:
    """Print rows as CSV on standard output, with the first one's keys as the header.

    Args:
        rows: Column name to value; None is an empty cell. All have the same keys.
    """
    import csv

    for number, row in enumerate(rows):
        writer = csv.DictWriter(sys.stdout, list(row), lineterminator="\n")
        if not number:
            writer.writeheader()
        writer.writerow({name: one_line(str(v)) if isinstance(v, str) else v for name, v in row.items()})


def fields(value: object, names: str) -> dict[str, Any]:
    """Return attributes of an object for `print_json`.

    Args:
        value: The object.
        names: Names of attributes, separated by spaces; `shown=name` shows one under another name.
    """
    pairs = (part.partition("=") for part in names.split())
    return {shown: getattr(value, name or shown) for shown, _, name in pairs}


def print_error(error: MmeError) -> None:
    """Print an error's message in one line, and its hint in the next. Passwords in URLs are hidden."""
    console = standard_error()
    console.print("error:", style="bold red", end=" ")
    # Further lines are indented: they are not errors or hints of ours.
    console.print("\n  ".join(_shortened(hide_passwords(error.message)).splitlines()))
    if error.hint:
        console.print(_shortened(hide_passwords(error.hint)), style="dim")


def print_traceback(error: BaseException) -> None:
    """Print the traceback of a bug on standard error; the texts in it come from outside too."""
    import traceback

    sys.stderr.write(safe_text(hide_passwords("".join(traceback.format_exception(error)))))


def log_to_terminal(level: int) -> None:
    """Write log records of a level and above to standard error, as safe text."""
    import logging

    class SafeFormatter(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return safe_text(super().format(record))

    handler = logging.StreamHandler()
    handler.setFormatter(SafeFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])


def hide_passwords(text: str) -> str:
    """Return the text with `***` for user and password in each URL."""
    return _USER_INFO.sub(r"\1***@", text)


def _shortened(text: str) -> str:
    lines = (
        line
        if len(line) <= _LONGEST_LINE
        else f"{line[: _LONGEST_LINE - _ERROR_TAIL]} ... {line[-_ERROR_TAIL:]}"
        for line in text.split("\n")
    )
    return "\n".join(lines)


def print_note(kind: str, text: str) -> None:
    """Print `kind text` on standard error.

    Args:
        kind: The first word, in colour: `skipped`, `warning`.
        text: The rest of the line.
    """
    console = standard_error()
    console.print(one_line(kind), style="yellow", end=" ")
    console.print(hide_passwords(one_line(text)))


def print_outcome(outcome: str, text: str, *, style: str = "green") -> None:
    """Print `outcome text` on standard output.

    Args:
        outcome: The first word, in colour: `done`.
        text: The rest of the line.
        style: Style of the first word.
    """
    console = standard_output()
    console.print(outcome, style=style, end=" ")
    console.print(one_line(text), soft_wrap=True)


def plain_table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """Return a table without a frame: it copies well and fits 80 columns.

    Cells are literal text: strings are one line, `styled` text may have several.

    Args:
        columns: Headings.
        right: Headings of the columns that are aligned right, as numbers are.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    class SafeTable(Table):
        def add_row(self, *cells: Any, **options: Any) -> None:
            super().add_row(*(one_line(cell) if isinstance(cell, str) else cell for cell in cells), **options)

    table = SafeTable(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
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
    standard_output().print(one_line(text), style=style, soft_wrap=True)


def print_answer_text(text: str) -> None:
    """Print a container's text: safe on a terminal, unchanged in a pipe."""
    sys.stdout.write((safe_text(text) if sys.stdout.isatty() else text).removesuffix("\n") + "\n")


@contextmanager
def waiting(text: str) -> Iterator[Callable[[str], None]]:
    """Show a spinner on a terminal's standard error; yields a function that changes the text."""
    with standard_error().status(styled(one_line(text), "default")) as status:
        yield lambda changed: status.update(styled(one_line(changed), "default"))


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """End on SIGTERM (`kill`, a cancelled pipeline) and SIGHUP (a closed terminal) in order, as on Ctrl-C.

    By default they end Python at once: parts of an upload would stay in S3, processes and files on this
    machine. A second signal still does. An ignored signal stays ignored, so that `nohup` works. In other
    threads than the main one, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, _end)
        for name in ("SIGTERM", "SIGHUP")
        if (number := getattr(signal, name, None)) is not None
        and signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _: FrameType | None) -> Never:
    signal.signal(number, signal.SIG_DFL)
    raise SystemExit(128 + number)  # the exit status that shells report


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
