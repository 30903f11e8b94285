"""`mme endpoint preflight`: what a deployment would do to the live endpoint, before it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from mme.operate.preflight import Finding, Report

# Not 1, which is a failure of the command's own, nor 2, which is an error that kept it from checking.
STOPPED: Final = 3


def preflight(
    context: typer.Context,
    app: Annotated[
        str, typer.Option("--app", "-a", metavar="DIR", help="Cloud assembly that cdk synth wrote.")
    ] = "cdk.out",
    accept: Annotated[
        list[str] | None,
        typer.Option(
            "--accept", metavar="CODE", help="A loss that is wanted, such as endpoint-replaced; repeatable."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Compare the synthesized app with what is deployed, and stop what would fail or lose something.

    It changes nothing. Ends with status 0 if the deployment may go on, 3 if not, 2 if it can't tell.

    Example: cdk synth --quiet -c env=dev && mme --env dev endpoint preflight
    """
    from pathlib import Path

    from mme.cli.deployment import target_of
    from mme.console import print_json
    from mme.operate.preflight import connect, inspect

    report = inspect(target_of(context).settings, Path(app), connect)
    stopping = report.stopping(accept or ())
    if as_json:
        print_json(_json(report, stopping))
    else:
        _print(report, stopping)
    if stopping:
        raise typer.Exit(STOPPED)


def _json(report: Report, stopping: list[Finding]) -> dict[str, Any]:
    return {
        "stack": report.stack,
        "region": report.region,
        "stacks": list(report.stacks),
        "first_deployment": report.first,
        "may_deploy": not stopping,
        "findings": [
            {
                "code": finding.code,
                "effect": finding.effect.value,
                "stops": finding in stopping,
                "subject": finding.subject,
                "message": finding.message,
                "reason": finding.reason,
                "way_out": list(finding.way_out),
            }
            for finding in report.findings
        ],
    }


def _print(report: Report, stopping: list[Finding]) -> None:
    from mme.console import standard_output
    from mme.operate.preflight import Effect

    console = standard_output()
    for finding in report.findings:
        _print_finding(console, finding, stops=finding in stopping)
    losses = sorted({finding.code for finding in stopping if finding.effect is Effect.LOSES})
    if not stopping:
        where = f"{report.stack} in {report.region}"
        console.print(f"[green]ok[/] {where} may be deployed", soft_wrap=True)
        return
    count = f"{len(stopping)} finding{'s' if len(stopping) > 1 else ''}"
    console.print(f"[bold red]stop[/] {count}: do not deploy {report.stack}", soft_wrap=True)
    if losses:
        accepted = " ".join(f"--accept {code}" for code in losses)
        console.print(f"a loss that is wanted: {accepted}", style="dim", soft_wrap=True)


def _print_finding(console: Console, finding: Finding, *, stops: bool) -> None:
    style = "bold red" if stops else {"warning": "yellow", "note": "cyan"}.get(finding.effect.value, "yellow")
    console.print(finding.effect.value, style=style, end=" ", markup=False)
    console.print(f"{finding.code} {finding.subject}: {finding.message}", markup=False, soft_wrap=True)
    for line in (finding.reason, *finding.way_out):
        if line:
            console.print(f"  {line}", markup=False, soft_wrap=True)
