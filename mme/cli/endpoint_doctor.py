"""`mme endpoint doctor`: what is wrong, and the next command."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType
    from rich.progress import Progress

    from mme.operate.doctor import Finding

_MARKS: Final = {
    "ok": ("✓", "green"),
    "note": ("i", "blue"),
    "skipped": ("-", "dim"),
    "warning": ("!", "yellow"),
    "error": ("✗", "bold red"),
}
_ERRORS_FOUND: Final = 2


def doctor(
    context: typer.Context,
    archives: Annotated[
        int | None,
        typer.Option("--archives", help="Read only the N newest archives; 0 for none.", metavar="N", min=0),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Find out what is wrong: credentials, stack, bucket, role, image, quotas, log, every archive.

    It changes nothing. Ends with status 2 where something does not work, else with 0, warnings or not.

    Example: mme --env prod endpoint doctor --archives 100
    """
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    from mme.cli.deployment import target_of
    from mme.console import print_json, print_layout, standard_error
    from mme.operate.doctor import examine

    target = target_of(context)
    console = standard_error()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        findings = examine(
            target.clients, lambda: target.deployment, _Listener(progress), most_archives=archives
        )
    findings = [replace(one, next=target.in_full(one.next)) for one in findings]
    if as_json:
        print_json(
            [
                {
                    "check": one.check,
                    "severity": one.severity,
                    "message": one.message,
                    "next": one.next or None,
                }
                for one in findings
            ]
        )
    else:
        print_layout(findings_text(findings))
    if any(one.severity == "error" for one in findings):
        raise typer.Exit(_ERRORS_FOUND)


def findings_text(findings: Sequence[Finding]) -> RenderableType:
    """A line for each finding with its mark, and below it the way out; then the sum, in 80 columns."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    before = ""
    for one in findings:
        mark, style = _MARKS[one.severity]
        text = Text(one.message, style="dim" if one.severity == "skipped" else "")
        if one.next:
            text.append(f"\n→ {one.next}", style="cyan")
        table.add_row(Text(mark, style=style), "" if one.check == before else one.check, text)
        before = one.check
    count = {kind: sum(one.severity == kind for one in findings) for kind in _MARKS}
    if count["error"]:
        end = Text(
            f"{_number(count['error'], 'error')}, {_number(count['warning'], 'warning')}", style="bold red"
        )
    elif count["warning"]:
        end = Text(f"no errors, {_number(count['warning'], 'warning')}", style="yellow")
    else:
        end = Text("nothing is wrong", style="green")
    return Group(table, Text(), end)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


class _Listener:
    """Turns an examination's news into one bar. rich's own lock makes it safe from several threads."""

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
