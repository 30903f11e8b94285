"""`mme endpoint preflight`: find out what a deployment would do to the live endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mme.cli.options import Json
from mme.console import count_text, fields, print_json, print_outcome, standard_output

if TYPE_CHECKING:
    from mme.operate.preflight import PreflightFinding, PreflightReport

# Neither 1, a failure of the command, nor 2, an error that kept it from checking.
_STOPPED: Final = 3


def preflight(
    context: typer.Context,
    app: Annotated[
        str, typer.Option("--app", "-a", metavar="DIR", help="Cloud assembly written by cdk synth.")
    ] = "cdk.out",
    accept: Annotated[
        list[str] | None,
        typer.Option(
            "--accept", metavar="CODE", help="Accept a loss, such as endpoint-replaced; repeatable."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare the synthesized app with what is deployed, and stop what would fail or lose something.

    It changes nothing. Exit status 0 if the deployment may start, 3 if not, 2 if it is unknown.

    Example: cdk synth --quiet -c env=dev && mme --env dev endpoint preflight
    """
    from pathlib import Path

    from mme.cli.deployment import target_of
    from mme.operate.preflight import connect, inspect

    report = inspect(target_of(context).settings, Path(app), connect)
    stopping = report.stopping(accept or ())
    if as_json:
        print_json(_json(report, stopping))
    else:
        _print(report, stopping)
    if stopping:
        raise typer.Exit(_STOPPED)


def _json(report: PreflightReport, stopping: list[PreflightFinding]) -> dict[str, Any]:
    findings = [
        fields(one, "code subject message reason")
        | {"effect": one.effect.value, "stops": one in stopping, "hint": one.hint or None}
        for one in report.findings
    ]
    facts = fields(report, "stack region stacks first_deployment=first")
    return facts | {"may_deploy": not stopping, "findings": findings}


def _print(report: PreflightReport, stopping: list[PreflightFinding]) -> None:
    from mme.operate.preflight import Effect

    console = standard_output()
    for finding in report.findings:
        style = "cyan" if finding.effect is Effect.NOTE else "yellow"
        style = "bold red" if finding in stopping else style
        console.print(finding.effect.value, style=style, end=" ")
        console.print(f"{finding.code} {finding.subject}: {finding.message}", soft_wrap=True)
        for line in (finding.reason, *finding.hint.splitlines()):
            if line:
                console.print(f"  {line}", soft_wrap=True)
    if not stopping:
        print_outcome("ok", f"{report.stack} in {report.region} may be deployed")
        return
    print_outcome(
        "stop", f"{count_text(len(stopping), 'findings')}: do not deploy {report.stack}", style="bold red"
    )
    losses = sorted({finding.code for finding in stopping if finding.effect is Effect.LOSES})
    if losses:
        accepted = " ".join(f"--accept {code}" for code in losses)
        console.print(f"to accept the loss: {accepted}", style="dim", soft_wrap=True)
