"""`mme endpoint doctor`: find out what is wrong, with hints."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mme.cli.options import Json
from mme.console import assembled, count_text, fields, print_json, print_layout
from mme.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType
    from rich.progress import Progress

_MARKS: Final = {
    "ok": ("✓", "green"),
    "note": ("i", "blue"),
    "skipped": ("-", "dim"),
    "warning": ("!", "yellow"),
    "error": ("✗", "bold red"),
}
_ERRORS_FOUND: Final = 2
_MOST: Final = 20
"""Findings of one check that are shown."""


def doctor(
    context: typer.Context,
    archives: Annotated[
        int | None,
        typer.Option("--archives", help="Read only the N newest archives; 0 for none.", metavar="N", min=0),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check credentials, stack, endpoint, bucket, role, image, quotas, log and every archive.

    It changes nothing. Exit status 2 if something does not work, else 0, also with warnings.

    Example: mme --env prod endpoint doctor --archives 100
    """
    from rich.progress import BarColumn

    from mme.cli.deployment import target_of
    from mme.cli.progress import bars
    from mme.operate.doctor import examine

    target = target_of(context)
    with bars(BarColumn()) as progress:
        listener = _Listener(progress)
        findings = examine(target.clients, lambda: target.deployment, listener, most_archives=archives)
    findings = [replace(one, hint=target.in_full(one.hint)) for one in findings]
    if as_json:
        names = "check=code severity message"
        print_json([fields(one, names) | {"hint": one.hint or None} for one in findings])
    else:
        print_layout(findings_text(findings))
    if any(one.severity == "error" for one in findings):
        raise typer.Exit(_ERRORS_FOUND)


def findings_text(findings: Sequence[Finding]) -> RenderableType:
    """Lay out a marked line for each finding, its hint below, and a summary, in 80 columns."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    before = ""
    for one in _shown(findings):
        mark, style = _MARKS[one.severity]
        hint = f"\n→ {one.hint}" if one.hint else ""
        text = assembled((one.message, "dim" if one.severity == "skipped" else ""), (hint, "cyan"))
        table.add_row(Text(mark, style=style), "" if one.code == before else one.code, text)
        before = one.code
    errors, warnings = (sum(one.severity == kind for one in findings) for kind in ("error", "warning"))
    counted = count_text(warnings, "warnings")
    if errors:
        summary = Text(f"{count_text(errors, 'errors')}, {counted}", style="bold red")
    elif warnings:
        summary = Text(f"no errors, {counted}", style="yellow")
    else:
        summary = Text("nothing is wrong", style="green")
    return Group(table, Text(), summary)


def _shown(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield the first findings of each check, and a note that counts the others."""
    for code in dict.fromkeys(one.code for one in findings):
        every = [one for one in findings if one.code == code]
        few = every if len(every) <= _MOST else every[: _MOST - 1]
        yield from few
        if len(every) > len(few):
            yield Finding.note(code, f"{len(every) - len(few):,} more findings", "list all: --json")


class _Listener:
    """Shows the progress as one bar; rich's lock makes it safe for threads."""

    def __init__(self, progress: Progress) -> None:
        from mme.operate.doctor.examination import CHECKS

        self._progress = progress
        self._left = list(CHECKS)
        self._task: Any = progress.add_task("checking credentials", total=len(CHECKS))

    def finished(self, check: str, findings: list[Finding]) -> None:  # noqa: ARG002
        self._left.remove(check)
        self._progress.update(self._task, advance=1, description=f"checking {', '.join(self._left)}")

    def advanced(self, done: int, total: int) -> None:
        if "archives" in self._left:
            self._progress.update(self._task, description=f"reading archives, {done:,} of {total:,}")
